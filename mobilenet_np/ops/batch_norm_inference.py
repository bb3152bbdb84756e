"""Batch normalization at inference: mean and variance are constants, and y an affine map of x, channel by channel.

The formula of the paper, with a mean and a var that `running_statistics` gathers while training::

    xhat = (x - mean) / std                  std = sqrt(var + eps)
    y    = gamma * xhat + beta

Nothing here depends on the other positions of the batch, so one path leads from each x to y. All sums run over the
N * H * W positions of the channel::

    dx    = gamma / std * dy            dgamma = sum(dy * xhat)           dbeta = sum(dy)
    dmean = -gamma / std * sum(dy)
    dvar  = -1/2 gamma / std^2 * sum(dy * xhat)        since  d(1 / std)/dvar = -1/2 / std^3  and  x - mean = xhat * std

Training, `batch_norm`, does the same with the batch's own mean and var, on which more depends: it takes the two passes
over the positions from here, and adds two paths.

MACs: none are counted, as in the papers: the map folds into the convolution before it, ``w * gamma / std``.

Source: Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167, algorithm 2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check, check_array, check_positive, check_same_dtype, check_shape, check_variance
from ..forms import choose, compiled
from ..memory import empty
from ..threads import share
from ._common import describe, in_chunks, sum_over_positions

# ---------------------------------------------------------------------------------------------------------------------
# The definition. Here and in the other forms x and dy are tables (m positions, C channels). What runs over the
# positions is written three times; what is only a few numbers a channel, once, in the public functions.


def _normalize_loops(x, gamma, beta, mean, inv_std):
    y = np.zeros_like(x)
    for p, c in np.ndindex(*x.shape):
        xhat = (x[p, c] - mean[c]) * inv_std[c]
        y[p, c] = gamma[c] * xhat + beta[c]
    return y


def _sums_loops(dy, x, mean, inv_std):
    dgamma, dbeta = np.zeros_like(mean), np.zeros_like(mean)
    for p, c in np.ndindex(*x.shape):
        xhat = (x[p, c] - mean[c]) * inv_std[c]
        dgamma[c] += dy[p, c] * xhat
        dbeta[c] += dy[p, c]
    return dgamma, dbeta


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: all positions and channels at once


def _normalize_numpy(x, gamma, beta, mean, inv_std):
    return gamma * ((x - mean) * inv_std) + beta


def _sums_numpy(dy, x, mean, inv_std):
    xhat = (x - mean) * inv_std
    return sum_over_positions(dy * xhat), sum_over_positions(dy)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the channels innermost, and no table is written but the result. Threads take some channels each where the sum
# runs over positions, so that each sum is one thread's and its order is kept, and some positions each elsewhere.


def _normalize_numba(x, gamma, beta, mean, inv_std):
    x, *others = contiguous(x, gamma, beta, mean, inv_std)
    if fills_registers(x):
        return normalize_kernels().normalize(x, *others)
    y = empty(x.shape, x.dtype)
    share(lambda p0, p1: _normalize_kernel(x[p0:p1], *others, y[p0:p1]), len(x), work=x.size)
    return y


def _sums_numba(dy, x, mean, inv_std):
    arrays = list(contiguous(dy, x, mean, inv_std))
    if fills_registers(x):
        dy, x, mean, inv_std = arrays
        return normalize_kernels().sums(dy, x, mean, mean, mean, inv_std)  # gamma and beta do not matter here
    dgamma, dbeta = np.zeros((2, x.shape[1]), x.dtype)
    share(lambda c0, c1: _sums_kernel(*arrays, c0, c1, dgamma, dbeta), x.shape[1], work=x.size, grain=16)
    return dgamma, dbeta


def contiguous(*arrays):
    return (np.ascontiguousarray(array) for array in arrays)


def fills_registers(x):
    """In float32, which need not add in the definition's order, tables of whole registers have faster kernels."""
    return x.dtype == np.float32 and x.shape[1] % 8 == 0


def normalize_kernels():
    from ..kernels import normalize

    return normalize


@compiled
def _normalize_kernel(x, gamma, beta, mean, inv_std, y):
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[p, c] = gamma[c] * ((x[p, c] - mean[c]) * inv_std[c]) + beta[c]


@compiled
def _sums_kernel(dy, x, mean, inv_std, c0, c1, dgamma, dbeta):
    mean, inv_std, dgamma, dbeta = mean[c0:c1], inv_std[c0:c1], dgamma[c0:c1], dbeta[c0:c1]
    for p in range(len(x)):
        dy_row, x_row = dy[p, c0:c1], x[p, c0:c1]
        for c in range(c1 - c0):
            dgamma[c] += dy_row[c] * ((x_row[c] - mean[c]) * inv_std[c])
            dbeta[c] += dy_row[c]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair, and the statistics that it takes


class BatchNormCache(NamedTuple):
    """What the backward pass needs of the forward pass. After training mean and var are the batch's, var biased."""

    x: np.ndarray
    gamma: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    inv_std: np.ndarray

    __repr__ = describe


