"""Squeeze and excite: gate every channel by a number that all channels decide on together.

The paper's formulas (eq. 2 to 4) with V3's hard sigmoid, written out of the other ops::

    s[n, c]       = mean over i, j of x[n, i, j, c]        squeeze: `global_average_pool`
    z             = ReLU(s @ w1 + b1)                      C -> S:  `linear`, `relu`
    g             = hard_sigmoid(z @ w2 + b2)              S -> C:  `linear`, `hard_sigmoid`
    y[n, i, j, c] = x[n, i, j, c] * g[n, c]                excite:  the gate, defined in this file

x reaches y twice: as the factor that is gated, and through s as what decides on the gate. The backward pass follows
both paths and adds::

    direct path    dy * g                                  what the pixel itself contributes
    gate path      dg[n, c] = sum over i, j of dy * x,     the same for all pixels of an image
                   back through both linear layers and the pool

Leaving out either is a popular mistake; a network trains with it, only worse.

MACs: 2 * C * S, in the two linear layers. The H * W * C additions of the pool and the H * W * C multiplications of the
gate are not counted, as in the papers. The parameters are 2 * C * S + S + C.

Source: Hu et al., Squeeze-and-Excitation Networks, arXiv:1709.01507, section 3; Howard et al., Searching for
MobileNetV3, arXiv:1905.02244, sections 5.2 and 5.3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import as_cache, check_array, check_positive, check_same_dtype, check_shape
from ..forms import choose
from ._common import describe, sum_over_positions
from .global_average_pool import GlobalAveragePoolCache, global_average_pool_forward
from .hard_sigmoid import HardSigmoidCache, hard_sigmoid_backward, hard_sigmoid_forward
from .linear import LinearCache, linear_backward, linear_forward
from .relu import ReluCache, relu_backward, relu_forward

# ---------------------------------------------------------------------------------------------------------------------
# The definition of the gate


def _gate_forward_loops(x, g):
    y = np.zeros_like(x)
    for n, i, j, c in np.ndindex(*x.shape):
        y[n, i, j, c] = x[n, i, j, c] * g[n, c]
    return y


def _gate_backward_loops(dy, x, g):
    dx, dg = np.zeros_like(x), np.zeros_like(g)
    for n, i, j, c in np.ndindex(*x.shape):
        dx[n, i, j, c] = dy[n, i, j, c] * g[n, c]
        dg[n, c] += dy[n, i, j, c] * x[n, i, j, c]
    return dx, dg


def _both_paths_loops(direct_path, ds):
    """dx: the direct one, and the one through the pool, to which every pixel contributes the same."""
    _, H, W, _ = direct_path.shape
    dx = np.zeros_like(direct_path)
    for n, i, j, c in np.ndindex(*dx.shape):
        dx[n, i, j, c] = direct_path[n, i, j, c] + ds[n, c] / (H * W)
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: the gate spread over the image


def _gate_forward_numpy(x, g):
    return x * g[:, None, None, :]


def _gate_backward_numpy(dy, x, g):
    return dy * g[:, None, None, :], np.stack([sum_over_positions(image) for image in dy * x])


def _both_paths_numpy(direct_path, ds):
    _, H, W, _ = direct_path.shape
    return direct_path + ds[:, None, None, :] / (H * W)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the loops again, image by image, both gradients in one pass. And the gate's path is added to the direct one
# where that lies, without being written down.


def _gate_forward_numba(x, g):
    from ..kernels.gate import gated

    return gated(x, g)


def _gate_backward_numba(dy, x, g):
    from ..kernels.gate import gated_backward

    return gated_backward(dy, x, g)


def _both_paths_numba(direct_path, ds):
    from ..kernels.gate import add_everywhere

    _, H, W, _ = direct_path.shape
    return add_everywhere(direct_path, ds / (H * W))


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class SqueezeExciteCache(NamedTuple):
    """What the backward pass needs of the forward pass: both factors of y, and the caches on the way to the gate."""

    x: np.ndarray
    g: np.ndarray
    pool: GlobalAveragePoolCache
    reduce: LinearCache
    relu: ReluCache
    expand: LinearCache
    hard_sigmoid: HardSigmoidCache

    __repr__ = describe


def squeeze_excite_forward(
    x: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray, slope: float = 1 / 6
) -> tuple[np.ndarray, SqueezeExciteCache]:
    """Multiply every channel by a gate computed from the means of all channels.

    Parameters
    ----------
    x : (N, H, W, C) float
    w1 : (C, S) float
    b1 : (S,) float
    w2 : (S, C) float
    b2 : (C,) float
    slope : float
        Of the hard sigmoid; 1/6 everywhere except in weights from TF-slim, which need 0.16667.

    Returns
    -------
    y : (N, H, W, C) float, of x's dtype
    cache : SqueezeExciteCache

    Raises
    ------
    ValueError, TypeError
        If ranks, sizes or dtypes do not fit together; if slope is not positive.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 1, 2, 2)  # channel means 2 and 4
    >>> w1, b1 = np.array([[1.0], [1.0]]), np.array([-3.0])  # z = 2 + 4 - 3 = 3
    >>> w2, b2 = np.array([[1.0, -0.5]]), np.zeros(2)  # 3 opens the first gate, -1.5 leaves a quarter of the second
    >>> y, cache = squeeze_excite_forward(x, w1, b1, w2, b2)
    >>> y
    array([[[[1. , 0.5],
             [3. , 1.5]]]])
    >>> cache.g
    array([[1.  , 0.25]])
    """
    op = "squeeze_excite"
    check_array(op, "x", x, "N H W C")
    for name, array, axes in (("w1", w1, "C S"), ("b1", b1, "S"), ("w2", w2, "S C"), ("b2", b2, "C")):
        check_array(op, name, array, axes)
    check_same_dtype(op, x=x, w1=w1, b1=b1, w2=w2, b2=b2)
    C, S = x.shape[3], w1.shape[1]
    check_shape(op, "w1", w1, (C, S), f"(C, S) with the C = {C} channels of x {x.shape}")
    check_shape(op, "b1", b1, (S,), f"(S,) with the S = {S} columns of w1 {w1.shape}")
    check_shape(op, "w2", w2, (S, C), f"(S, C), the transpose of w1 {w1.shape}")
    check_shape(op, "b2", b2, (C,), f"(C,) with the C = {C} channels of x {x.shape}")
    check_positive(op, "slope", slope)

    s, pool = global_average_pool_forward(x)
    z, reduce = linear_forward(s, w1, b1)
    z, relu = relu_forward(z)
    a, expand = linear_forward(z, w2, b2)
    g, hard_sigmoid = hard_sigmoid_forward(a, slope)
    run = choose(_gate_forward_loops, _gate_forward_numpy, _gate_forward_numba, x.dtype)
    return run(x, g), SqueezeExciteCache(x, g, pool, reduce, relu, expand, hard_sigmoid)


def squeeze_excite_backward(
    dy: np.ndarray, cache: SqueezeExciteCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of `squeeze_excite_forward`.

    Parameters
    ----------
    dy : (N, H, W, C) float
        Gradient of the loss with respect to y.
    cache : SqueezeExciteCache

    Returns
    -------
    dx : (N, H, W, C) float
    dw1 : (C, S) float
    db1 : (S,) float
    dw2 : (S, C) float
    db2 : (C,) float

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 1, 2, 2)
    >>> w1, b1, w2, b2 = np.array([[1.0], [1.0]]), np.array([-3.0]), np.array([[1.0, -0.5]]), np.zeros(2)
    >>> y, cache = squeeze_excite_forward(x, w1, b1, w2, b2)
    >>> dx, dw1, db1, dw2, db2 = squeeze_excite_backward(np.full_like(x, 3.0), cache)
    >>> db2  # the first gate is at its limit; the second gets 3 * (2 + 6) / 6
    array([0., 4.])
    >>> dx  # direct path 3 * g = (3, 0.75); gate path 4 * -0.5 / 2 pixels = -1 for everyone
    array([[[[ 2.  , -0.25],
             [ 2.  , -0.25]]]])
    """
    op = "squeeze_excite_backward"
    cache = as_cache(op, cache, SqueezeExciteCache)
    check_array(op, "dy", dy, "N H W C")
    check_same_dtype(op, dy=dy, x=cache.x)
    check_shape(op, "dy", dy, cache.x.shape, "it must have the shape of y")

    run = choose(_gate_backward_loops, _gate_backward_numpy, _gate_backward_numba, dy.dtype)
    direct_path, dg = run(dy, cache.x, cache.g)

    da = hard_sigmoid_backward(dg, cache.hard_sigmoid)
    dz, dw2, db2 = linear_backward(da, cache.expand)
    dz = relu_backward(dz, cache.relu)
    ds, dw1, db1 = linear_backward(dz, cache.reduce)
    run = choose(_both_paths_loops, _both_paths_numpy, _both_paths_numba, dy.dtype)
    return run(direct_path, ds), dw1, db1, dw2, db2
