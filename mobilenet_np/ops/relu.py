"""ReLU: keep what is positive, set the rest to zero.

The formula, element by element::

    y  = max(0, x)
    dx = dy   where x > 0,   0   elsewhere

At the kink x = 0 the derivative is 0, as in TensorFlow and PyTorch: the maximum of 0 and 0 took nothing from x.
NaN is not "x <= 0": it passes through both ways, so that a network that has gone wrong shows it.

MACs: none. One comparison an element.

Source: V1 (arXiv:1704.04861, section 3.2) names it, TensorFlow's MobileNets use ReLU6 in its place; V3
(arXiv:1905.02244, tables 1 and 2) has it in the early blocks.
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
        if x[i] <= 0:
            y[i] = 0
        else:
            y[i] = x[i]
    return y


def _backward_loops(dy, x):
    dx = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        if x[i] <= 0:
            dx[i] = 0
        else:
            dx[i] = dy[i]
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: np.maximum for real numbers, many times as fast as np.where, whose branches no processor can guess. Complex
# numbers, which complex-step differentiation takes, have no order: their real part decides.


def _forward_numpy(x):
    if np.iscomplexobj(x):
        return np.where(x.real <= 0, 0, x)
    return np.asarray(np.maximum(x, 0) + 0)  # an array even where the shape is (); and -0.0 + 0 is 0.0


def _backward_numpy(dy, x):
    return np.where(x.real <= 0, 0, dy)


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
    for i in range(x.size):
        y[i] = 0 if x[i] <= 0 else x[i]


@compiled
def _backward_kernel(dy, x, dx):
    for i in range(x.size):
        dx[i] = 0 if x[i] <= 0 else dy[i]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class ReluCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray

    __repr__ = describe


def relu_forward(x: np.ndarray) -> tuple[np.ndarray, ReluCache]:
    """Set every element that is not positive to zero.

    Parameters
    ----------
    x : (...) float
        Any shape.

    Returns
    -------
    y : (...) float, of x's shape and dtype
    cache : ReluCache

    Raises
    ------
    ValueError, TypeError
        If x is not a floating-point array, or is empty.

    Examples
    --------
    >>> y, cache = relu_forward(np.array([-2.0, 0.0, 3.0]))
    >>> y
    array([0., 0., 3.])
    """
    op = "relu"
    check_array(op, "x", x, "...")
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x), ReluCache(x)


def relu_backward(dy: np.ndarray, cache: ReluCache) -> np.ndarray:
    """Gradient of `relu_forward`.

    Parameters
    ----------
    dy : (...) float, of x's shape
        Gradient of the loss with respect to y.
    cache : ReluCache

    Returns
    -------
    dx : (...) float

    Examples
    --------
    >>> y, cache = relu_forward(np.array([-2.0, 0.0, 3.0]))
    >>> relu_backward(np.array([10.0, 20.0, 30.0]), cache)
    array([ 0.,  0., 30.])
    """
    op = "relu_backward"
    (x,) = as_cache(op, cache, ReluCache)
    check_array(op, "dy", dy, "...")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(op, "dy", dy, x.shape, "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x)
