"""Batch normalization: give every channel mean 0 and variance 1, then the mean and scale that it learns to want.

The paper's formulas, a channel at a time, over the m positions of a batch (all N * H * W of them)::

    mean = 1/m sum of x            var = 1/m sum of (x - mean)^2
    xhat = (x - mean) / std        std = sqrt(var + eps)
    y    = gamma * xhat + beta

In training mean and var are the batch's own, so each x moves y along three paths: directly, through mean, and through
var. With g = gamma * dy, the gradient with respect to xhat, and all sums over the channel's positions::

    direct          g / std
    mean path       dmean = -sum(g) / std                               times  dmean/dx = 1 / m
    variance path   dvar  = -1/2 sum(g * (x - mean)) / std^3            times  dvar/dx  = 2 (x - mean) / m
                          = -1/2 sum(g * xhat) / std^2

    (var itself depends on mean, but only by sum(x - mean) = 0: no fourth path)

    dx = g / std  -  mean(g) / std  -  xhat * mean(g * xhat) / std
       = gamma / std * (dy - mean(dy) - xhat * mean(dy * xhat))

The two corrections take from dy what would change nothing: moving all x of the channel together leaves y as it was,
and so, but for eps, does stretching them. So dx sums to zero, and so, but for eps, does dx * xhat. The other gradients
are dgamma = sum(dy * xhat) and dbeta = sum(dy).

At inference mean and var are constants, gathered while training by `running_statistics`; y is an affine map of x, and
only the direct path is left.

MACs: none are counted, as in the papers: for inference the map folds into the convolution before it.

Source: Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167, algorithm 1 and section 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import check, check_array, check_positive, check_same_dtype, check_shape
from ..forms import choose, compiled
from ..threads import share
from ._common import describe, sum_over_positions

# ---------------------------------------------------------------------------------------------------------------------
# The definition. Here and in the other forms x and dy are tables (m positions, C channels). What runs over the
# positions is written three times; what is only a few numbers a channel, once, in the public functions.


def _statistics_loops(x):
    m, C = x.shape
    mean, var = np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for c in range(C):
        for p in range(m):
            mean[c] += x[p, c]
        mean[c] /= m
        for p in range(m):
            var[c] += (x[p, c] - mean[c]) * (x[p, c] - mean[c])
        var[c] /= m
    return mean, var


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


def _train_dx_loops(dy, x, gamma, mean, inv_std, dgamma, dbeta):
    m = len(x)
    dx = np.zeros_like(x)
    for p, c in np.ndindex(*x.shape):
        xhat = (x[p, c] - mean[c]) * inv_std[c]
        mean_path = dbeta[c] / m
        variance_path = xhat * (dgamma[c] / m)
        dx[p, c] = gamma[c] * inv_std[c] * (dy[p, c] - mean_path - variance_path)
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: all positions and channels at once


def _statistics_numpy(x):
    mean = sum_over_positions(x) / len(x)
    centered = x - mean
    return mean, sum_over_positions(centered * centered) / len(x)


def _normalize_numpy(x, gamma, beta, mean, inv_std):
    return gamma * ((x - mean) * inv_std) + beta


def _sums_numpy(dy, x, mean, inv_std):
    xhat = (x - mean) * inv_std
    return sum_over_positions(dy * xhat), sum_over_positions(dy)


def _train_dx_numpy(dy, x, gamma, mean, inv_std, dgamma, dbeta):
    xhat = (x - mean) * inv_std
    return gamma * inv_std * (dy - dbeta / len(x) - xhat * (dgamma / len(x)))


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the channels innermost, and no table is written but the result. Threads take some channels each where the sum
# runs over positions, so that each sum is one thread's and its order is kept, and some positions each elsewhere.


def _statistics_numba(x):
    mean, var = np.zeros((2, x.shape[1]), x.dtype)
    x = np.ascontiguousarray(x)
    share(lambda c0, c1: _statistics_kernel(x, c0, c1, mean, var), x.shape[1], work=x.size, grain=16)
    return mean, var


def _normalize_numba(x, gamma, beta, mean, inv_std):
    y = np.empty(x.shape, x.dtype)
    x, *others = _contiguous(x, gamma, beta, mean, inv_std)
    share(lambda p0, p1: _normalize_kernel(x[p0:p1], *others, y[p0:p1]), len(x), work=x.size)
    return y


def _sums_numba(dy, x, mean, inv_std):
    dgamma, dbeta = np.zeros((2, x.shape[1]), x.dtype)
    arrays = list(_contiguous(dy, x, mean, inv_std))
    share(lambda c0, c1: _sums_kernel(*arrays, c0, c1, dgamma, dbeta), x.shape[1], work=x.size, grain=16)
    return dgamma, dbeta


def _train_dx_numba(dy, x, gamma, mean, inv_std, dgamma, dbeta):
    dx = np.empty(x.shape, x.dtype)
    dy, x, *others = _contiguous(dy, x, gamma * inv_std, mean, inv_std, dbeta / len(x), dgamma / len(x))
    share(lambda p0, p1: _train_dx_kernel(dy[p0:p1], x[p0:p1], *others, dx[p0:p1]), len(x), work=x.size)
    return dx


def _contiguous(*arrays):
    return (np.ascontiguousarray(array) for array in arrays)


@compiled
def _statistics_kernel(x, c0, c1, mean, var):
    m, mean, var = len(x), mean[c0:c1], var[c0:c1]  # loops from 0 on are the ones that compilers make vectors of
    for p in range(m):
        row = x[p, c0:c1]
        for c in range(c1 - c0):
            mean[c] += row[c]
    for c in range(c1 - c0):
        mean[c] /= m
    for p in range(m):
        row = x[p, c0:c1]
        for c in range(c1 - c0):
            var[c] += (row[c] - mean[c]) * (row[c] - mean[c])
    for c in range(c1 - c0):
        var[c] /= m


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


@compiled
def _train_dx_kernel(dy, x, scale, mean, inv_std, mean_path, variance_path, dx):
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            xhat = (x[p, c] - mean[c]) * inv_std[c]
            dx[p, c] = scale[c] * (dy[p, c] - mean_path[c] - xhat * variance_path[c])


# ---------------------------------------------------------------------------------------------------------------------
# The public pairs: training, inference, and the statistics that lead from one to the other


class BatchNormCache(NamedTuple):
    """What the backward pass needs of the forward pass. After training mean and var are the batch's, var biased."""

    x: np.ndarray
    gamma: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    inv_std: np.ndarray

    __repr__ = describe


