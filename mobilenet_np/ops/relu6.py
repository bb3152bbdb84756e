"""ReLU6: ReLU with a ceiling at 6.

The formula, element by element::

    y  = min(max(0, x), 6)
    dx = dy   where 0 < x < 6,   0   elsewhere

Bounded activations survive low-precision arithmetic: 8 bits spread over [0, 6] leave steps of 6/255, over [0, anything]
nobody knows. At both kinks, x = 0 and x = 6, the derivative is 0, as in TensorFlow and PyTorch. NaN passes through both
ways.

MACs: none. Two comparisons an element.

Source: Sandler et al., MobileNetV2, arXiv:1801.04381, section 4: "we use ReLU6 as the non-linearity because of its
robustness when used with low-precision computation". TensorFlow's V1 uses it as well.
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
        elif x[i] >= 6:
            y[i] = 6
        else:
            y[i] = x[i]
    return y


def _backward_loops(dy, x):
    dx = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        if x[i] <= 0 or x[i] >= 6:
            dx[i] = 0
        else:
            dx[i] = dy[i]
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: np.clip for real numbers, many times as fast as np.where, whose branches no processor can guess. Complex
# numbers, which complex-step differentiation takes, have no order: their real part decides.


def _forward_numpy(x):
    if np.iscomplexobj(x):
        return np.where(x.real <= 0, 0, np.where(x.real >= 6, 6, x))
    return np.asarray(np.clip(x, 0, 6) + 0)  # an array even where the shape is (); and -0.0 + 0 is 0.0


def _backward_numpy(dy, x):
    return np.where((x.real <= 0) | (x.real >= 6), 0, dy)


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
        if x[i] <= 0:
            y[i] = 0
        elif x[i] >= 6:
            y[i] = 6
        else:
            y[i] = x[i]


@compiled
def _backward_kernel(dy, x, dx):
    for i in range(x.size):
        dx[i] = 0 if x[i] <= 0 or x[i] >= 6 else dy[i]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class Relu6Cache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray

    __repr__ = describe


def relu6_forward(x: np.ndarray) -> tuple[np.ndarray, Relu6Cache]:
    """Clip every element to [0, 6].

    Parameters
    ----------
    x : (...) float
        Any shape.

    Returns
    -------
    y : (...) float, of x's shape and dtype
    cache : Relu6Cache

    Raises
    ------
    ValueError, TypeError
        If x is not a floating-point array, or is empty.

    Examples
    --------
    >>> y, cache = relu6_forward(np.array([-2.0, 0.0, 3.0, 6.0, 9.0]))
    >>> y
    array([0., 0., 3., 6., 6.])
    """
    op = "relu6"
    check_array(op, "x", x, "...")
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x), Relu6Cache(x)


def relu6_backward(dy: np.ndarray, cache: Relu6Cache) -> np.ndarray:
    """Gradient of `relu6_forward`.

    Parameters
    ----------
    dy : (...) float, of x's shape
        Gradient of the loss with respect to y.
    cache : Relu6Cache

    Returns
    -------
    dx : (...) float

    Examples
    --------
    >>> y, cache = relu6_forward(np.array([-2.0, 0.0, 3.0, 6.0, 9.0]))
    >>> relu6_backward(np.ones(5), cache)
    array([0., 0., 1., 0., 0.])
    """
    op = "relu6_backward"
    (x,) = as_cache(op, cache, Relu6Cache)
    check_array(op, "dy", dy, "...")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(op, "dy", dy, x.shape, "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x)
