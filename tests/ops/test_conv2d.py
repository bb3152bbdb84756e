import re

import numpy as np
import pytest
from op_checks import (
    QUICK_FORMS,
    SAME_WINDOWS,
    WINDOWS,
    assert_float32_within,
    assert_forms_agree,
    in_every_form,
    layouts,
    normal,
    unchanged,
)

from mobilenet_np.check import adjoint_test, gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.geometry import output_size, same_padding
from mobilenet_np.ops.conv2d import conv2d_backward, conv2d_forward
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_forward
from mobilenet_np.ops.pointwise_conv2d import pointwise_conv2d_forward

VALID = ((0, 0), (0, 0))


def forward(x, w, stride, padding):
    return conv2d_forward(x, w, stride, padding)[0]


def backward(dy, x, w, stride, padding):
    return conv2d_backward(dy, conv2d_forward(x, w, stride, padding)[1])


def problem(H, W, kernel, stride, padding, N=2, C_in=3, C_out=2, dtype=np.float64):
    """x, w and dy."""
    (top, bottom), (left, right) = padding
    Ho, Wo = output_size(H, kernel[0], stride, (top, bottom)), output_size(W, kernel[1], stride, (left, right))
    return normal((N, H, W, C_in), (*kernel, C_in, C_out), (N, Ho, Wo, C_out), dtype=dtype)


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    x = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    x = np.stack([x, 10 * x], axis=2)[None]  # the second channel is ten times the first
    w = np.zeros((2, 2, 2, 1))
    w[:, :, 0, 0] = [[1, 2], [3, 4]]
    w[:, :, 1, 0] = [[1, 0], [0, -1]]
    # 1*1 + 2*2 + 4*3 + 5*4 = 37 and 10 - 50 = -40; the others likewise
    dy = np.array([[[[1.0], [0]], [[0], [2]]]])
    with form(name):
        y, cache = conv2d_forward(x, w, 1, VALID)
        dx, dw = conv2d_backward(dy, cache)
    np.testing.assert_array_equal(y[0, :, :, 0], [[37 - 40, 47 - 40], [67 - 40, 77 - 40]])
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 2, 0], [3, 4 + 2 * 1, 2 * 2], [0, 2 * 3, 2 * 4]])
    np.testing.assert_array_equal(dx[0, :, :, 1], [[1, 0, 0], [0, -1 + 2 * 1, 0], [0, 0, -2]])
    np.testing.assert_array_equal(dw[:, :, 0, 0], [[1 + 2 * 5, 2 + 2 * 6], [4 + 2 * 8, 5 + 2 * 9]])
    np.testing.assert_array_equal(dw[:, :, 1, 0], 10 * dw[:, :, 0, 0])


@pytest.mark.parametrize("name", FORMS)
def test_padding_and_stride_by_hand(name):
    x = np.arange(1.0, 5).reshape(1, 1, 4, 1)  # a row 1 2 3 4
    w = np.array([1.0, 10, 100]).reshape(1, 3, 1, 1)
    with form(name):
        torch_style = forward(x, w, 2, ((0, 0), (1, 1)))[0, 0, :, 0]
        tf_style = forward(x, w, 2, ((0, 0), (0, 1)))[0, 0, :, 0]
    np.testing.assert_array_equal(torch_style, [0 + 10 + 200, 2 + 30 + 400])
    np.testing.assert_array_equal(tf_style, [1 + 20 + 300, 3 + 40 + 0])


def test_shape_of_the_stem():
    y, cache = conv2d_forward(*normal((1, 224, 224, 3), (3, 3, 3, 32), dtype=np.float32), 2, ((0, 1), (0, 1)))
    assert (y.shape, y.dtype) == ((1, 112, 112, 32), np.float32)
    assert repr(cache) == (
        "Conv2dCache(x=float32 (1, 224, 224, 3), w=float32 (3, 3, 3, 32), stride=2, padding=((0, 1), (0, 1)))"
    )


