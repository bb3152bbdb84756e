"""Convolutions as loops with a counter in the innermost one: compiled, quick enough for a network at 224x224."""

from __future__ import annotations

import numpy as np

from ..forms import choose, compiled
from ..geometry import Padding
from . import arrays

NO_PADDING = ((0, 0), (0, 0))


def count_forward(
    x: np.ndarray, w: np.ndarray, stride: int = 1, padding: Padding = NO_PADDING
) -> tuple[np.ndarray, int]:
    """Convolve in plain loops and count the products in the innermost one (in the form "numpy", a row at a time).

    Parameters
    ----------
    x : (N, H, W, C) float, or (N, C) for a fully connected layer
    w : (kh, kw, C_in, C_out), (kh, kw, C) or (C_in, C_out) float
        Standard, depthwise, or pointwise and fully connected.
    stride : int
    padding : ((top, bottom), (left, right))

    Returns
    -------
    y : float
        The result, without a bias: to check that what was counted is the op.
    count : int
        Products made; none with padding zeros.

    Examples
    --------
    >>> x, w = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 5))
    >>> count_forward(x, w, 1, ((1, 1), (1, 1)))[1], count_forward(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), w)[1]
    (1000, 1440)
    """
    image, kernel, (top, left) = _as_convolution(x, w, padding)
    y = np.zeros(_output_shape(image, kernel, stride, padding), x.dtype)
    loops = _depthwise_forward if kernel.ndim == 3 else _conv2d_forward
    run = choose(loops.__wrapped__, arrays.forward, loops, x.dtype)
    count = int(run(image, kernel, stride, top, left, y))
    return y.reshape(*x.shape[:1], y.shape[-1]) if x.ndim == 2 else y, count


def count_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int = 1, padding: Padding = NO_PADDING
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """The same for both gradients of `count_forward`.

    Returns
    -------
    dx, dw : float, of the shapes of x and w
    count_dx, count_dw : int

    Examples
    --------
    >>> x, w = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 5))
    >>> count_backward(np.ones((1, 4, 4, 5)), x, w, 1, ((1, 1), (1, 1)))[2:]
    (1000, 1000)
    """
    image, kernel, (top, left) = _as_convolution(x, w, padding)
    dx, dw = np.zeros_like(image), np.zeros_like(kernel)
    loops = _depthwise_backward if kernel.ndim == 3 else _conv2d_backward
    run = choose(loops.__wrapped__, arrays.backward, loops, x.dtype)
    dy = np.ascontiguousarray(dy).reshape(_output_shape(image, kernel, stride, padding))
    counts = run(dy, image, kernel, stride, top, left, dx, dw)
    return dx.reshape(x.shape), dw.reshape(w.shape), *(int(count) for count in counts)


def _as_convolution(x, w, padding):
    """A pointwise convolution is one with a 1x1 kernel, a fully connected layer one on an image of one pixel."""
    image = x.reshape(len(x), 1, 1, -1) if x.ndim == 2 else x
    kernel = w.reshape(1, 1, *w.shape) if w.ndim == 2 else w
    return np.ascontiguousarray(image), np.ascontiguousarray(kernel), (padding[0][0], padding[1][0])


def _output_shape(image, kernel, stride, padding):
    size = [
        (n + sum(pad) - k) // stride + 1 for n, k, pad in zip(image.shape[1:3], kernel.shape, padding, strict=False)
    ]
    return image.shape[0], *size, kernel.shape[-1]


@compiled
def _conv2d_forward(x, w, stride, top, left, y):
    N, H, W, C_in = x.shape
    kh, kw, _, C_out = w.shape
    count = 0
    for n in range(N):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for a in range(kh):
                    for b in range(kw):
                        r, s = i * stride + a - top, j * stride + b - left
                        if 0 <= r < H and 0 <= s < W:
                            for c in range(C_in):
                                for o in range(C_out):
                                    y[n, i, j, o] += x[n, r, s, c] * w[a, b, c, o]
                                    count += 1
    return count


@compiled
def _conv2d_backward(dy, x, w, stride, top, left, dx, dw):
    N, H, W, C_in = x.shape
    kh, kw, _, C_out = w.shape
    count_dx, count_dw = 0, 0
    for n in range(N):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                for a in range(kh):
                    for b in range(kw):
                        r, s = i * stride + a - top, j * stride + b - left
                        if 0 <= r < H and 0 <= s < W:
                            for c in range(C_in):
                                for o in range(C_out):
                                    dx[n, r, s, c] += dy[n, i, j, o] * w[a, b, c, o]
                                    count_dx += 1
                                    dw[a, b, c, o] += dy[n, i, j, o] * x[n, r, s, c]
                                    count_dw += 1
    return count_dx, count_dw


@compiled
def _depthwise_forward(x, w, stride, top, left, y):
    N, H, W, C = x.shape
    kh, kw, _ = w.shape
    count = 0
    for n in range(N):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for a in range(kh):
                    for b in range(kw):
                        r, s = i * stride + a - top, j * stride + b - left
                        if 0 <= r < H and 0 <= s < W:
                            for c in range(C):
                                y[n, i, j, c] += x[n, r, s, c] * w[a, b, c]
                                count += 1
    return count


@compiled
def _depthwise_backward(dy, x, w, stride, top, left, dx, dw):
    N, H, W, C = x.shape
    kh, kw, _ = w.shape
    count_dx, count_dw = 0, 0
    for n in range(N):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                for a in range(kh):
                    for b in range(kw):
                        r, s = i * stride + a - top, j * stride + b - left
                        if 0 <= r < H and 0 <= s < W:
                            for c in range(C):
                                dx[n, r, s, c] += dy[n, i, j, c] * w[a, b, c]
                                count_dx += 1
                                dw[a, b, c] += dy[n, i, j, c] * x[n, r, s, c]
                                count_dw += 1
    return count_dx, count_dw
