"""Global average pooling: each channel's mean over the whole image.

The formula::

    y[n, c] = 1 / (H * W) * sum over i, j  of  x[n, i, j, c]

It has no parameters, and it makes the classifier behind it independent of the resolution: the same weights serve 224
and 128 pixels. Every pixel has the same share in the mean, so every pixel gets the same share of the gradient.

MACs: none; H * W * C additions, which the papers do not count.

Source: Lin et al., Network in Network, arXiv:1312.4400, section 3.2; the "Avg Pool" row of MobileNets,
arXiv:1704.04861, Table 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check_array, check_same_dtype, check_shape
from ..forms import choose, compiled
from ..memory import empty
from ..threads import share
from ._common import describe, sum_over_positions

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(x):
    N, H, W, C = x.shape
    y = np.zeros((N, C), x.dtype)
    for n, c in np.ndindex(N, C):
        for i in range(H):
            for j in range(W):
                y[n, c] += x[n, i, j, c]
        y[n, c] /= H * W
    return y


def _backward_loops(dy, shape):
    N, H, W, C = shape
    dx = np.zeros(shape, dy.dtype)
    for n, i, j, c in np.ndindex(N, H, W, C):
        dx[n, i, j, c] = dy[n, c] / (H * W)
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: one image at a time


def _forward_numpy(x):
    _, H, W, _ = x.shape
    return np.stack([sum_over_positions(image) for image in x]) / (H * W)


def _backward_numpy(dy, shape):
    _, H, W, _ = shape
    dx = np.empty(shape, dy.dtype)
    dx[:] = dy[:, None, None, :] / (H * W)
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the loops again, with the channels innermost


def _forward_numba(x):
    from ..kernels.gate import sums_of_positions

    _, H, W, _ = x.shape
    return sums_of_positions(x) / (H * W)


def _backward_numba(dy, shape):
    _, H, W, _ = shape
    dx = empty(shape, dy.dtype)
    per_pixel = dy / (H * W)
    share(lambda n0, n1: _spread_kernel(per_pixel[n0:n1], dx[n0:n1]), len(dx), work=dx.size)
    return dx


@compiled
def _spread_kernel(per_pixel, dx):
    N, H, W, C = dx.shape
    for n in range(N):
        for i in range(H):
            for j in range(W):
                for c in range(C):
                    dx[n, i, j, c] = per_pixel[n, c]


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class GlobalAveragePoolCache(NamedTuple):
    """What the backward pass needs of the forward pass: of x only the shape and the dtype, no values."""

    shape: tuple[int, int, int, int]
    dtype: np.dtype

    __repr__ = describe


def global_average_pool_forward(x: np.ndarray) -> tuple[np.ndarray, GlobalAveragePoolCache]:
    """Mean of each channel over the image.

    Parameters
    ----------
    x : (N, H, W, C) float

    Returns
    -------
    y : (N, C) float, of x's dtype
    cache : GlobalAveragePoolCache

    Raises
    ------
    ValueError, TypeError
        If x is not a float array of four axes.

    Examples
    --------
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> y, cache = global_average_pool_forward(x)
    >>> y
    array([[3., 4.]])
    """
    check_array("global_average_pool", "x", x, "N H W C")
    run = choose(_forward_loops, _forward_numpy, _forward_numba, x.dtype)
    return run(x), GlobalAveragePoolCache(x.shape, x.dtype)


def global_average_pool_backward(dy: np.ndarray, cache: GlobalAveragePoolCache) -> np.ndarray:
    """Gradient of `global_average_pool_forward`.

    Parameters
    ----------
    dy : (N, C) float
        Gradient of the loss with respect to y.
    cache : GlobalAveragePoolCache

    Returns
    -------
    dx : (N, H, W, C) float

    Examples
    --------
    >>> y, cache = global_average_pool_forward(np.zeros((1, 2, 2, 1)))
    >>> global_average_pool_backward(np.array([[8.0]]), cache)[0, :, :, 0]
    array([[2., 2.],
           [2., 2.]])
    """
    op = "global_average_pool_backward"
    cache = as_cache(op, cache, GlobalAveragePoolCache)
    shape, _ = cache
    check_array(op, "dy", dy, "N C")
    check_same_dtype(op, dy=dy, x=cache)
    check_shape(op, "dy", dy, (shape[0], shape[3]), "it must have the shape of y")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, dy.dtype)
    return run(dy, shape)