# --- the factorization that MobileNet is built on


def test_a_kernel_that_is_a_product_is_depthwise_then_pointwise():
    x, d, p = normal((2, 6, 7, 3), (3, 3, 3), (3, 4))
    w = d[:, :, :, None] * p
    for stride in (1, 2):
        y, _ = conv2d_forward(x, w, stride)
        separate, _ = pointwise_conv2d_forward(depthwise_conv2d_forward(x, d, stride)[0], p)
        np.testing.assert_allclose(separate, y, rtol=0, atol=1e-12 * np.abs(y).max())


def test_a_general_kernel_is_a_sum_of_such_products():
    # Taps and outputs of one input channel are a matrix of rank min(9, 4): so many depthwise multipliers are enough,
    # and with fewer the result is another one.
    x, w = normal((1, 6, 7, 3), (3, 3, 3, 4))
    u, s, v = np.linalg.svd(w.transpose(2, 0, 1, 3).reshape(3, 9, 4), full_matrices=False)
    d = (u * s[:, None, :]).reshape(3, 3, 3, 4).transpose(3, 1, 2, 0)  # (rank, kh, kw, C_in)
    p = v.transpose(1, 0, 2)  # (rank, C_in, C_out)
    parts = [pointwise_conv2d_forward(depthwise_conv2d_forward(x, d[r])[0], p[r])[0] for r in range(4)]
    y, _ = conv2d_forward(x, w)
    np.testing.assert_allclose(sum(parts), y, rtol=0, atol=1e-12 * np.abs(y).max())
    assert np.abs(sum(parts[:3]) - y).max() > 1e-2 * np.abs(y).max()


@pytest.mark.parametrize("window", WINDOWS)
def test_a_diagonal_kernel_is_depthwise(window):
    H, W, kernel, stride, padding = window
    x, d = normal((2, H, W, 3), (*kernel, 3))
    w = np.zeros((*kernel, 3, 3))
    w[:, :, range(3), range(3)] = d
    expected, _ = depthwise_conv2d_forward(x, d, stride, padding)
    np.testing.assert_allclose(forward(x, w, stride, padding), expected, rtol=0, atol=1e-12 * np.abs(d).max())


def test_a_1x1_kernel_is_pointwise():
    x, w = normal((2, 3, 4, 5), (5, 6))
    expected, _ = pointwise_conv2d_forward(x, w)
    np.testing.assert_allclose(forward(x, w[None, None], 1, VALID), expected, rtol=1e-12)


def test_stride_leaves_positions_out():
    x, w = normal((1, 7, 9, 2), (3, 3, 2, 3))
    dense = forward(x, w, 1, ((1, 1), (1, 1)))
    for stride in (2, 3):
        np.testing.assert_array_equal(forward(x, w, stride, ((1, 1), (1, 1))), dense[:, ::stride, ::stride])


# --- gradients


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("window", WINDOWS)
def test_adjoint(window, name):
    *_, stride, padding = window
    x, w, _ = problem(*window)
    with form(name):
        for seed in range(3):
            adjoint_test(
                lambda x: forward(x, w, stride, padding), lambda dy: backward(dy, x, w, stride, padding)[0], x, seed
            ).assert_ok()
            adjoint_test(
                lambda w: forward(x, w, stride, padding), lambda dy: backward(dy, x, w, stride, padding)[1], w, seed
            ).assert_ok()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("window", WINDOWS[2:5])
def test_gradients(window, method, name):
    H, W, kernel, stride, padding = window
    x, w, _ = problem(*window, N=1, C_in=2)
    with form(name):
        pair = conv2d_forward, conv2d_backward
        gradcheck(pair, x, w, method=method, stride=stride, padding=padding).assert_ok()


# --- the three forms


