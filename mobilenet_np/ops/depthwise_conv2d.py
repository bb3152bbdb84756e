"""Depthwise convolution: every channel is filtered by a kernel of its own.

The paper's formula (V1, eq. 3) and its translation::

    G[k, l, m]    = sum over i, j of  K[i, j, m] * F[k + i - 1, l + j - 1, m]
    y[n, i, j, c] = sum over a, b of  w[a, b, c] * x[n, i * stride + a - top, j * stride + b - left, c]

F, the paper's input, is x; K is w; G is y. Outside the image x is zero. No sum runs over channels: that is the whole
saving, and the reason why a pointwise convolution has to follow.

MACs: H_out * W_out * kh * kw * C, the same for the forward pass, for dx and for dw.

Source: Howard et al., MobileNets, arXiv:1704.04861, section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check, check_array, check_same_dtype, check_shape, check_window
from ..forms import choose, compiled
from ..geometry import Padding
from ..memory import zeros
from ..threads import share
from ._common import describe, in_chunks, output_hw, sum_over_positions, window

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x, w, stride, padding):
    (N, H, W, C), (kh, kw, _) = x.shape, w.shape
    Ho, Wo = output_hw(x, w, stride, padding)
    (top, _), (left, _) = padding
    y = np.zeros((N, Ho, Wo, C), x.dtype)
    for n, i, j, c in np.ndindex(N, Ho, Wo, C):
        for a in range(kh):
            for b in range(kw):
                r, s = i * stride + a - top, j * stride + b - left
                if 0 <= r < H and 0 <= s < W:  # elsewhere x is a padding zero
                    y[n, i, j, c] += x[n, r, s, c] * w[a, b, c]
    return y


def _backward_loops(dy, x, w, stride, padding):
    (_, H, W, _), (kh, kw, _) = x.shape, w.shape
    (top, _), (left, _) = padding
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for n, i, j, c in np.ndindex(*dy.shape):
        for a in range(kh):
            for b in range(kw):
                r, s = i * stride + a - top, j * stride + b - left
                if 0 <= r < H and 0 <= s < W:
                    # for each product y += x * w of the forward pass
                    dx[n, r, s, c] += dy[n, i, j, c] * w[a, b, c]
                    dw[a, b, c] += dy[n, i, j, c] * x[n, r, s, c]
    return dx, dw


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: one tap at a time, for all positions and channels at once


def _forward_numpy(x, w, stride, padding):
    kh, kw, _ = w.shape
    Ho, Wo = output_hw(x, w, stride, padding)
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    y = np.zeros((x.shape[0], Ho, Wo, x.shape[3]), x.dtype)
    for a in range(kh):
        for b in range(kw):
            y += padded[window(a, b, Ho, Wo, stride)] * w[a, b]
    return y


def _backward_numpy(dy, x, w, stride, padding):
    (_, H, W, _), (kh, kw, _), (_, Ho, Wo, _) = x.shape, w.shape, dy.shape
    (top, _), (left, _) = padding
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    # From the last tap to the first: then every element of dx collects its terms in the definition's order.
    for a in reversed(range(kh)):
        for b in reversed(range(kw)):
            here = window(a, b, Ho, Wo, stride)
            dpadded[here] += dy * w[a, b]
            dw[a, b] = sum_over_positions(dy * padded[here])
    return np.ascontiguousarray(dpadded[:, top : top + H, left : left + W]), dw


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the loops again, with the channels innermost, so that neighbours in memory are neighbours in time


def _forward_numba(x, w, stride, padding):
    (top, _), (left, _) = padding
    Ho, Wo = output_hw(x, w, stride, padding)
    y = zeros((x.shape[0], Ho, Wo, x.shape[3]), x.dtype)
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    if _fills_registers(w):
        from ..kernels.depthwise import depthwise_of_batch

        depthwise_of_batch(x, w, stride, top, left, y)
    else:
        share(lambda n0, n1: _forward_kernel(x[n0:n1], w, stride, top, left, y[n0:n1]), len(x), work=y.size)
    return y


def _backward_numba(dy, x, w, stride, padding):
    (top, _), (left, _) = padding
    dy, x, w = (np.ascontiguousarray(array) for array in (dy, x, w))
    if stride <= 2 and _fills_registers(w):
        from ..kernels.depthwise_backward import depthwise_of_batch_backward

        return depthwise_of_batch_backward(dy, x, w, stride, top, left)
    dx, dw = zeros(x.shape, x.dtype), np.zeros(w.shape, w.dtype)

    # Some channels each: every sum, over taps as over positions, is one thread's, and its order is kept.
    def channels(c0, c1):
        _backward_kernel(dy, x, w, c0, c1, stride, top, left, dx, dw)

    share(channels, x.shape[3], work=dy.size, grain=16)
    return dx, dw


def _fills_registers(w):
    """In float32, whole registers of channels have a faster kernel for the kernels that MobileNets have."""
    return w.dtype == np.float32 and w.shape[2] % 8 == 0 and w.shape[:2] in ((3, 3), (5, 5))


@compiled
def _forward_kernel(x, w, stride, top, left, y):
    N, H, W, C = x.shape
    kh, kw, _ = w.shape
    for n in range(N):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for a in range(max(0, top - i * stride), min(kh, H + top - i * stride)):
                    for b in range(max(0, left - j * stride), min(kw, W + left - j * stride)):
                        r, s = i * stride + a - top, j * stride + b - left
                        for c in range(C):
                            y[n, i, j, c] += x[n, r, s, c] * w[a, b, c]


@compiled
def _backward_kernel(dy, x, w, c0, c1, stride, top, left, dx, dw):
    N, H, W, _ = x.shape
    kh, kw, _ = w.shape
    for n in range(N):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                d = dy[n, i, j, c0:c1]
                for a in range(max(0, top - i * stride), min(kh, H + top - i * stride)):
                    for b in range(max(0, left - j * stride), min(kw, W + left - j * stride)):
                        r, s = i * stride + a - top, j * stride + b - left
                        x_here, w_here, dx_here, dw_here = (
                            x[n, r, s, c0:c1],
                            w[a, b, c0:c1],
                            dx[n, r, s, c0:c1],
                            dw[a, b, c0:c1],
                        )
                        for c in range(c1 - c0):
                            dx_here[c] += d[c] * w_here[c]
                            dw_here[c] += d[c] * x_here[c]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class DepthwiseConv2dCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray
    w: np.ndarray
    stride: int
    padding: Padding

    __repr__ = describe


def depthwise_conv2d_forward(
    x: np.ndarray, w: np.ndarray, stride: int = 1, padding: Padding = ((1, 1), (1, 1))
) -> tuple[np.ndarray, DepthwiseConv2dCache]:
    """Filter every channel of x with its own kernel.

    Parameters
    ----------
    x : (N, H, W, C) float
    w : (kh, kw, C) float
        One kernel a channel.
    stride : int
        Step of the window along both axes.
    padding : ((top, bottom), (left, right))
        Zeros around the image; `mobilenet_np.geometry.same_padding` computes it for "same".

    Returns
    -------
    y : (N, H_out, W_out, C) float, of x's dtype
    cache : DepthwiseConv2dCache

    Raises
    ------
    ValueError, TypeError
        If ranks, channels, dtypes, stride or padding do not fit together.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> y, cache = depthwise_conv2d_forward(x, np.ones((3, 3, 1)))
    >>> y[0, :, :, 0]
    array([[ 8., 15., 12.],
           [21., 36., 27.],
           [20., 33., 24.]])
    """
    op = "depthwise_conv2d"
    check_array(op, "x", x, "N H W C")
    check_array(op, "w", w, "kh kw C")
    check_same_dtype(op, x=x, w=w)
    check(
        x.shape[3] == w.shape[2],
        f"{op}: x has {x.shape[3]} channels, w has {w.shape[2]} (x {x.shape}, w {w.shape}); "
        "depthwise needs one filter per input channel",
    )
    check_window(op, x, w.shape[:2], stride, padding)
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x, w, stride, padding), DepthwiseConv2dCache(x, w, stride, padding)


def depthwise_conv2d_backward(dy: np.ndarray, cache: DepthwiseConv2dCache) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of `depthwise_conv2d_forward`.

    Parameters
    ----------
    dy : (N, H_out, W_out, C) float
        Gradient of the loss with respect to y.
    cache : DepthwiseConv2dCache

    Returns
    -------
    dx : (N, H, W, C) float
    dw : (kh, kw, C) float

    Examples
    --------
    >>> x, w = np.ones((1, 3, 3, 1)), np.ones((3, 3, 1))
    >>> y, cache = depthwise_conv2d_forward(x, w)
    >>> dx, dw = depthwise_conv2d_backward(np.ones_like(y), cache)
    >>> dx[0, :, :, 0]  # how many windows each pixel lies in
    array([[4., 6., 4.],
           [6., 9., 6.],
           [4., 6., 4.]])
    """
    op = "depthwise_conv2d_backward"
    x, w, stride, padding = as_cache(op, cache, DepthwiseConv2dCache)
    check_array(op, "dy", dy, "N H_out W_out C")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(
        op, "dy", dy, (x.shape[0], *output_hw(x, w, stride, padding), x.shape[3]), "it must have the shape of y"
    )
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x, w, stride, padding)
