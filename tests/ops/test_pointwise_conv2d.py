import re

import numpy as np
import pytest
from op_checks import QUICK_FORMS, assert_float32_within, assert_forms_agree, in_every_form, layouts, normal, unchanged

from mobilenet_np.check import adjoint_test, gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.pointwise_conv2d import matmul, pointwise_conv2d_backward, pointwise_conv2d_forward

# (N, H, W), C_in, C_out; the kernel takes eight channels at a time, so below, at and above multiples of eight
SHAPES = [
    ((1, 1, 1), 1, 1),
    ((2, 3, 4), 3, 2),
    ((1, 5, 2), 8, 1),
    ((2, 2, 3), 1, 9),
    ((1, 2, 5), 19, 16),
    ((3, 3, 1), 7, 24),
]


def forward(x, w):
    return pointwise_conv2d_forward(x, w)[0]


def backward(dy, x, w):
    return pointwise_conv2d_backward(dy, pointwise_conv2d_forward(x, w)[1])


def problem(pixels, C_in, C_out, dtype=np.float64):
    """x, w and dy."""
    return normal((*pixels, C_in), (C_in, C_out), (*pixels, C_out), dtype=dtype)


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    x = np.array([[[[1.0, 2], [3, 4]]]])  # two pixels, two channels
    w = np.array([[1.0, 0, -1], [10, 1, 0]])
    dy = np.array([[[[1.0, 0, 2], [0, 3, 0]]]])
    with form(name):
        y, cache = pointwise_conv2d_forward(x, w)
        dx, dw = pointwise_conv2d_backward(dy, cache)
    np.testing.assert_array_equal(y[0, 0], [[1 + 20, 2, -1], [3 + 40, 4, -3]])
    np.testing.assert_array_equal(dx[0, 0], [[1 - 2, 10], [0, 3]])
    np.testing.assert_array_equal(dw, [[1 * 1, 3 * 3, 1 * 2], [2 * 1, 4 * 3, 2 * 2]])


def test_shape_and_cache():
    y, cache = pointwise_conv2d_forward(*normal((1, 112, 112, 32), (32, 64), dtype=np.float32))
    assert (y.shape, y.dtype) == ((1, 112, 112, 64), np.float32)
    assert repr(cache) == "PointwiseConv2dCache(x=float32 (1, 112, 112, 32), w=float32 (32, 64))"


def test_every_pixel_is_treated_alike():
    pytest.importorskip("numba")  # a BLAS need not
    x, w, _ = problem((2, 3, 4), 5, 6)
    y = forward(x, w)
    for n, i, j in np.ndindex(2, 3, 4):
        np.testing.assert_array_equal(forward(x[n : n + 1, i : i + 1, j : j + 1], w)[0, 0, 0], y[n, i, j])


def test_matmul():
    pytest.importorskip("numba")
    # Sizes on both sides of every multiple of eight, in exact integers.
    rng = np.random.default_rng(0)
    for R, K, C in [(1, 1, 1), (3, 7, 5), (2, 8, 3), (5, 9, 1), (4, 16, 33), (1, 31, 2)]:
        a, b = (rng.integers(-9, 10, shape).astype(float) for shape in [(R, K), (K, C)])
        np.testing.assert_array_equal(matmul(a, b), a @ b)


# --- gradients


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_adjoint(shape, name):
    x, w, _ = problem(*shape)
    with form(name):
        for seed in range(3):
            adjoint_test(lambda x: forward(x, w), lambda dy: backward(dy, x, w)[0], x, seed).assert_ok()
            adjoint_test(lambda w: forward(x, w), lambda dy: backward(dy, x, w)[1], w, seed).assert_ok()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, method, name):
    x, w, _ = problem(*shape)
    with form(name):
        gradcheck((pointwise_conv2d_forward, pointwise_conv2d_backward), x, w, method=method).assert_ok()


# --- the three forms


