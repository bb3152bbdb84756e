import re

import numpy as np
import pytest
from op_checks import (
    SAME_WINDOWS,
    WINDOWS,
    assert_float32_within,
    assert_forms_agree,
    layouts,
    normal,
    unchanged,
)

from mobilenet_np.check import adjoint_test, gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.geometry import output_size
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward

VALID = ((0, 0), (0, 0))


def forward(x, w, stride, padding):
    return depthwise_conv2d_forward(x, w, stride, padding)[0]


def backward(dy, x, w, stride, padding):
    return depthwise_conv2d_backward(dy, depthwise_conv2d_forward(x, w, stride, padding)[1])


def problem(H, W, kernel, stride, padding, N=2, C=3, dtype=np.float64):
    """x, w and dy."""
    (top, bottom), (left, right) = padding
    Ho, Wo = output_size(H, kernel[0], stride, (top, bottom)), output_size(W, kernel[1], stride, (left, right))
    return normal((N, H, W, C), (*kernel, C), (N, Ho, Wo, C), dtype=dtype)


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    x = np.stack([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]], np.eye(3)], axis=2)[None]
    w = np.stack([[[1.0, 2], [3, 4]], [[1, 0], [0, -1]]], axis=2)
    dy = np.stack([[[1.0, 0], [0, 2]], [[1, 1], [0, 0]]], axis=2)[None]
    with form(name):
        y, cache = depthwise_conv2d_forward(x, w, 1, VALID)
        dx, dw = depthwise_conv2d_backward(dy, cache)
    np.testing.assert_array_equal(y[0, :, :, 0], [[1 + 4 + 12 + 20, 2 + 6 + 15 + 24], [4 + 10 + 21 + 32, 77]])
    np.testing.assert_array_equal(y[0, :, :, 1], [[1 - 1, 0], [0, 1 - 1]])
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 2, 0], [3, 4 + 2 * 1, 2 * 2], [0, 2 * 3, 2 * 4]])
    np.testing.assert_array_equal(dx[0, :, :, 1], [[1, 1, 0], [0, -1, -1], [0, 0, 0]])
    np.testing.assert_array_equal(dw[:, :, 0], [[1 + 2 * 5, 2 + 2 * 6], [4 + 2 * 8, 5 + 2 * 9]])
    np.testing.assert_array_equal(dw[:, :, 1], [[1 + 0, 0 + 0], [0 + 1, 1 + 0]])


@pytest.mark.parametrize("name", FORMS)
def test_an_impulse_gives_the_kernel_backwards(name):
    x, w = np.zeros((1, 5, 5, 1)), np.arange(1.0, 10).reshape(3, 3, 1)
    x[0, 2, 2] = 1
    with form(name):
        y = forward(x, w, 1, ((1, 1), (1, 1)))[0, :, :, 0]
    np.testing.assert_array_equal(y[1:4, 1:4], [[9, 8, 7], [6, 5, 4], [3, 2, 1]])
    assert np.count_nonzero(y) == 9


@pytest.mark.parametrize("name", FORMS)
def test_padding_and_stride_by_hand(name):
    x = np.arange(1.0, 5).reshape(1, 1, 4, 1)  # a row 1 2 3 4
    w = np.array([1.0, 10, 100]).reshape(1, 3, 1)
    with form(name):
        torch_style = forward(x, w, 2, ((0, 0), (1, 1)))[0, 0, :, 0]
        tf_style = forward(x, w, 2, ((0, 0), (0, 1)))[0, 0, :, 0]
    np.testing.assert_array_equal(torch_style, [0 + 10 + 200, 2 + 30 + 400])
    np.testing.assert_array_equal(tf_style, [1 + 20 + 300, 3 + 40 + 0])


def test_channels_do_not_mix():
    x, w, dy = problem(6, 7, (3, 3), 2, ((0, 1), (1, 1)), C=4)
    arguments = 2, ((0, 1), (1, 1))
    together = forward(x, w, *arguments), *backward(dy, x, w, *arguments)
    for c in range(4):
        x1, w1, dy1 = (array[..., c : c + 1] for array in (x, w, dy))
        alone = forward(x1, w1, *arguments), *backward(dy1, x1, w1, *arguments)
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one[..., 0], all_of_them[..., c])


def test_shape_and_cache():
    y, cache = depthwise_conv2d_forward(*normal((1, 112, 112, 64), (3, 3, 64), dtype=np.float32), 2, ((0, 1), (0, 1)))
    assert (y.shape, y.dtype) == ((1, 56, 56, 64), np.float32)
    assert repr(cache) == (
        "DepthwiseConv2dCache(x=float32 (1, 112, 112, 64), w=float32 (3, 3, 64), stride=2, padding=((0, 1), (0, 1)))"
    )


def test_stride_leaves_positions_out():
    x, w = normal((1, 7, 9, 2), (3, 3, 2))
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
    x, w, _ = problem(*window, N=1, C=2)
    with form(name):
        pair = depthwise_conv2d_forward, depthwise_conv2d_backward
        gradcheck(pair, x, w, method=method, stride=stride, padding=padding).assert_ok()


# --- the three forms


