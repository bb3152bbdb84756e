"""Pointwise (1x1) convolution: every pixel's channels are combined linearly, the same way at every pixel.

The paper's formula (V1, eq. 1 with a 1x1 kernel) and its translation::

    G[k, l, n]    = sum over m  of  K[m, n] * F[k, l, m]
    y[n, i, j, o] = sum over c  of  x[n, i, j, c] * w[c, o]

F, the paper's input, is x; K is w; G is y. No sum runs over space: with the pixels as rows this is one matrix product,
x @ w, and that is the other half of the factorization that starts with a depthwise convolution. In MobileNet V1 95 %
of the multiplications are done here (V1, Table 2).

MACs: H * W * C_in * C_out, the same for the forward pass, for dx and for dw.

Source: Howard et al., MobileNets, arXiv:1704.04861, section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check, check_array, check_same_dtype, check_shape
from ..forms import choose, compiled
from ..memory import zeros
from ..threads import share
from ._common import describe, in_chunks

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x, w):
    (N, H, W, C_in), (_, C_out) = x.shape, w.shape
    y = np.zeros((N, H, W, C_out), x.dtype)
    for n, i, j, o in np.ndindex(N, H, W, C_out):
        for c in range(C_in):
            y[n, i, j, o] += x[n, i, j, c] * w[c, o]
    return y


def _backward_loops(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for n, i, j, o in np.ndindex(*dy.shape):
        for c in range(x.shape[3]):
            # for each product y += x * w of the forward pass
            dx[n, i, j, c] += dy[n, i, j, o] * w[c, o]
            dw[c, o] += dy[n, i, j, o] * x[n, i, j, c]
    return dx, dw


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: a matrix product, and so are both of its gradients


def _forward_numpy(x, w):
    return x @ w


def _backward_numpy(dy, x, w):
    C_in, C_out = w.shape
    return dy @ w.T, x.reshape(-1, C_in).T @ dy.reshape(-1, C_out)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the same three products with the pixels as rows, by one kernel


def _forward_numba(x, w):
    C_in, C_out = w.shape
    return matmul(x.reshape(-1, C_in), w).reshape(*x.shape[:3], C_out)


def _backward_numba(dy, x, w):
    C_in, C_out = w.shape
    dy_rows, x_rows = dy.reshape(-1, C_out), x.reshape(-1, C_in)
    return matmul(dy_rows, w.T).reshape(x.shape), matmul_transposed(x_rows, dy_rows)


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (R, K) @ b (K, C) without BLAS, adding over K in order: shape (R, C)."""
    if _fills_registers(b):
        from ..kernels.matmul import multiply

        return multiply(a, b)
    y = zeros((a.shape[0], b.shape[1]), a.dtype)
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    share(lambda r0, r1: _matmul_kernel(a[r0:r1], b, y[r0:r1]), len(a), work=a.size * b.shape[1] // 8)
    return y


def matmul_transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (P, R).T @ b (P, C) without BLAS: shape (R, C). float64 adds over P in order, float32 by blocks of P."""
    if _fills_registers(b):
        from ..kernels.matmul import multiply_transposed

        return multiply_transposed(a, b)
    return matmul(a.T, b)


def _fills_registers(b):
    """In float32, sums of whole registers have a faster kernel."""
    return b.dtype == np.float32 and b.shape[1] % 8 == 0


@compiled
def _matmul_kernel(a, b, y):
    R, K = a.shape
    C = b.shape[1]
    # Eight products a visit: y is read and written once for eight of them, and eight rows of b stay in the fast cache
    # for all rows of y. The sum runs from left to right, which is the definition's order.
    for k in range(0, K - 7, 8):
        for r in range(R):
            a0, a1, a2, a3 = a[r, k], a[r, k + 1], a[r, k + 2], a[r, k + 3]
            a4, a5, a6, a7 = a[r, k + 4], a[r, k + 5], a[r, k + 6], a[r, k + 7]
            for c in range(C):
                first = y[r, c] + a0 * b[k, c] + a1 * b[k + 1, c] + a2 * b[k + 2, c] + a3 * b[k + 3, c]
                y[r, c] = first + a4 * b[k + 4, c] + a5 * b[k + 5, c] + a6 * b[k + 6, c] + a7 * b[k + 7, c]
    for k in range(K - K % 8, K):
        for r in range(R):
            for c in range(C):
                y[r, c] += a[r, k] * b[k, c]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class PointwiseConv2dCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray
    w: np.ndarray

    __repr__ = describe


def pointwise_conv2d_forward(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, PointwiseConv2dCache]:
    """Combine the channels of every pixel with one matrix.

    Parameters
    ----------
    x : (N, H, W, C_in) float
    w : (C_in, C_out) float

    Returns
    -------
    y : (N, H, W, C_out) float, of x's dtype
    cache : PointwiseConv2dCache

    Raises
    ------
    ValueError, TypeError
        If ranks, channels or dtypes do not fit together.

    Examples
    --------
    >>> rgb = np.array([[[[255.0, 0.0, 0.0], [0.0, 255.0, 0.0]]]])  # one red and one green pixel
    >>> grey, cache = pointwise_conv2d_forward(rgb, np.array([[0.25], [0.5], [0.25]]))
    >>> grey[0, :, :, 0]
    array([[ 63.75, 127.5 ]])
    """
    op = "pointwise_conv2d"
    check_array(op, "x", x, "N H W C_in")
    check_array(op, "w", w, "C_in C_out")
    check_same_dtype(op, x=x, w=w)
    check(
        x.shape[3] == w.shape[0],
        f"{op}: x has {x.shape[3]} channels, w takes {w.shape[0]} (x {x.shape}, w {w.shape}); "
        "the last axis of x must be the first of w (C_in, C_out)",
    )
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x, w), PointwiseConv2dCache(x, w)


def pointwise_conv2d_backward(dy: np.ndarray, cache: PointwiseConv2dCache) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of `pointwise_conv2d_forward`.

    Parameters
    ----------
    dy : (N, H, W, C_out) float
        Gradient of the loss with respect to y.
    cache : PointwiseConv2dCache

    Returns
    -------
    dx : (N, H, W, C_in) float
    dw : (C_in, C_out) float

    Examples
    --------
    >>> x, w = np.ones((1, 2, 2, 3)), np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    >>> y, cache = pointwise_conv2d_forward(x, w)
    >>> dx, dw = pointwise_conv2d_backward(np.ones_like(y), cache)
    >>> dx[0, 0, 0], dw[0]  # the weights a channel meets; the pixels a weight meets
    (array([11., 22., 33.]), array([4., 4.]))
    """
    op = "pointwise_conv2d_backward"
    x, w = as_cache(op, cache, PointwiseConv2dCache)
    check_array(op, "dy", dy, "N H W C_out")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(op, "dy", dy, (*x.shape[:3], w.shape[1]), "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x, w)
