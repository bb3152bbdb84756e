import re

import numpy as np
import pytest
from op_checks import assert_float32_within, assert_forms_agree, in_every_form, layouts, normal, unchanged

from mobilenet_np.check import adjoint_test, gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.linear import linear_backward, linear_forward
from mobilenet_np.ops.pointwise_conv2d import pointwise_conv2d_forward

# N, C_in, C_out
SHAPES = [(1, 1, 1), (2, 3, 4), (1, 17, 5), (9, 8, 1), (3, 1, 9)]


def forward(x, w, b):
    return linear_forward(x, w, b)[0]


def backward(dy, x, w, b):
    return linear_backward(dy, linear_forward(x, w, b)[1])


def problem(N, C_in, C_out, dtype=np.float64):
    """x, w, b and dy."""
    return normal((N, C_in), (C_in, C_out), (C_out,), (N, C_out), dtype=dtype)


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    x, w, b = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 0, -1], [10, 1, 0]]), np.array([100.0, 200, 300])
    dy = np.array([[1.0, 0, 2], [0, 3, 1]])
    with form(name):
        y, cache = linear_forward(x, w, b)
        dx, dw, db = linear_backward(dy, cache)
    np.testing.assert_array_equal(y, [[121, 202, 299], [143, 204, 297]])
    np.testing.assert_array_equal(dx, [[1 - 2, 10], [-1, 3]])
    np.testing.assert_array_equal(dw, [[1 * 1, 3 * 3, 1 * 2 + 3 * 1], [2 * 1, 4 * 3, 2 * 2 + 4 * 1]])
    np.testing.assert_array_equal(db, [1, 3, 3])


def test_shape_and_cache():
    y, cache = linear_forward(*normal((4, 1280), (1280, 1000), (1000,), dtype=np.float32))
    assert (y.shape, y.dtype) == ((4, 1000), np.float32)
    assert repr(cache) == "LinearCache(x=float32 (4, 1280), w=float32 (1280, 1000))"


@pytest.mark.parametrize("name", ["loops", "numba"])
def test_is_a_pointwise_convolution_of_one_pixel(name):
    x, w, b, _ = problem(3, 9, 5)
    with form(name):
        np.testing.assert_array_equal(forward(x, w, b), pointwise_conv2d_forward(x[:, None, None], w)[0][:, 0, 0] + b)


# --- gradients


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_adjoint(shape, name):
    x, w, b, _ = problem(*shape)
    no_x, no_b = np.zeros_like(x), np.zeros_like(b)
    with form(name):
        for seed in range(3):
            adjoint_test(lambda x: forward(x, w, no_b), lambda dy: backward(dy, x, w, b)[0], x, seed).assert_ok()
            adjoint_test(lambda w: forward(x, w, no_b), lambda dy: backward(dy, x, w, b)[1], w, seed).assert_ok()
            adjoint_test(lambda b: forward(no_x, w, b), lambda dy: backward(dy, x, w, b)[2], b, seed).assert_ok()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, method, name):
    x, w, b, _ = problem(*shape)
    with form(name):
        gradcheck((linear_forward, linear_backward), x, w, b, method=method).assert_ok()


# --- the three forms


@pytest.mark.parametrize("shape", SHAPES)
def test_forms_agree(shape):
    x, w, b, dy = problem(*shape)
    assert_forms_agree(lambda: forward(x, w, b), rtol=1e-12)
    assert_forms_agree(lambda: backward(dy, x, w, b), rtol=1e-12)
    assert_forms_agree(lambda: backward(dy, x, w, b)[2])  # no BLAS here: the same bits


