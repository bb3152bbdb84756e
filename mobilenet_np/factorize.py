"""When is a standard convolution a depthwise one followed by a pointwise one?

Depthwise with kernels d and then pointwise with weights p is one linear map, and so is a standard convolution with the
kernel `compose` gives::

    w[a, b, c, n] = d[a, b, c] * p[c, n]

For one input channel c, flatten the window: the slice w[:, :, c, :] becomes a matrix of kh*kw rows and C_out columns,
and the equation says that it is an outer product, a column d times a row p. A matrix is an outer product exactly if its
rank is 1 (or 0, the zero matrix). So a standard kernel can be factorized **if and only if all C_in slices have rank at
most 1**: from each input channel all outputs want the same pattern, each in its own strength.

Where they do not, the singular value decomposition of each slice gives the outer product that is nearest to it (Eckart
and Young 1936). The squared Frobenius norm of w is the sum over the slices, so the nearest slices together are the
nearest separable kernel. With several depthwise kernels for each input channel the best sum of so many outer products
is reached, and with as many as the rank, equality.

A MobileNet never approximates a given kernel: it learns d and p. These are the kernels that it cannot express.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .errors import check, check_array, check_positive, check_same_dtype


class Separable(NamedTuple):
    """The separable kernel nearest to a standard one."""

    depthwise: np.ndarray
    """(kh, kw, C_in * kernels)"""
    pointwise: np.ndarray
    """(C_in * kernels, C_out)"""
    error: float
    """Frobenius norm of what is missing, relative to that of the kernel: 0 equal, 1 nothing in common."""


def compose(depthwise: np.ndarray, pointwise: np.ndarray, kernels: int = 1) -> np.ndarray:
    """The standard kernel that does what depthwise and then pointwise do.

    Parameters
    ----------
    depthwise : (kh, kw, C_in * kernels) float
    pointwise : (C_in * kernels, C_out) float
    kernels : int
        Depthwise kernels for each input channel, one behind the other. MobileNets have 1.

    Returns
    -------
    w : (kh, kw, C_in, C_out) float

    Raises
    ------
    ValueError, TypeError
        If ranks, channels or dtypes do not fit together.

    Examples
    --------
    >>> compose(np.ones((3, 3, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]))[0, 0]
    array([[1., 2.],
           [3., 4.]])
    """
    check_array("compose", "depthwise", depthwise, "kh kw C")
    check_array("compose", "pointwise", pointwise, "C C_out")
    check_same_dtype("compose", depthwise=depthwise, pointwise=pointwise)
    check_positive("compose", "kernels", kernels, integer=True)
    (kh, kw, channels), (rows, c_out) = depthwise.shape, pointwise.shape
    shapes = f"depthwise {depthwise.shape}, pointwise {pointwise.shape}"
    check(
        channels == rows,
        f"compose: depthwise has {channels} channels, pointwise takes {rows} ({shapes}); pointwise mixes what "
        "depthwise gives",
    )
    check(
        channels % kernels == 0,
        f"compose: {channels} channels are not {kernels} kernels for each input channel ({shapes})",
    )
    d = depthwise.reshape(kh, kw, channels // kernels, kernels)
    return np.einsum("abcq,cqn->abcn", d, pointwise.reshape(channels // kernels, kernels, c_out))


def separable_rank(w: np.ndarray) -> np.ndarray:
    """Rank of each input channel's slice: the depthwise kernels this channel needs for equality.

    Parameters
    ----------
    w : (kh, kw, C_in, C_out) float

    Returns
    -------
    rank : (C_in,) int
        At most min(kh*kw, C_out). The kernel is a depthwise-separable one if none is above 1.

    Examples
    --------
    >>> sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> edges = np.stack([sobel, 3 * sobel], axis=-1).reshape(3, 3, 1, 2)
    >>> separable_rank(edges)  # one pattern, in two strengths
    array([1])
    >>> edges = np.stack([sobel, sobel.T], axis=-1).reshape(3, 3, 1, 2)
    >>> separable_rank(edges)  # vertical and horizontal edges: two patterns
    array([2])
    """
    check_array("separable_rank", "w", w, "kh kw C_in C_out")
    return np.linalg.matrix_rank(_slices(w))


def nearest_separable(w: np.ndarray, kernels: int = 1) -> Separable:
    """The depthwise and the pointwise kernel that together come nearest to a standard one.

    Parameters
    ----------
    w : (kh, kw, C_in, C_out) float
    kernels : int
        Depthwise kernels for each input channel. MobileNets have 1; with kh*kw every kernel is reached.

    Returns
    -------
    Separable
        ``depthwise``, ``pointwise`` and the relative ``error``. No other pair has a smaller one. A factor can move
        from one to the other; here both get the same norm for each channel, and the largest entry of each depthwise
        kernel is positive.

    Examples
    --------
    >>> sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> edges = np.stack([4 * sobel, 3 * sobel.T], axis=-1).reshape(3, 3, 1, 2)
    >>> best = nearest_separable(edges)  # keeps the stronger pattern and gives up the other: 3 of 5
    >>> round(best.error, 12)
    0.6
    """
    op = "nearest_separable"
    check_array(op, "w", w, "kh kw C_in C_out")
    check_positive(op, "kernels", kernels, integer=True)
    kh, kw, c_in, c_out = w.shape
    check(
        kernels <= kh * kw,
        f"{op}: kernels is {kernels}, w {w.shape}; a window of {kh}x{kw} has only {kh * kw} independent patterns",
    )
    u, s, vt = np.linalg.svd(_slices(w), full_matrices=kernels > min(kh * kw, c_out))
    s = _padded(s, kernels)  # a pattern beyond the rank has strength 0
    u, s, vt = u[:, :, :kernels], s[:, :kernels], _padded(vt, kernels)[:, :kernels]

    largest = np.take_along_axis(u, np.abs(u).argmax(axis=1, keepdims=True), axis=1)  # (C_in, 1, kernels)
    sign = np.where(largest < 0, -1, 1).astype(w.dtype)
    d = u * sign * np.sqrt(s)[:, None, :]
    p = vt * sign.transpose(0, 2, 1) * np.sqrt(s)[:, :, None]
    depthwise = np.ascontiguousarray(d.transpose(1, 0, 2)).reshape(kh, kw, c_in * kernels)
    pointwise = p.reshape(c_in * kernels, c_out)
    norm = np.linalg.norm(w)
    missing = np.linalg.norm(w - compose(depthwise, pointwise, kernels))
    return Separable(depthwise, pointwise, float(missing / norm) if norm else 0.0)


def _slices(w: np.ndarray) -> np.ndarray:
    """(kh, kw, C_in, C_out) -> (C_in, kh*kw, C_out)."""
    kh, kw, c_in, c_out = w.shape
    return w.transpose(2, 0, 1, 3).reshape(c_in, kh * kw, c_out)


def _padded(array: np.ndarray, length: int) -> np.ndarray:
    """Zeros behind axis 1, up to a length of at least ``length``."""
    short = max(length - array.shape[1], 0)
    return np.pad(array, [(0, 0), (0, short)] + [(0, 0)] * (array.ndim - 2))