def batch_norm_inference_forward(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, BatchNormCache]:
    """Normalize every channel by a given mean and variance.

    Parameters
    ----------
    x : (N, H, W, C) or (N, C) float
    gamma, beta, mean, var : (C,) float
    eps : float
        Added to the variance; part of the weights, for every source of weights has its own.

    Returns
    -------
    y : float, of x's shape and dtype
    cache : BatchNormCache

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes do not fit together; if eps or var + eps is not positive.

    Examples
    --------
    >>> x = np.array([[4.0], [6.0]])
    >>> y, cache = batch_norm_inference_forward(x, np.ones(1), np.zeros(1), np.array([4.0]), np.array([0.75]), eps=0.25)
    >>> y.ravel()
    array([0., 2.])
    """
    op = "batch_norm_inference"
    check_arguments(op, x, eps, gamma=gamma, beta=beta, mean=mean, var=var)
    check_variance(op, var, eps)
    return normalize(x, gamma, beta, mean, var, eps)


def batch_norm_inference_backward(
    dy: np.ndarray, cache: BatchNormCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `batch_norm_inference_forward`.

    Parameters
    ----------
    dy : float, of x's shape
        Gradient of the loss with respect to y.
    cache : BatchNormCache

    Returns
    -------
    dx : float, of x's shape
    dgamma, dbeta, dmean, dvar : (C,) float

    Examples
    --------
    >>> x = np.array([[4.0], [6.0]])
    >>> y, cache = batch_norm_inference_forward(x, np.ones(1), np.zeros(1), np.array([4.0]), np.array([0.75]), eps=0.25)
    >>> for gradient in batch_norm_inference_backward(np.array([[1.0], [2.0]]), cache):
    ...     print(gradient.ravel())
    [1. 2.]
    [4.]
    [3.]
    [-3.]
    [-2.]
    """
    op = "batch_norm_inference_backward"
    cache = as_cache(op, cache, BatchNormCache)
    check_gradient(op, dy, cache)
    dgamma, dbeta = sums(dy, cache)
    scale = cache.gamma * cache.inv_std
    # dvar: the derivative of (var + eps)^(-1/2) is -1/2 / std^3, and (x - mean) / std is xhat again
    return dy * scale, dgamma, dbeta, -scale * dbeta, -0.5 * scale * cache.inv_std * dgamma


def running_statistics(
    mean: np.ndarray,
    var: np.ndarray,
    batch_mean: np.ndarray,
    batch_var: np.ndarray,
    count: int,
    decay: float,
    unbiased: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the moving averages: ``running = decay * running + (1 - decay) * batch``.

    Parameters
    ----------
    mean, var : (C,) float
        The averages so far.
    batch_mean, batch_var : (C,) float
        Of `batch_norm_train_forward`'s cache.
    count : int
        Positions a channel, N * H * W.
    decay : float
        From 0, which forgets everything, to 1, which learns nothing. (PyTorch's "momentum" is 1 - decay.)
    unbiased : bool
        Average var * count / (count - 1), as TensorFlow's fused op and PyTorch do; Keras averages var as it is. A
        single position says nothing about the variance, and is taken as it is.

    Returns
    -------
    mean, var : (C,) float
        New arrays.

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes differ; if count is not a positive integer or decay not in [0, 1].

    Examples
    --------
    >>> zero, one, four, eight = (np.array([v]) for v in (0.0, 1.0, 4.0, 8.0))
    >>> running_statistics(zero, one, four, eight, count=5, decay=0.75, unbiased=False)
    (array([1.]), array([2.75]))
    >>> running_statistics(zero, one, four, eight, count=5, decay=0.75, unbiased=True)
    (array([1.]), array([3.25]))
    """
    op = "running_statistics"
    arrays = dict(mean=mean, var=var, batch_mean=batch_mean, batch_var=batch_var)
    for name, array in arrays.items():
        check_array(op, name, array, "C")
        check_shape(op, name, array, mean.shape, "it must have one entry per channel, as mean")
    check_same_dtype(op, **arrays)
    check_positive(op, "count", count, integer=True)
    check(0 <= decay <= 1, f"{op}: decay is {decay!r}; it must be in [0, 1]")
    return averaged(mean, var, batch_mean, batch_var, int(count), float(decay), unbiased)


def averaged(mean, var, batch_mean, batch_var, count, decay, unbiased):
    """`running_statistics` of what fits together. (NumPy scalars would lift float32 to their own precision.)"""
    if unbiased and count > 1:
        batch_var = batch_var * (count / (count - 1))
    return decay * mean + (1 - decay) * batch_mean, decay * var + (1 - decay) * batch_var


def check_arguments(op, x, eps, **per_channel):
    check_array(op, "x", x, "N ... C")
    for name, array in per_channel.items():
        check_array(op, name, array, "C")
        check_shape(op, name, array, x.shape[-1:], f"it must have one entry per channel of x {x.shape}")
    check_same_dtype(op, x=x, **per_channel)
    check_positive(op, "eps", eps)


def check_gradient(op, dy, cache):
    check_array(op, "dy", dy, "N ... C")
    check_same_dtype(op, dy=dy, x=cache.x)
    check_shape(op, "dy", dy, cache.x.shape, "it must have the shape of y")


def normalize(x, gamma, beta, mean, var, eps):
    inv_std = 1 / np.sqrt(var + float(eps))  # float: a NumPy scalar would lift float32 to its own precision
    run = choose(_normalize_loops, in_chunks(_normalize_numpy), _normalize_numba, x.dtype)
    y = run(rows(x), gamma, beta, mean, inv_std)
    return y.reshape(x.shape), BatchNormCache(x, gamma, mean, var, inv_std)


def sums(dy, cache):
    run = choose(_sums_loops, _sums_numpy, _sums_numba, dy.dtype)
    return run(rows(dy), rows(cache.x), cache.mean, cache.inv_std)


def rows(x):
    return x.reshape(-1, x.shape[-1])
