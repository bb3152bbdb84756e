"""Hard swish: x times the hard sigmoid of x.

The paper's formula, element by element::

    h-swish[x] = x * ReLU6(x + 3) / 6

    y  = 0      and  dx = 0                    where x <= -3
    y  = x      and  dx = dy                   where x >= 3
    y  = x * (x + 3) / 6
                and  dx = dy * (x / 3 + 1/2)   between

The middle piece dips below zero: -3/8 at x = -3/2, where the derivative crosses zero. The derivative jumps at the
kinks, from 0 to -1/2 at x = -3 and from 3/2 to 1 at x = 3; at the kinks themselves it is 0 and 1, as in TensorFlow and
PyTorch. NaN passes through.

MACs: none. Two comparisons and up to three arithmetic operations an element.

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
        if x[i] <= -3:
            y[i] = 0
        elif x[i] >= 3:
            y[i] = x[i]
        else:
            y[i] = x[i] * (x[i] + 3) / 6
    return y


def _backward_loops(dy, x):
    dx = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        if x[i] <= -3:
            dx[i] = 0
        elif x[i] >= 3:
            dx[i] = dy[i]
        else:
            dx[i] = dy[i] * (x[i] / 3 + 0.5)
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: the real part decides, so that complex-step differentiation works


def _forward_numpy(x):
    low, high, middle = _pieces(x)
    return np.where(low, 0, np.where(high, x, middle * (middle + 3) / 6))


def _backward_numpy(dy, x):
    low, high, middle = _pieces(x)
    return np.where(low, 0, np.where(high, dy, dy * (middle / 3 + 0.5)))


def _pieces(x):
    low, high = x.real <= -3, x.real >= 3
    # NumPy computes the middle piece everywhere. The square of a huge x would overflow there, for nothing.
    return low, high, np.where(low | high, 0, x)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: one loop over the elements in memory order, whatever the shape


def _forward_numba(x):
    y = empty(x.shape, x.dtype)
    in_pieces(_forward_kernel, x.ravel(), y.reshape(-1))
    return y


def _backward_numba(dy, x):
    dx = empty(x.shape, x.dtype)
    in_pieces(_backward_kernel, dy.ravel(), x.ravel(), dx.reshape(-1))
    return dx


@compiled
def _forward_kernel(x, y):
    three, six = x.dtype.type(3), x.dtype.type(6)  # literals would turn float32 arithmetic into float64
    for i in range(x.size):
        if x[i] <= -3:
            y[i] = 0
        elif x[i] >= 3:
            y[i] = x[i]
        else:
            y[i] = x[i] * (x[i] + three) / six


@compiled
def _backward_kernel(dy, x, dx):
    three, half = x.dtype.type(3), x.dtype.type(0.5)
    for i in range(x.size):
        if x[i] <= -3:
            dx[i] = 0
        elif x[i] >= 3:
            dx[i] = dy[i]
        else:
            dx[i] = dy[i] * (x[i] / three + half)


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class HardSwishCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray

    __repr__ = describe


def hard_swish_forward(x: np.ndarray) -> tuple[np.ndarray, HardSwishCache]:
    """Hard swish of every element.

    Parameters
    ----------
    x : (...) float
        Any shape.

    Returns
    -------
    y : (...) float of at least -3/8, of x's shape and dtype
    cache : HardSwishCache

    Raises
    ------
    ValueError, TypeError
        If x is not a floating-point array, or is empty.

    Examples
    --------
    >>> y, cache = hard_swish_forward(np.array([-4.0, -3.0, -1.5, 0.0, 1.5, 3.0]))
    >>> y
    array([ 0.   ,  0.   , -0.375,  0.   ,  1.125,  3.   ])
    """
    op = "hard_swish"
    check_array(op, "x", x, "...")
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x), HardSwishCache(x)


def hard_swish_backward(dy: np.ndarray, cache: HardSwishCache) -> np.ndarray:
    """Gradient of `hard_swish_forward`.

    Parameters
    ----------
    dy : (...) float, of x's shape
        Gradient of the loss with respect to y.
    cache : HardSwishCache

    Returns
    -------
    dx : (...) float

    Examples
    --------
    >>> y, cache = hard_swish_forward(np.array([-4.0, -3.0, -1.5, 0.0, 1.5, 3.0]))
    >>> hard_swish_backward(np.ones(6), cache)
    array([0. , 0. , 0. , 0.5, 1. , 1. ])
    """
    op = "hard_swish_backward"
    (x,) = as_cache(op, cache, HardSwishCache)
    check_array(op, "dy", dy, "...")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(op, "dy", dy, x.shape, "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x)
