"""Linear (fully connected) layer: every output is a weighted sum of all inputs, plus a bias.

The formula and its translation::

    y       = W x + b
    y[n, o] = sum over c  of  x[n, c] * w[c, o]  +  b[o]

w is the transpose of the textbook's W, so that a batch of rows multiplies from the left: y = x @ w + b. It is a
pointwise convolution of an image of one pixel, which is why some libraries build MobileNet's classifier as a 1x1
convolution.

MACs: C_in * C_out, the same for the forward pass, for dx and for dw; the bias is not counted.

Source: the "FC / s1" row of Howard et al., MobileNets, arXiv:1704.04861, Table 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check, check_array, check_same_dtype, check_shape
from ..forms import choose
from ._common import describe, in_chunks, sum_over_positions
from .pointwise_conv2d import matmul, matmul_transposed

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x, w, b):
    (N, C_in), (_, C_out) = x.shape, w.shape
    y = np.zeros((N, C_out), x.dtype)
    for n, o in np.ndindex(N, C_out):
        for c in range(C_in):
            y[n, o] += x[n, c] * w[c, o]
        y[n, o] += b[o]
    return y


def _backward_loops(dy, x, w):
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(w.shape[1], w.dtype)
    for n, o in np.ndindex(*dy.shape):
        for c in range(x.shape[1]):
            # for each product y += x * w of the forward pass
            dx[n, c] += dy[n, o] * w[c, o]
            dw[c, o] += dy[n, o] * x[n, c]
        db[o] += dy[n, o]
    return dx, dw, db


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: matrix products


def _forward_numpy(x, w, b):
    return x @ w + b


def _backward_numpy(dy, x, w):
    return dy @ w.T, x.T @ dy, sum_over_positions(dy)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the same products by the kernel of the pointwise convolution


def _forward_numba(x, w, b):
    return matmul(x, w) + b


def _backward_numba(dy, x, w):
    return matmul(dy, w.T), matmul_transposed(x, dy), sum_over_positions(dy)


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class LinearCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray
    w: np.ndarray

    __repr__ = describe


def linear_forward(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, LinearCache]:
    """Weighted sums of all inputs, plus a bias.

    Parameters
    ----------
    x : (N, C_in) float
    w : (C_in, C_out) float
    b : (C_out,) float

    Returns
    -------
    y : (N, C_out) float, of x's dtype
    cache : LinearCache

    Raises
    ------
    ValueError, TypeError
        If ranks, sizes or dtypes do not fit together.

    Examples
    --------
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 3.0]])
    >>> y, cache = linear_forward(x, w, b=np.array([0.5, 0.5, 0.5]))
    >>> y
    array([[1.5, 2.5, 9.5]])
    """
    op = "linear"
    check_array(op, "x", x, "N C_in")
    check_array(op, "w", w, "C_in C_out")
    check_array(op, "b", b, "C_out")
    check_same_dtype(op, x=x, w=w, b=b)
    check(
        x.shape[1] == w.shape[0],
        f"{op}: x has {x.shape[1]} channels, w takes {w.shape[0]} (x {x.shape}, w {w.shape}); "
        "the last axis of x must be the first of w (C_in, C_out)",
    )
    check_shape(op, "b", b, (w.shape[1],), f"w {w.shape} needs one bias per output channel")
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x, w, b), LinearCache(x, w)


def linear_backward(dy: np.ndarray, cache: LinearCache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `linear_forward`.

    Parameters
    ----------
    dy : (N, C_out) float
        Gradient of the loss with respect to y.
    cache : LinearCache

    Returns
    -------
    dx : (N, C_in) float
    dw : (C_in, C_out) float
    db : (C_out,) float

    Examples
    --------
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 3.0]])
    >>> y, cache = linear_forward(x, w, b=np.zeros(3))
    >>> dx, dw, db = linear_backward(np.array([[1.0, 0.0, -1.0]]), cache)
    >>> dx
    array([[-2., -3.]])
    >>> dw
    array([[ 1.,  0., -1.],
           [ 2.,  0., -2.]])
    >>> db
    array([ 1.,  0., -1.])
    """
    op = "linear_backward"
    x, w = as_cache(op, cache, LinearCache)
    check_array(op, "dy", dy, "N C_out")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(op, "dy", dy, (x.shape[0], w.shape[1]), "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x, w)
