"""The depthwise convolution in registers, against the op."""

import numpy as np
import pytest
from numba import njit
from op_checks import gamma

from mobilenet_np.geometry import output_size, same_padding
from mobilenet_np.kernels.depthwise import Window, depthwise
from mobilenet_np.kernels.simd import address, forward
from mobilenet_np.kernels.tiles import ACTS, Finish
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward

RNG = np.random.default_rng(0)
F32 = np.float32


@njit
def _run(x, first, zeros, g, C, i0, i1, w, bias, act, y):
    """``x`` holds the image's rows from row ``first`` on."""
    finish = Finish(act[0], act[1], act[2], act[3], False, address(x), 0)
    out = forward(address(y), i0 * g.y_row)
    image = -first * g.x_row
    depthwise(address(x), image, address(zeros), g, C, i0, i1, address(w), address(bias), finish, out, None)


def _depthwise(x, w, bias, stride, padding, act="", rows=None, first=0):
    (H, W, C), k = x.shape, w.shape[0]
    (top, bottom), (left, right) = padding
    Ho, Wo = output_size(H, k, stride, (top, bottom)), output_size(W, k, stride, (left, right))
    y = np.full((Ho, Wo, C), np.nan, F32)
    g = Window(k, stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    i0, i1 = rows or (0, Ho)
    _run(x[first:].ravel(), first, np.zeros(W * C, F32), g, C, i0, i1, w.ravel(), bias, ACTS[act], y.ravel())
    return y


@pytest.mark.parametrize("style", ["tf", "torch"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(
    ("H", "W", "C"), [(1, 1, 8), (1, 2, 8), (2, 1, 24), (3, 3, 8), (4, 7, 16), (9, 6, 40), (14, 15, 8)]
)
def test_equals_the_op(H, W, C, k, stride, style):
    x, w, bias = (RNG.standard_normal(s).astype(F32) for s in ((H, W, C), (k, k, C), C))
    padding = same_padding(H, W, k, stride, style)
    exact, _ = depthwise_conv2d_forward(x[None].astype(float), w.astype(float), stride, padding)
    absolute, _ = depthwise_conv2d_forward(np.abs(x[None]).astype(float), np.abs(w).astype(float), stride, padding)
    n, u = k * k, 2.0**-24
    bound = n * u / (1 - n * u) * (absolute[0] + np.abs(bias))
    assert (np.abs(_depthwise(x, w, bias, stride, padding) - (exact[0] + bias)) <= bound).all()


def test_some_rows_from_some_rows():
    """Output rows 2 to 4 at stride 2 need input rows 3 to 9 only, and have the same bits."""
    x, w, bias = (RNG.standard_normal(s).astype(F32) for s in ((13, 9, 16), (3, 3, 16), 16))
    whole = _depthwise(x, w, bias, 2, ((1, 1), (1, 1)), "relu6")
    part = _depthwise(x, w, bias, 2, ((1, 1), (1, 1)), "relu6", rows=(2, 5), first=3)
    assert np.array_equal(whole[2:5], part[2:5])
    assert np.isnan(part[:2]).all()
    assert np.isnan(part[5:]).all()


@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((0, 1), (0, 1)), ((1, 1), (1, 1)), ((2, 2), (2, 2)), ((2, 1), (3, 0))]
)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("W", [1, 2, 3, 4, 5, 8, 11])
def test_a_row_alone_has_the_same_bits_as_among_others(k, stride, padding, W):
    """Sixteen channels of two rows go column by column together, and so do those of a row of a 5x5 kernel; one row of a
    3x3 kernel alone goes window by window, and so do eight channels alone."""
    H, C = 9, 40
    if W + sum(padding[1]) < k:
        pytest.skip("no window fits")
    x, w, bias = (RNG.standard_normal(s).astype(F32) for s in ((H, W, C), (k, k, C), C))
    whole = _depthwise(x, w, bias, stride, padding, "hard_swish")
    exact, _ = depthwise_conv2d_forward(x[None].astype(float), w.astype(float), stride, padding)
    z = exact[0] + bias
    absolute, _ = depthwise_conv2d_forward(np.abs(x[None]).astype(float), np.abs(w).astype(float), stride, padding)
    # Hard swish is nowhere steeper than 3/2; 1/6 is rounded, and so are a sum and two products.
    bound = 1.5 * gamma(k * k, F32) * (absolute[0] + np.abs(bias))
    bound += gamma(5, F32) * np.abs(z) * np.clip(np.abs(z) + 3, 0, 6) / 6
    assert (np.abs(whole - z * np.clip(z + 3, 0, 6) / 6) <= bound).all()
    for i in range(len(whole)):
        alone = _depthwise(x, w, bias, stride, padding, "hard_swish", rows=(i, i + 1))
        np.testing.assert_array_equal(alone[i], whole[i])
    for c in range(0, C, 8):
        part = np.s_[..., c : c + 8]
        eight = _depthwise(*(np.ascontiguousarray(a[part]) for a in (x, w, bias)), stride, padding, "hard_swish")
        np.testing.assert_array_equal(eight, whole[part])


@pytest.mark.parametrize("left", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("W", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("C", [8, 40])
def test_backward_where_windows_begin_anywhere(k, left, W, C):
    """Also where all of the first windows lies to the left of the image."""
    padding = ((left, left), (left, 4))
    x, w = RNG.standard_normal((2, 7, W, C)).astype(F32), RNG.standard_normal((k, k, C)).astype(F32)
    y, cache = depthwise_conv2d_forward(x, w, 1, padding)
    dy = RNG.standard_normal(y.shape).astype(F32)
    results = depthwise_conv2d_backward(dy, cache)
    exact, absolute = (
        depthwise_conv2d_backward(wide(dy), depthwise_conv2d_forward(wide(x), wide(w), 1, padding)[1])
        for wide in (np.float64, lambda a: np.abs(np.float64(a)))
    )
    terms = k * k, dy[..., 0].size + len(dy)
    for result, right, size, n in zip(results, exact, absolute, terms, strict=True):
        assert (np.abs(result - right) <= gamma(n, F32) * size).all()
