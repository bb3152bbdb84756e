"""Hard sigmoid: the sigmoid as three straight lines.

The formula, element by element, with slope = 1/6::

    y  = ReLU6(x + 3) * slope
    dx = dy * slope   where -3 < x < 3,   0   elsewhere

At both kinks, x = -3 and x = 3, the derivative is 0, as in TensorFlow and PyTorch. All forms compare x itself, not the
rounded sum x + 3: the largest number below 3 plus 3 rounds to 6, and would count as the kink. NaN passes through.

The slope is an argument because TF-slim writes the constant 0.16667 into its squeeze-and-excite gates: their largest
value is 1.00002, and weights trained with it expect it.

MACs: none. Two comparisons, one addition and one multiplication an element.

Source: Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 5.2; tensorflow/models,
research/slim/nets/mobilenet/mobilenet_v3.py (``gating_fn=lambda x: tf.nn.relu6(x+3)*0.16667``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check_array, check_positive, check_same_dtype, check_shape
from ..forms import choose, compiled
from ..memory import empty
from ._common import describe, in_chunks, in_pieces

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x, slope):
    y = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        if x[i] <= -3:
            y[i] = 0
        elif x[i] >= 3:
            y[i] = 6 * slope
        else:
            y[i] = (x[i] + 3) * slope
    return y


def _backward_loops(dy, x, slope):
    dx = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        if x[i] <= -3 or x[i] >= 3:
            dx[i] = 0
        else:
            dx[i] = dy[i] * slope
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: the real part decides, so that complex-step differentiation works


def _forward_numpy(x, slope):
    return np.where(x.real <= -3, 0, np.where(x.real >= 3, 6 * slope, (x + 3) * slope))


def _backward_numpy(dy, x, slope):
    return np.where((x.real <= -3) | (x.real >= 3), 0, dy * slope)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: one loop over the elements in memory order, whatever the shape


def _forward_numba(x, slope):
    y = empty(x.shape, x.dtype)
    in_pieces(_forward_kernel, x.ravel(), slope, y.reshape(-1))
    return y


def _backward_numba(dy, x, slope):
    dx = empty(x.shape, x.dtype)
    in_pieces(_backward_kernel, dy.ravel(), x.ravel(), slope, dx.reshape(-1))
    return dx


@compiled
def _forward_kernel(x, slope, y):
    top, three, k = x.dtype.type(6 * slope), x.dtype.type(3), x.dtype.type(slope)  # so that float32 stays float32
    for i in range(x.size):
        if x[i] <= -3:
            y[i] = 0
        elif x[i] >= 3:
            y[i] = top
        else:
            y[i] = (x[i] + three) * k


@compiled
def _backward_kernel(dy, x, slope, dx):
    k = x.dtype.type(slope)
    for i in range(x.size):
        if x[i] <= -3 or x[i] >= 3:
            dx[i] = 0
        else:
            dx[i] = dy[i] * k


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class HardSigmoidCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: np.ndarray
    slope: float

    __repr__ = describe


def hard_sigmoid_forward(x: np.ndarray, slope: float = 1 / 6) -> tuple[np.ndarray, HardSigmoidCache]:
    """Piecewise linear sigmoid of every element: 0 up to -3, 1 from 3 on, a straight line between.

    Parameters
    ----------
    x : (...) float
        Any shape.
    slope : float
        Slope of the line; 1/6 everywhere except in weights from TF-slim, which need 0.16667.

    Returns
    -------
    y : (...) float in [0, 6 * slope], of x's shape and dtype
    cache : HardSigmoidCache

    Raises
    ------
    ValueError, TypeError
        If x is not a floating-point array, or is empty; if slope is not positive.

    Examples
    --------
    >>> y, cache = hard_sigmoid_forward(np.array([-4.0, -3.0, 0.0, 1.5, 3.0]))
    >>> y
    array([0.  , 0.  , 0.5 , 0.75, 1.  ])
    """
    op = "hard_sigmoid"
    check_array(op, "x", x, "...")
    check_positive(op, "slope", slope)
    slope = float(slope)  # a NumPy scalar would lift float32 to its own precision
    run = choose(_forward_loops, in_chunks(_forward_numpy), _forward_numba, x.dtype)
    return run(x, slope), HardSigmoidCache(x, slope)


def hard_sigmoid_backward(dy: np.ndarray, cache: HardSigmoidCache) -> np.ndarray:
    """Gradient of `hard_sigmoid_forward`.

    Parameters
    ----------
    dy : (...) float, of x's shape
        Gradient of the loss with respect to y.
    cache : HardSigmoidCache

    Returns
    -------
    dx : (...) float

    Examples
    --------
    >>> y, cache = hard_sigmoid_forward(np.array([-4.0, -3.0, 0.0, 1.5, 3.0]))
    >>> hard_sigmoid_backward(np.full(5, 6.0), cache)
    array([0., 0., 1., 1., 0.])
    """
    op = "hard_sigmoid_backward"
    x, slope = as_cache(op, cache, HardSigmoidCache)
    check_array(op, "dy", dy, "...")
    check_same_dtype(op, dy=dy, x=x)
    check_shape(op, "dy", dy, x.shape, "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, x.dtype)
    return run(dy, x, slope)
