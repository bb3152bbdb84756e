"""Standard convolution: every output channel is a sum over the window and over all input channels.

The paper's formula (V1, eq. 1) and its translation::

    G[k, l, n]    = sum over i, j, m  of  K[i, j, m, n] * F[k + i - 1, l + j - 1, m]
    y[n, i, j, o] = sum over a, b, c  of  w[a, b, c, o] * x[n, i * stride + a - top, j * stride + b - left, c]

F, the paper's input, is x; K is w; G is y. Outside the image x is zero. One sum does two jobs: it filters in space
(a, b) and combines channels (c). MobileNet pays for the two separately, with a depthwise and a pointwise convolution,
and keeps this op for its first layer alone.

MACs: H_out * W_out * kh * kw * C_in * C_out (V1, eq. 2), the same for the forward pass, for dx and for dw.

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
from ._common import describe, in_chunks, output_hw, window

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x, w, stride, padding):
    (N, H, W, C_in), (kh, kw, _, C_out) = x.shape, w.shape
    Ho, Wo = output_hw(x, w, stride, padding)
    (top, _), (left, _) = padding
    y = np.zeros((N, Ho, Wo, C_out), x.dtype)
    for n, i, j, o in np.ndindex(N, Ho, Wo, C_out):
        for a in range(kh):
            for b in range(kw):
                r, s = i * stride + a - top, j * stride + b - left
                if 0 <= r < H and 0 <= s < W:  # elsewhere x is a padding zero
                    for c in range(C_in):
                        y[n, i, j, o] += x[n, r, s, c] * w[a, b, c, o]
    return y


def _backward_loops(dy, x, w, stride, padding):
    (_, H, W, C_in), (kh, kw, _, _) = x.shape, w.shape
    (top, _), (left, _) = padding
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for n, i, j, o in np.ndindex(*dy.shape):
        for a in range(kh):
            for b in range(kw):
                r, s = i * stride + a - top, j * stride + b - left
                if 0 <= r < H and 0 <= s < W:
                    for c in range(C_in):
                        # for each product y += x * w of the forward pass
                        dx[n, r, s, c] += dy[n, i, j, o] * w[a, b, c, o]
                        dw[a, b, c, o] += dy[n, i, j, o] * x[n, r, s, c]
    return dx, dw


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: one tap at a time; each tap is a pointwise convolution of the samples that it meets


def _forward_numpy(x, w, stride, padding):
    kh, kw, _, C_out = w.shape
    Ho, Wo = output_hw(x, w, stride, padding)
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    y = np.zeros((x.shape[0], Ho, Wo, C_out), x.dtype)
    for a in range(kh):
        for b in range(kw):
            y += padded[window(a, b, Ho, Wo, stride)] @ w[a, b]
    return y


def _backward_numpy(dy, x, w, stride, padding):
    (_, H, W, C_in), (kh, kw, _, C_out), (_, Ho, Wo, _) = x.shape, w.shape, dy.shape
    (top, _), (left, _) = padding
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for a in range(kh):
        for b in range(kw):
            here = window(a, b, Ho, Wo, stride)
            dpadded[here] += dy @ w[a, b].T
            dw[a, b] = padded[here].reshape(-1, C_in).T @ dy.reshape(-1, C_out)
    return np.ascontiguousarray(dpadded[:, top : top + H, left : left + W]), dw


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the loops again, in an order made for the cache. Innermost are channels that no sum runs over and that are
# neighbours in memory; around them one row of the output meets one tap, and both stay in the fast cache. With the taps
# inside the positions, as in the definition, every position would read the whole of w again.


def _forward_numba(x, w, stride, padding):
    (top, _), (left, _) = padding
    Ho, Wo = output_hw(x, w, stride, padding)
    if _fills_registers(w):
        from ..kernels.chain_conv2d import conv2d_link

        return conv2d_link(np.ascontiguousarray(x), w, stride, padding, count=False)[0]
    y = zeros((x.shape[0], Ho, Wo, w.shape[3]), x.dtype)
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    share(lambda n0, n1: _forward_kernel(x[n0:n1], w, stride, top, left, y[n0:n1]), len(x), work=y.size)
    return y


def _backward_numba(dy, x, w, stride, padding):
    (top, _), (left, _) = padding
    if _fills_registers(w):
        from ..kernels.conv2d import convolve_backward

        dpadded, dw = convolve_backward(dy, np.pad(x, ((0, 0), *padding, (0, 0))), w, stride)
        return np.ascontiguousarray(dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]), dw
    dx, dw = zeros(x.shape, x.dtype), np.zeros(w.shape, w.dtype)
    # dx sums over the output channels; transposed, w has the input channels innermost, over which nothing is summed.
    w_t = np.ascontiguousarray(w.transpose(0, 1, 3, 2))
    _backward_kernel(np.ascontiguousarray(dy), np.ascontiguousarray(x), w_t, stride, top, left, dx, dw)
    return dx, dw


def _fills_registers(w):
    """In float32, sums of whole registers have a faster kernel."""
    return w.dtype == np.float32 and w.shape[3] % 8 == 0


@compiled
def _forward_kernel(x, w, stride, top, left, y):
    N, H, W, C_in = x.shape
    kh, kw, _, C_out = w.shape
    for n in range(N):
        for i in range(y.shape[1]):
            for a in range(kh):
                r = i * stride + a - top
                if 0 <= r < H:
                    for b in range(kw):
                        for j in range(y.shape[2]):
                            s = j * stride + b - left
                            if 0 <= s < W:
                                for c in range(C_in):
                                    for o in range(C_out):
                                        y[n, i, j, o] += x[n, r, s, c] * w[a, b, c, o]


@compiled
def _backward_kernel(dy, x, w_t, stride, top, left, dx, dw):
    N, H, W, C_in = x.shape
    kh, kw, C_out, _ = w_t.shape
    for n in range(N):
        for i in range(dy.shape[1]):
            for a in range(kh):
                r = i * stride + a - top
                if 0 <= r < H:
                    for b in range(kw - 1, -1, -1):  # backwards: dx collects its terms in the definition's order
                        for j in range(dy.shape[2]):
                            s = j * stride + b - left
                            if 0 <= s < W:
                                for o in range(C_out):
                                    for c in range(C_in):
                                        dx[n, r, s, c] += dy[n, i, j, o] * w_t[a, b, o, c]
                                for c in range(C_in):
                                    for o in range(C_out):
                                        dw[a, b, c, o] += dy[n, i, j, o] * x[n, r, s, c]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class Conv2dCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray
    w: np.ndarray
    stride: int
    padding: Padding

    __repr__ = describe


def conv2d_forward(
    x: np.ndarray, w: np.ndarray, stride: int = 1, padding: Padding = ((1, 1), (1, 1))
) -> tuple[np.ndarray, Conv2dCache]:
    """Filter x in space and combine its channels, in one sum.

    Parameters
    ----------
    x : (N, H, W, C_in) float
    w : (kh, kw, C_in, C_out) float
        One kernel for every pair of an input and an output channel.
    stride : int
        Step of the window along both axes.
    padding : ((top, bottom), (left, right))
        Zeros around the image; `mobilenet_np.geometry.same_padding` computes it for "same".

    Returns
    -------
    y : (N, H_out, W_out, C_out) float, of x's dtype
    cache : Conv2dCache

    Raises
    ------
    ValueError, TypeError
        If ranks, channels, dtypes, stride or padding do not fit together.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> w = np.ones((3, 3, 1, 2)) * [1.0, -1.0]  # the second output channel subtracts what the first one adds
    >>> y, cache = conv2d_forward(x, w, stride=2)
    >>> y[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> y[0, :, :, 1]
    array([[ -8., -12.],
           [-20., -24.]])
    """
    op = "conv2d"
    check_array(op, "x", x, "N H W C_in")
    check_array(op, "w", w, "kh kw C_in C_out")
    check_same_dtype(op, x=x, w=w)
    check(
        x.shape[3] == w.shape[2],
        f"{op}: x has {x.shape[3]} channels, w takes {w.shape[2]} (x {x.shape}, w {w.shape}); "
        "the last axis of x must be the third of w (kh, kw, C_in, C_out)",
    )
    check_window(op, x, w.shape[:2], stride, padding)
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x, w, stride, padding), Conv2dCache(x, w, stride, padding)


def conv2d_backward(dy: np.ndarray, cache: Conv2dCache) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of `conv2d_forward`.

    Parameters
    ----------
    dy : (N, H_out, W_out, C_out) float
        Gradient of the loss with respect to y.
    cache : Conv2dCache

    Returns
    -------
    dx : (N, H, W, C_in) float
    dw : (kh, kw, C_in, C_out) float

    Examples
    --------
    >>> x, w = np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 2))
    >>> y, cache = conv2d_forward(x, w)
    >>> dx, dw = conv2d_backward(np.ones_like(y), cache)
    >>> dx[0, :, :, 0]  # how many windows each pixel lies in, twice: both output channels see it
    array([[ 8., 12.,  8.],
           [12., 18., 12.],
           [ 8., 12.,  8.]])
    """
    op = "conv2d_backward"
    x, w, stride, padding = as_cache(op, cache, Conv2dCache)
    check_array(op, "dy", dy, "N H_out W_out C_out")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(
        op, "dy", dy, (x.shape[0], *output_hw(x, w, stride, padding), w.shape[3]), "it must have the shape of y"
    )
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x, w, stride, padding)