@pytest.mark.parametrize("shape", SHAPES)
def test_numba_adds_in_the_definitions_order(shape):
    pytest.importorskip("numba")
    x, w, b, dy = problem(*shape)
    results = in_every_form(lambda: (forward(x, w, b), *backward(dy, x, w, b)))
    for actual, expected in zip(results["numba"], results["loops"], strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_within_its_rounding_bound(shape):
    x, w, b, dy = problem(*shape, dtype=np.float32)
    N, C_in, C_out = shape
    assert_float32_within(forward, [x, w, b], [C_in + 1])
    assert_float32_within(backward, [dy, x, w, b], [C_out, N, N])


@pytest.mark.parametrize("name", FORMS)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(name):
    x, w, b, dy = problem(3, 9, 10)
    with form(name):
        expected = forward(x, w, b), *backward(dy, x, w, b)
        for x2, w2, b2, dy2 in zip(layouts(x), layouts(w), layouts(b), layouts(dy), strict=True):
            with unchanged(x2, w2, b2, dy2):
                y, cache = linear_forward(x2, w2, b2)
                results = y, *linear_backward(dy2, cache)
            for actual, right in zip(results, expected, strict=True):
                np.testing.assert_allclose(actual, right, rtol=0, atol=1e-14 * np.abs(right).max())
                assert not any(np.shares_memory(actual, array) for array in (x2, w2, b2, dy2))


@pytest.mark.parametrize("name", FORMS)
def test_nan_reaches_what_sees_it_and_nothing_else(name):
    x, w, b, dy = problem(3, 9, 10)
    row, column = (np.arange(3) == 1)[:, None], np.arange(10) == 4
    with form(name):
        y = forward(np.where(row & (np.arange(9) == 8), np.nan, x), w, b)
        np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(row, y.shape))
        y = forward(x, w, np.where(column, np.nan, b))
        np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(column, y.shape))
        dx, dw, db = backward(np.where(row & column, np.nan, dy), x, w, b)
    np.testing.assert_array_equal(np.isnan(dx), np.broadcast_to(row, dx.shape))
    np.testing.assert_array_equal(np.isnan(dw), np.broadcast_to(column, dw.shape))
    np.testing.assert_array_equal(np.isnan(db), column)


# --- errors

X, K, B = np.zeros((2, 16)), np.zeros((16, 10)), np.zeros(10)
ERRORS = [
    ((X, K, 0.0), TypeError, "linear: b is a float; it must be a NumPy array of shape (C_out)"),
    ((X[:, None, None], K, B), ValueError, "linear: x has shape (2, 1, 1, 16); it must have 2 axes (N, C_in)"),
    ((X, B, B), ValueError, "linear: w has shape (10,); it must have 2 axes (C_in, C_out)"),
    ((X, K, B[None]), ValueError, "linear: b has shape (1, 10); it must have 1 axes (C_out)"),
    ((X.astype(bool), K, B), TypeError, "linear: x is bool; it must be float32 or float64"),
    ((X[:0], K, B), ValueError, "linear: x has shape (0, 16); no axis may be empty"),
    ((X, K, B.astype(np.float32)), TypeError, "linear: dtypes differ (x float64, w float64, b float32)"),
    (
        (X, K.T, B),
        ValueError,
        "linear: x has 16 channels, w takes 10 (x (2, 16), w (10, 16)); "
        "the last axis of x must be the first of w (C_in, C_out)",
    ),
    (
        (X, K, B[:1]),
        ValueError,
        "linear: b has shape (1,), expected (10,); w (16, 10) needs one bias per output channel",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS, ids=[m[:50] for _, _, m in ERRORS])
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        linear_forward(*arguments)


def test_errors_of_the_backward_pass():
    op = "linear_backward"
    y, cache = linear_forward(X, K, B)
    message = f"{op}: dy has shape (1, 10), expected (2, 10); it must have the shape of y"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        linear_backward(y[:1], cache)
    with pytest.raises(ValueError, match="^" + re.escape(f"{op}: dy has shape (10,); it must have 2 axes (N, C_out)")):
        linear_backward(y[0], cache)
    with pytest.raises(TypeError, match="^" + re.escape(f"{op}: dtypes differ (dy float32, x float64)")):
        linear_backward(y.astype(np.float32), cache)