def batch_norm_train_forward(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float
) -> tuple[np.ndarray, BatchNormCache]:
    """Normalize every channel by the mean and variance of this batch.

    Parameters
    ----------
    x : (N, H, W, C) or (N, C) float
        With a single position a channel the variance is 0, and y is beta whatever x is.
    gamma, beta : (C,) float
        Scale and mean of the result.
    eps : float
        Added to the variance. TensorFlow's MobileNets use 1e-3, torchvision's V2 1e-5.

    Returns
    -------
    y : float, of x's shape and dtype
    cache : BatchNormCache
        Its mean and var, both (C,), are what `running_statistics` averages.

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes do not fit together; if eps is not positive.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0], [5.0], [7.0]])
    >>> y, cache = batch_norm_train_forward(x, np.ones(1), np.zeros(1), eps=1e-3)
    >>> cache.mean, cache.var
    (array([4.]), array([5.]))
    >>> y.ravel().round(3)
    array([-1.342, -0.447,  0.447,  1.342])
    """
    op = "batch_norm_train"
    _check_forward(op, x, eps, gamma=gamma, beta=beta)
    run = choose(_statistics_loops, _statistics_numpy, _statistics_numba, x.dtype)
    mean, var = run(_rows(x))
    return _normalize(x, gamma, beta, mean, var, eps)


def batch_norm_train_backward(dy: np.ndarray, cache: BatchNormCache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `batch_norm_train_forward`.

    Parameters
    ----------
    dy : float, of x's shape
        Gradient of the loss with respect to y.
    cache : BatchNormCache

    Returns
    -------
    dx : float, of x's shape
    dgamma, dbeta : (C,) float

    Examples
    --------
    >>> x = np.array([[1.0], [3.0], [5.0], [7.0]])
    >>> y, cache = batch_norm_train_forward(x, np.ones(1), np.zeros(1), eps=1e-3)
    >>> dx, dgamma, dbeta = batch_norm_train_backward(np.array([[1.0], [0.0], [0.0], [0.0]]), cache)
    >>> dx.ravel().round(3)  # only the direct path would give (0.447, 0, 0, 0)
    array([ 0.134, -0.179, -0.045,  0.089])
    """
    op = "batch_norm_train_backward"
    _check_backward(op, dy, cache)
    x, gamma, mean, _, inv_std = cache
    dgamma, dbeta = _sums(dy, cache)
    run = choose(_train_dx_loops, _train_dx_numpy, _train_dx_numba, x.dtype)
    dx = run(_rows(dy), _rows(x), gamma, mean, inv_std, dgamma, dbeta)
    return dx.reshape(x.shape), dgamma, dbeta


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
    _check_forward(op, x, eps, gamma=gamma, beta=beta, mean=mean, var=var)
    check(not np.any(var.real + eps <= 0), f"{op}: var is {var.real.min()} at its least; var + eps must be positive")
    return _normalize(x, gamma, beta, mean, var, eps)


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
    _check_backward(op, dy, cache)
    dgamma, dbeta = _sums(dy, cache)
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
    count, decay = int(count), float(decay)  # NumPy scalars would lift float32 to their own precision
    if unbiased and count > 1:
        batch_var = batch_var * (count / (count - 1))
    return decay * mean + (1 - decay) * batch_mean, decay * var + (1 - decay) * batch_var


def _check_forward(op, x, eps, **per_channel):
    check_array(op, "x", x, "N ... C")
    for name, array in per_channel.items():
        check_array(op, name, array, "C")
        check_shape(op, name, array, x.shape[-1:], f"it must have one entry per channel of x {x.shape}")
    check_same_dtype(op, x=x, **per_channel)
    check_positive(op, "eps", eps)


def _check_backward(op, dy, cache):
    check_array(op, "dy", dy, "N ... C")
    check_same_dtype(op, dy=dy, x=cache.x)
    check_shape(op, "dy", dy, cache.x.shape, "it must have the shape of y")


def _normalize(x, gamma, beta, mean, var, eps):
    inv_std = 1 / np.sqrt(var + float(eps))  # float: a NumPy scalar would lift float32 to its own precision
    run = choose(_normalize_loops, _normalize_numpy, _normalize_numba, x.dtype)
    y = run(_rows(x), gamma, beta, mean, inv_std)
    return y.reshape(x.shape), BatchNormCache(x, gamma, mean, var, inv_std)


def _sums(dy, cache):
    run = choose(_sums_loops, _sums_numpy, _sums_numba, dy.dtype)
    return run(_rows(dy), _rows(cache.x), cache.mean, cache.inv_std)


def _rows(x):
    return x.reshape(-1, x.shape[-1])
