"""Dropout: while training, each value is thrown away with probability ``rate``, and the others are scaled up.

The paper's formula (section 4) and its translation::

    r ~ Bernoulli(p),  y~ = r * y
    mask ~ Bernoulli(1 - rate),  y = x * mask / (1 - rate)

The paper's p is the probability to *keep* a value, here and in most libraries ``rate`` is the probability to drop it.
The paper shrinks the weights by p at test time; dividing by 1 - rate while training ("inverted" dropout, the paper's
section 10) has the same expected value, E[y] = x, and leaves inference untouched: there the op is simply not called.

MACs: none; one multiplication an element, which the papers do not count.

Source: Srivastava et al., Dropout, JMLR 15 (2014), pages 1929-1958.
"""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np

from ..errors import InputTypeError, as_cache, check, check_array, check_same_dtype, check_shape
from ..forms import choose, compiled
from ..memory import empty
from ._common import describe

# ---------------------------------------------------------------------------------------------------------------------
# The definition. A NaN stays NaN even where it is dropped (NaN * 0): chance must not hide a broken network.


def _forward_loops(x, mask, scale):
    y = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        y[i] = x[i] * mask[i] * scale
    return y


def _backward_loops(dy, mask, scale):
    dx = np.zeros_like(dy)
    for i in np.ndindex(*dy.shape):
        dx[i] = dy[i] * mask[i] * scale
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: the same for all elements at once


def _forward_numpy(x, mask, scale):
    return x * mask * scale


def _backward_numpy(dy, mask, scale):
    return dy * mask * scale


# ---------------------------------------------------------------------------------------------------------------------
# Numba: one pass over memory. The op is linear with a diagonal matrix, so that both directions are the same kernel


def _forward_numba(x, mask, scale):
    y = empty(x.shape, x.dtype)
    _kernel(x.ravel(), mask.ravel(), x.dtype.type(scale), y.reshape(-1))
    return y


def _backward_numba(dy, mask, scale):
    return _forward_numba(dy, mask, scale)


@compiled
def _kernel(x, mask, scale, y):
    for i in range(x.size):
        y[i] = x[i] * mask[i] * scale


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class DropoutCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    mask: np.ndarray  # True where the value was kept
    scale: float
    dtype: np.dtype  # of x, whose values are not needed

    __repr__ = describe


def dropout_forward(x: np.ndarray, rate: float, rng: np.random.Generator) -> tuple[np.ndarray, DropoutCache]:
    """Throw values away at random and scale up the others.

    Parameters
    ----------
    x : (...) float
        Any shape.
    rate : float
        Probability to drop a value, in [0, 1).
    rng : numpy.random.Generator
        Draws the mask; the same generator state gives the same mask for every dtype and in every form.

    Returns
    -------
    y : (...) float, of x's shape and dtype
    cache : DropoutCache

    Raises
    ------
    ValueError, TypeError
        If x is not a float array, rate is not in [0, 1), or rng is not a Generator.

    Examples
    --------
    >>> y, cache = dropout_forward(np.ones(8), rate=0.5, rng=np.random.default_rng(0))
    >>> y
    array([2., 0., 0., 0., 2., 2., 2., 2.])
    """
    op = "dropout"
    check_array(op, "x", x, "...")
    number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    check(number and 0 <= rate < 1, f"{op}: rate is {rate!r}; it must be a number of at least 0 and less than 1")
    if not isinstance(rng, np.random.Generator):
        raise InputTypeError(
            f"{op}: rng is a {type(rng).__name__}; it must be a numpy.random.Generator (np.random.default_rng(seed))"
        )
    mask, scale = rng.random(x.shape) >= rate, 1 / (1 - float(rate))
    run = choose(_forward_loops, _forward_numpy, _forward_numba, x.dtype)
    return run(x, mask, scale), DropoutCache(mask, scale, x.dtype)


def dropout_backward(dy: np.ndarray, cache: DropoutCache) -> np.ndarray:
    """Gradient of `dropout_forward`: dropped values get none.

    Parameters
    ----------
    dy : (...) float
        Gradient of the loss with respect to y.
    cache : DropoutCache

    Returns
    -------
    dx : (...) float

    Examples
    --------
    >>> y, cache = dropout_forward(np.ones(8), rate=0.5, rng=np.random.default_rng(0))
    >>> dropout_backward(np.arange(8.0), cache)
    array([ 0.,  0.,  0.,  0.,  8., 10., 12., 14.])
    """
    op = "dropout_backward"
    cache = as_cache(op, cache, DropoutCache)
    mask, scale, _ = cache
    check_array(op, "dy", dy, "...")
    check_same_dtype(op, dy=dy, x=cache)
    check_shape(op, "dy", dy, mask.shape, "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, dy.dtype)
    return run(dy, mask, scale)