@pytest.mark.parametrize("C", [1, 2, 9])
@pytest.mark.parametrize("window", WINDOWS + SAME_WINDOWS)
def test_forms_give_the_same_bits(window, C):
    *_, stride, padding = window
    x, w, dy = problem(*window, N=2 if C < 9 else 1, C=C)
    assert_forms_agree(lambda: forward(x, w, stride, padding))
    assert_forms_agree(lambda: backward(dy, x, w, stride, padding))


@pytest.mark.parametrize("window", WINDOWS)
def test_float32_within_its_rounding_bound(window):
    *_, kernel, stride, padding = window
    x, w, dy = problem(*window, dtype=np.float32)
    taps, positions = kernel[0] * kernel[1], dy[..., 0].size
    assert_float32_within(lambda x, w: forward(x, w, stride, padding), [x, w], [taps])
    assert_float32_within(lambda dy, x, w: backward(dy, x, w, stride, padding), [dy, x, w], [taps, positions])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("C", [1, 3])
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(C, name):
    x, w, dy = problem(6, 23, (3, 3), 2, ((0, 1), (1, 1)), N=1, C=C)
    arguments = 2, ((0, 1), (1, 1))
    with form(name):
        expected = forward(x, w, *arguments), *backward(dy, x, w, *arguments)
        for x2, w2, dy2 in zip(layouts(x), layouts(w), layouts(dy), strict=True):
            with unchanged(x2, w2, dy2):
                y, cache = depthwise_conv2d_forward(x2, w2, *arguments)
                results = y, *depthwise_conv2d_backward(dy2, cache)
            for actual, right in zip(results, expected, strict=True):
                np.testing.assert_array_equal(actual, right)
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
        y = forward(x, np.where(np.arange(3) == 1, np.nan, w), *arguments)
        np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(np.arange(3) == 1, y.shape))
        dy[0, 1, 1, 0] = np.nan
        dx, dw = backward(dy, x, w, *arguments)
    np.testing.assert_array_equal(np.isnan(dx[0, 2:5, 1:4, 0]), True)
    assert np.isnan(dx).sum() == 9
    np.testing.assert_array_equal(np.isnan(dw), np.broadcast_to(np.arange(3) == 0, dw.shape))


# --- errors

X, K = np.zeros((2, 8, 8, 16)), np.zeros((3, 3, 16))
ERRORS = [
    ((None, K), TypeError, "depthwise_conv2d: x is a NoneType; it must be a NumPy array of shape (N, H, W, C)"),
    ((X[0], K), ValueError, "depthwise_conv2d: x has shape (8, 8, 16); it must have 4 axes (N, H, W, C)"),
    ((X, K[..., None]), ValueError, "depthwise_conv2d: w has shape (3, 3, 16, 1); it must have 3 axes (kh, kw, C)"),
    ((X.astype(np.uint8), K), TypeError, "depthwise_conv2d: x is uint8; it must be float32 or float64"),
    ((X, K[:, :0]), ValueError, "depthwise_conv2d: w has shape (3, 0, 16); no axis may be empty"),
    ((X.astype(np.float32), K), TypeError, "depthwise_conv2d: dtypes differ (x float32, w float64)"),
    (
        (X, np.zeros((3, 3, 32))),
        ValueError,
        "depthwise_conv2d: x has 16 channels, w has 32 (x (2, 8, 8, 16), w (3, 3, 32)); "
        "depthwise needs one filter per input channel",
    ),
    ((X, K, 0), ValueError, "depthwise_conv2d: stride is 0; it must be an integer of at least 1"),
    ((X, K, True), ValueError, "depthwise_conv2d: stride is True; it must be an integer of at least 1"),
    ((X, K, (2, 2)), ValueError, "depthwise_conv2d: stride is (2, 2); it must be an integer of at least 1"),
    ((X, K, 1, (1, 1)), ValueError, "depthwise_conv2d: padding is (1, 1); it must be ((top, bottom), (left, right))"),
    ((X, K, 1, ((1, 1), (1, 0.5))), ValueError, "depthwise_conv2d: padding is ((1, 1), (1, 0.5)); it must be"),
    ((X, K, 1, ((1, 1), (True, 1))), ValueError, "depthwise_conv2d: padding is ((1, 1), (True, 1)); it must be"),
    (
        (X[:, :1], K, 1, ((0, 1), (1, 1))),
        ValueError,
        "depthwise_conv2d: the 3x3 window does not fit along H: x (2, 1, 8, 16) has 1 samples, padding (0, 1)",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS, ids=[m[:60] for _, _, m in ERRORS])
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        depthwise_conv2d_forward(*arguments)


def test_errors_of_the_backward_pass():
    op = "depthwise_conv2d_backward"
    y, cache = depthwise_conv2d_forward(X, K, 2)
    wrong = np.zeros((2, 8, 8, 16))
    message = f"{op}: dy has shape (2, 8, 8, 16), expected (2, 4, 4, 16); it must have the shape of y"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        depthwise_conv2d_backward(wrong, cache)
    message = f"{op}: dy has shape (4, 4, 16); it must have 4 axes (N, H_out, W_out, C)"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        depthwise_conv2d_backward(y[0], cache)
    with pytest.raises(TypeError, match="^" + re.escape(f"{op}: dtypes differ (dy float32, x float64)")):
        depthwise_conv2d_backward(y.astype(np.float32), cache)
