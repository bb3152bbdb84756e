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

At inference mean and var are constants, and only the direct path is left: `batch_norm_inference`, where the parts
that both have in common are written.

MACs: none are counted, as in the papers: for inference the map folds into the convolution before it.

Source: Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167, algorithm 1 and section 3.
"""

from __future__ import annotations

import numpy as np

from ..errors import as_cache
from ..forms import choose, compiled
from ..memory import empty
from ..threads import share
from ._common import sum_over_positions
from .batch_norm_inference import (
    BatchNormCache,
    check_arguments,
    check_gradient,
    contiguous,
    fills_registers,
    normalize,
    normalize_kernels,
    rows,
    sums,
)

# ---------------------------------------------------------------------------------------------------------------------
# The definition. Here and in the other forms x and dy are tables (m positions, C channels).


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


def _train_dx_numpy(dy, x, gamma, mean, inv_std, dgamma, dbeta):
    xhat = (x - mean) * inv_std
    return gamma * inv_std * (dy - dbeta / len(x) - xhat * (dgamma / len(x)))


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the channels innermost, and no table is written but the result. Threads take some channels each where the sum
# runs over positions, so that each sum is one thread's and its order is kept, and some positions each elsewhere.
# float32, which need not add in the definition's order, has faster kernels.


def _statistics_numba(x):
    x = np.ascontiguousarray(x)
    if fills_registers(x):
        return normalize_kernels().statistics(x)
    mean, var = np.zeros((2, x.shape[1]), x.dtype)
    share(lambda c0, c1: _statistics_kernel(x, c0, c1, mean, var), x.shape[1], work=x.size, grain=16)
    return mean, var


def _train_dx_numba(dy, x, gamma, mean, inv_std, dgamma, dbeta):
    if fills_registers(x):
        columns = gamma, mean, mean, inv_std, dgamma, dbeta  # beta matters behind a nonlinearity only
        return normalize_kernels().backward(*contiguous(dy, x, *columns))
    dx = empty(x.shape, x.dtype)
    dy, x, *others = contiguous(dy, x, gamma * inv_std, mean, inv_std, dbeta / len(x), dgamma / len(x))
    share(lambda p0, p1: _train_dx_kernel(dy[p0:p1], x[p0:p1], *others, dx[p0:p1]), len(x), work=x.size)
    return dx


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
def _train_dx_kernel(dy, x, scale, mean, inv_std, mean_path, variance_path, dx):
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            xhat = (x[p, c] - mean[c]) * inv_std[c]
            dx[p, c] = scale[c] * (dy[p, c] - mean_path[c] - xhat * variance_path[c])


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


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
    check_arguments(op, x, eps, gamma=gamma, beta=beta)
    run = choose(_statistics_loops, _statistics_numpy, _statistics_numba, x.dtype)
    mean, var = run(rows(x))
    return normalize(x, gamma, beta, mean, var, eps)


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
    cache = as_cache(op, cache, BatchNormCache)
    check_gradient(op, dy, cache)
    x, gamma, mean, _, inv_std = cache
    dgamma, dbeta = sums(dy, cache)
    run = choose(_train_dx_loops, _train_dx_numpy, _train_dx_numba, x.dtype)
    dx = run(rows(dy), rows(x), gamma, mean, inv_std, dgamma, dbeta)
    return dx.reshape(x.shape), dgamma, dbeta