@pytest.mark.parametrize("channels", [(3, 2), (1, 1), (1, 4)])
@pytest.mark.parametrize("window", WINDOWS)
def test_forms_agree(window, channels):
    *_, stride, padding = window
    x, w, dy = problem(*window, C_in=channels[0], C_out=channels[1])
    assert_forms_agree(lambda: forward(x, w, stride, padding), rtol=1e-12)
    assert_forms_agree(lambda: backward(dy, x, w, stride, padding), rtol=1e-12)


@pytest.mark.parametrize("window", SAME_WINDOWS)
def test_forms_agree_on_same_padding(window):
    *_, stride, padding = window
    x, w, dy = problem(*window, N=1, C_in=2)
    assert_forms_agree(lambda: forward(x, w, stride, padding), rtol=1e-12)
    assert_forms_agree(lambda: backward(dy, x, w, stride, padding), rtol=1e-12)


@pytest.mark.parametrize("window", WINDOWS)
def test_numba_adds_in_the_definitions_order(window):
    pytest.importorskip("numba")
    *_, stride, padding = window
    x, w, dy = problem(*window)
    results = in_every_form(lambda: (forward(x, w, stride, padding), *backward(dy, x, w, stride, padding)))
    for actual, expected in zip(results["numba"], results["loops"], strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("C_out", [2, 8, 24])
@pytest.mark.parametrize("window", WINDOWS)
def test_float32_within_its_rounding_bound(window, C_out):
    """Multiples of eight outputs have a kernel of their own; 24 is a whole register and a half."""
    *_, kernel, stride, padding = window
    x, w, dy = problem(*window, C_out=C_out, dtype=np.float32)
    taps, C_in, positions = kernel[0] * kernel[1], x.shape[3], dy[..., 0].size
    assert_float32_within(lambda x, w: forward(x, w, stride, padding), [x, w], [taps * C_in])
    assert_float32_within(lambda dy, x, w: backward(dy, x, w, stride, padding), [dy, x, w], [taps * C_out, positions])


@pytest.mark.parametrize("C_out", [8, 24])
@pytest.mark.parametrize(("H", "W", "k", "stride"), [(33, 30, 3, 2), (19, 40, 3, 1), (18, 17, 5, 2), (9, 29, 7, 3)])
def test_the_kernel_for_whole_registers_within_its_rounding_bound(H, W, k, stride, C_out):
    """Rows of outputs that are whole tiles, several of them, or a part of one; the loops would take too long."""
    padding = same_padding(H, W, k, stride, "tf")
    x, w, dy = problem(H, W, (k, k), stride, padding, N=3, C_out=C_out, dtype=np.float32)
    taps, C_in, positions = k * k, x.shape[3], dy[..., 0].size
    assert_float32_within(lambda x, w: forward(x, w, stride, padding), [x, w], [taps * C_in], QUICK_FORMS)
    assert_float32_within(
        lambda dy, x, w: backward(dy, x, w, stride, padding), [dy, x, w], [taps * C_out, positions], QUICK_FORMS
    )


@pytest.mark.parametrize("name", FORMS)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(name):
    x, w, dy = problem(6, 7, (3, 3), 2, ((0, 1), (1, 1)))
    arguments = 2, ((0, 1), (1, 1))
    with form(name):
        expected = forward(x, w, *arguments), *backward(dy, x, w, *arguments)
        for x2, w2, dy2 in zip(layouts(x), layouts(w), layouts(dy), strict=True):
            with unchanged(x2, w2, dy2):
                y, cache = conv2d_forward(x2, w2, *arguments)
                results = y, *conv2d_backward(dy2, cache)
            for actual, right in zip(results, expected, strict=True):
                np.testing.assert_allclose(actual, right, rtol=0, atol=1e-14 * np.abs(right).max())
                assert not any(np.shares_memory(actual, array) for array in (x2, w2, dy2))


@pytest.mark.parametrize("name", FORMS)
def test_nan_reaches_what_sees_it_and_nothing_else(name):
    x, w, dy = problem(6, 7, (3, 3), 2, ((0, 1), (1, 1)), N=2)
    arguments = 2, ((0, 1), (1, 1))
    sees = np.zeros_like(x)
    sees[1, 3, 4, 1] = 1
    touched = forward(sees, np.ones_like(w), *arguments) > 0
    assert 0 < touched.sum() < touched.size
    with form(name):
        y = forward(np.where(sees > 0, np.nan, x), w, *arguments)
        np.testing.assert_array_equal(np.isnan(y), touched)
        y = forward(x, np.where(np.arange(2) == 1, np.nan, w), *arguments)
        np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(np.arange(2) == 1, y.shape))
        dy[0, 1, 1, 0] = np.nan
        dx, dw = backward(dy, x, w, *arguments)
    np.testing.assert_array_equal(np.isnan(dx[0, 2:5, 1:4]), True)
    assert np.isnan(dx).sum() == 9 * 3
    np.testing.assert_array_equal(np.isnan(dw), np.broadcast_to(np.arange(2) == 0, dw.shape))