@pytest.mark.parametrize("shape", SHAPES)
def test_forms_agree(shape):
    x, w, dy = problem(*shape)
    assert_forms_agree(lambda: forward(x, w), rtol=1e-12)
    assert_forms_agree(lambda: backward(dy, x, w), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_numba_adds_in_the_definitions_order(shape):
    pytest.importorskip("numba")
    x, w, dy = problem(*shape)
    results = in_every_form(lambda: (forward(x, w), *backward(dy, x, w)))
    for actual, expected in zip(results["numba"], results["loops"], strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_within_its_rounding_bound(shape):
    x, w, dy = problem(*shape, dtype=np.float32)
    C_in, C_out = w.shape
    assert_float32_within(forward, [x, w], [C_in])
    assert_float32_within(backward, [dy, x, w], [C_out, dy[..., 0].size])


@pytest.mark.parametrize(("C_in", "C_out"), [(16, 24), (24, 16), (24, 152), (152, 24)])
@pytest.mark.parametrize("P", [5, 255, 256, 257, 600])
def test_float32_within_its_rounding_bound_where_kernels_change_their_ways(P, C_in, C_out):
    """From 256 rows on w is packed and the rows are shared out; dw is summed over 256 positions at a time."""
    x, w, dy = problem((1, 1, P), C_in, C_out, dtype=np.float32)
    assert_float32_within(forward, [x, w], [C_in], QUICK_FORMS)
    assert_float32_within(backward, [dy, x, w], [C_out, P], QUICK_FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(name):
    x, w, dy = problem((2, 3, 4), 9, 10)
    with form(name):
        expected = forward(x, w), *backward(dy, x, w)
        for x2, w2, dy2 in zip(layouts(x), layouts(w), layouts(dy), strict=True):
            with unchanged(x2, w2, dy2):
                y, cache = pointwise_conv2d_forward(x2, w2)
                results = y, *pointwise_conv2d_backward(dy2, cache)
            for actual, right in zip(results, expected, strict=True):
                np.testing.assert_allclose(actual, right, rtol=0, atol=1e-14 * np.abs(right).max())
                assert not any(np.shares_memory(actual, array) for array in (x2, w2, dy2))


@pytest.mark.parametrize("name", FORMS)
def test_nan_reaches_what_sees_it_and_nothing_else(name):
    x, w, dy = problem((2, 3, 4), 9, 10)
    pixel, column = np.zeros((2, 3, 4, 1), bool), np.arange(10) == 3
    pixel[1, 2, 0] = True
    with form(name):
        y = forward(np.where(pixel & (np.arange(9) == 8), np.nan, x), w)
        np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(pixel, y.shape))
        y = forward(x, np.where(column & (np.arange(9) == 8)[:, None], np.nan, w))
        np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(column, y.shape))
        dx, dw = backward(np.where(pixel & column, np.nan, dy), x, w)
    np.testing.assert_array_equal(np.isnan(dx), np.broadcast_to(pixel, dx.shape))
    np.testing.assert_array_equal(np.isnan(dw), np.broadcast_to(column, dw.shape))


# --- errors

X, K = np.zeros((2, 8, 8, 16)), np.zeros((16, 32))
ERRORS = [
    ((X.tolist(), K), TypeError, "pointwise_conv2d: x is a list; it must be a NumPy array of shape (N, H, W, C_in)"),
    ((X[0], K), ValueError, "pointwise_conv2d: x has shape (8, 8, 16); it must have 4 axes (N, H, W, C_in)"),
    (
        (X, K[None, None]),
        ValueError,
        "pointwise_conv2d: w has shape (1, 1, 16, 32); it must have 2 axes (C_in, C_out)",
    ),
    ((X, K.astype(np.int8)), TypeError, "pointwise_conv2d: w is int8; it must be float32 or float64"),
    ((X, K[:, :0]), ValueError, "pointwise_conv2d: w has shape (16, 0); no axis may be empty"),
    ((X, K.astype(np.float32)), TypeError, "pointwise_conv2d: dtypes differ (x float64, w float32)"),
    (
        (X, K.T),
        ValueError,
        "pointwise_conv2d: x has 16 channels, w takes 32 (x (2, 8, 8, 16), w (32, 16)); "
        "the last axis of x must be the first of w (C_in, C_out)",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS, ids=[m[:60] for _, _, m in ERRORS])
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        pointwise_conv2d_forward(*arguments)


def test_errors_of_the_backward_pass():
    op = "pointwise_conv2d_backward"
    y, cache = pointwise_conv2d_forward(X, K)
    message = f"{op}: dy has shape (2, 8, 8, 16), expected (2, 8, 8, 32); it must have the shape of y"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        pointwise_conv2d_backward(X, cache)
    message = f"{op}: dy has shape (8, 8, 32); it must have 4 axes (N, H, W, C_out)"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        pointwise_conv2d_backward(y[0], cache)
    with pytest.raises(TypeError, match="^" + re.escape(f"{op}: dtypes differ (dy float32, x float64)")):
        pointwise_conv2d_backward(y.astype(np.float32), cache)
