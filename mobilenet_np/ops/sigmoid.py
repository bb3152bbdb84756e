"""Sigmoid: squash any number into (0, 1).

The formula, element by element::

    y  = 1 / (1 + exp(-x))
    dx = dy * y * (1 - y)

exp(-x) overflows for very negative x. Multiplied by exp(x) / exp(x) the same fraction reads exp(x) / (1 + exp(x)),
which overflows for very positive x. Each is used on its own side, so that exp never sees a number above zero.

For the derivative, with u = 1 + exp(-x)::

    dy/dx = exp(-x) / u^2 = (u - 1) / u^2 = 1/u - 1/u^2 = y - y^2

MACs: none. One exponential and one division an element: dear on a phone, which is why V3 puts `hard_sigmoid` in its
place.

Source: Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check_array, check_same_dtype, check_shape
from ..forms import choose, compiled
from ..memory import empty
from ._common import describe, in_chunks, in_pieces

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x):
    y = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        if x[i] >= 0:
            y[i] = 1 / (1 + np.exp(-x[i]))
        else:
            y[i] = np.exp(x[i]) / (1 + np.exp(x[i]))
    return y


def _backward_loops(dy, y):
    dx = np.zeros_like(y)
    for i in np.ndindex(*y.shape):
        dx[i] = dy[i] * y[i] * (1 - y[i])
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: one exponential serves both sides; the real part decides, so that complex-step differentiation works


def _forward_numpy(x):
    positive = x.real >= 0
    e = np.exp(np.where(positive, -x, x))
    return np.where(positive, 1 / (1 + e), e / (1 + e))


def _backward_numpy(dy, y):
    return np.asarray(dy * y * (1 - y))  # an array even where the shape is ()


# ---------------------------------------------------------------------------------------------------------------------
# Numba: one loop over the elements in memory order, whatever the shape


def _forward_numba(x):
    y = empty(x.shape, x.dtype)
    in_pieces(_forward_kernel, x.ravel(), y.reshape(-1))
    return y


def _backward_numba(dy, y):
    dx = empty(y.shape, y.dtype)
    in_pieces(_backward_kernel, dy.ravel(), y.ravel(), dx.reshape(-1))
    return dx


@compiled
def _forward_kernel(x, y):
    one = x.dtype.type(1)  # a literal 1 would turn float32 arithmetic into float64
    for i in range(x.size):
        if x[i] >= 0:
            y[i] = one / (one + np.exp(-x[i]))
        else:
            e = np.exp(x[i])
            y[i] = e / (one + e)


@compiled
def _backward_kernel(dy, y, dx):
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class SigmoidCache(NamedTuple):
    """What the backward pass needs of the forward pass: the output, not the input."""

    y: np.ndarray

    __repr__ = describe


def sigmoid_forward(x: np.ndarray) -> tuple[np.ndarray, SigmoidCache]:
    """Logistic function of every element.

    Parameters
    ----------
    x : (...) float
        Any shape.

    Returns
    -------
    y : (...) float in [0, 1], of x's shape and dtype
    cache : SigmoidCache
        Holds y itself, not a copy: writing into y would spoil the gradient.

    Raises
    ------
    ValueError, TypeError
        If x is not a floating-point array, or is empty.

    Examples
    --------
    >>> y, cache = sigmoid_forward(np.array([-1000.0, 0.0, 1000.0]))
    >>> y
    array([0. , 0.5, 1. ])
    """
    op = "sigmoid"
    check_array(op, "x", x, "...")
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    y = run(x)
    return y, SigmoidCache(y)


def sigmoid_backward(dy: np.ndarray, cache: SigmoidCache) -> np.ndarray:
    """Gradient of `sigmoid_forward`.

    Parameters
    ----------
    dy : (...) float, of x's shape
        Gradient of the loss with respect to y.
    cache : SigmoidCache

    Returns
    -------
    dx : (...) float

    Examples
    --------
    >>> y, cache = sigmoid_forward(np.array([-1000.0, 0.0, 1000.0]))
    >>> sigmoid_backward(np.ones(3), cache)
    array([0.  , 0.25, 0.  ])
    """
    op = "sigmoid_backward"
    (y,) = as_cache(op, cache, SigmoidCache)
    check_array(op, "dy", dy, "...")
    check_same_dtype(op, dy=dy, y=y)
    check_shape(op, "dy", dy, y.shape, "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, y.dtype)
    return run(dy, y)