# --- errors

X, K = np.zeros((2, 8, 8, 3)), np.zeros((3, 3, 3, 4))
ERRORS = [
    ((X.tolist(), K), TypeError, "conv2d: x is a list; it must be a NumPy array of shape (N, H, W, C_in)"),
    ((X[0], K), ValueError, "conv2d: x has shape (8, 8, 3); it must have 4 axes (N, H, W, C_in)"),
    ((X, K[0]), ValueError, "conv2d: w has shape (3, 3, 4); it must have 4 axes (kh, kw, C_in, C_out)"),
    ((X.astype(int), K), TypeError, "conv2d: x is int64; it must be float32 or float64"),
    ((X[:0], K), ValueError, "conv2d: x has shape (0, 8, 8, 3); no axis may be empty"),
    ((X, K.astype(np.float32)), TypeError, "conv2d: dtypes differ (x float64, w float32)"),
    (
        (X, np.zeros((3, 3, 5, 4))),
        ValueError,
        "conv2d: x has 3 channels, w takes 5 (x (2, 8, 8, 3), w (3, 3, 5, 4)); "
        "the last axis of x must be the third of w (kh, kw, C_in, C_out)",
    ),
    ((X, K, 0), ValueError, "conv2d: stride is 0; it must be an integer of at least 1"),
    ((X, K, True), ValueError, "conv2d: stride is True; it must be an integer of at least 1"),
    ((X, K, 1.0), ValueError, "conv2d: stride is 1.0; it must be an integer of at least 1"),
    ((X, K, 1, 1), ValueError, "conv2d: padding is 1; it must be ((top, bottom), (left, right))"),
    ((X, K, 1, ((0, -1), (0, 0))), ValueError, "conv2d: padding is ((0, -1), (0, 0)); it must be"),
    ((X, K, 1, "same"), ValueError, "conv2d: padding is 'same'; it must be"),
    (
        (X[:, :, :1], K, 1, ((1, 1), (0, 1))),
        ValueError,
        "conv2d: the 3x3 window does not fit along W: x (2, 8, 1, 3) has 1 samples, padding (0, 1)",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS, ids=[m[:50] for _, _, m in ERRORS])
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        conv2d_forward(*arguments)


def test_errors_of_the_backward_pass():
    y, cache = conv2d_forward(X, K, 2)
    with pytest.raises(
        ValueError,
        match=re.escape(
            "conv2d_backward: dy has shape (2, 8, 8, 4), expected (2, 4, 4, 4); it must have the shape of y"
        ),
    ):
        conv2d_backward(np.zeros((2, 8, 8, 4)), cache)
    with pytest.raises(
        ValueError, match=re.escape("dy has shape (4, 4, 4); it must have 4 axes (N, H_out, W_out, C_out)")
    ):
        conv2d_backward(y[0], cache)
    with pytest.raises(TypeError, match=re.escape("conv2d_backward: dtypes differ (dy float32, x float64)")):
        conv2d_backward(y.astype(np.float32), cache)
