"""The factorization at work on a photograph: what the stages give, and what no separable kernel can give.

Two examples with 3x3 edge filters (Sobel's). With S the filter for vertical edges, ``cos(t) * S + sin(t) * S.T`` is the
one for edges turned by the angle t: one filter that is a sum of two.

`one_pattern_each` starts from a depthwise and a pointwise kernel and shows that they are a standard one.
`one_pattern_for_all` starts from a standard kernel whose outputs want differently turned edges from the same channel,
and shows the nearest separable kernel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import check_positive
from ..factorize import compose, nearest_separable, separable_rank
from ..models import Network, preprocess
from ..ops.conv2d import conv2d_forward
from ..ops.depthwise_conv2d import depthwise_conv2d_forward
from ..ops.pointwise_conv2d import pointwise_conv2d_forward

CHANNELS = ("red", "green", "blue")
ANGLES = (0, 45, 90)  # degrees
_SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
_BLUR = np.array([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709: how bright red, green and blue appear


class Factorized(NamedTuple):
    """A separable kernel's stages, and the standard convolution that is the same."""

    photo: np.ndarray
    """(H, W, 3), in [0, 1]"""
    depthwise: np.ndarray
    """(3, 3, 3)"""
    pointwise: np.ndarray
    """(3, C_out)"""
    names: tuple[str, ...]
    """What each output shows."""
    filtered: np.ndarray
    """(H, W, 3), after the depthwise half"""
    mixed: np.ndarray
    """(H, W, C_out), after the pointwise half"""
    standard: np.ndarray
    """(H, W, C_out), of one standard convolution with the composed kernel"""
    difference: float
    """Largest difference between the two, relative to the largest output"""


class Approximated(NamedTuple):
    """A kernel that is not separable, and the nearest one that is."""

    photo: np.ndarray
    """(H, W, 3), in [0, 1]"""
    w: np.ndarray
    """(3, 3, 3, C_out)"""
    names: tuple[str, ...]
    """What each output shows."""
    rank: np.ndarray
    """(3,), of each input channel's slice"""
    errors: tuple[float, ...]
    """Relative error of the kernel with 1, 2, ... depthwise kernels for each channel"""
    best: np.ndarray
    """(3, 3, 3, C_out), the nearest separable kernel"""
    standard: np.ndarray
    """(H, W, C_out)"""
    nearest: np.ndarray
    """(H, W, C_out)"""


def photograph() -> np.ndarray:
    """Rear Admiral Grace Hopper, who wrote the first linker: a part of the photograph that comes with Matplotlib.

    Returns
    -------
    photo : (200, 200, 3) float64 in [0, 1]

    Notes
    -----
    James S. Davis, United States Navy, 1984; in the public domain.
    """
    from matplotlib.cbook import get_sample_data
    from matplotlib.image import imread

    pixels = imread(get_sample_data("grace_hopper.jpg", asfileobj=False))[:400, :400] / 255
    return pixels.reshape(200, 2, 200, 2, 3).mean(axis=(1, 3))


def as_input(net: Network, resolution: int | tuple[int, int] = 224) -> np.ndarray:
    """The photograph as a network takes it: as a batch of one image, normalized.

    Parameters
    ----------
    net : Network
    resolution : int or (int, int)
        Side, or height and width; each pixel is the nearest one of the photograph.

    Returns
    -------
    x : (1, H, W, 3) float, of the network's dtype

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> as_input(build("v1", width=0.25), (96, 64)).shape
    (1, 96, 64, 3)
    """
    photo = photograph()
    height, width = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    for name, size in (("height", height), ("width", width)):
        check_positive("show.as_input", name, size, integer=True)
    rows, columns = (np.arange(n) * side // n for n, side in zip((height, width), photo.shape, strict=False))
    return preprocess(photo[rows][None, :, columns], net)


def one_pattern_each(photo: np.ndarray) -> Factorized:
    """Vertical edges of red, horizontal edges of green, blurred blue; and three mixtures of them.

    Parameters
    ----------
    photo : (H, W, 3) float64
    """
    depthwise = np.stack([_SOBEL, _SOBEL.T, _BLUR], axis=2)
    names = ("edges /", "edges \\", "relief")
    pointwise = np.array([[1.0, 1, 0], [1, -1, 1], [0, 0, 0.7]])
    filtered = _run(depthwise_conv2d_forward, photo, depthwise)
    mixed = _run(pointwise_conv2d_forward, filtered, pointwise)
    standard = _run(conv2d_forward, photo, compose(depthwise, pointwise))
    difference = float(np.abs(standard - mixed).max() / np.abs(standard).max())
    return Factorized(photo, depthwise, pointwise, names, filtered, mixed, standard, difference)


def turned_edges(angles: tuple[float, ...] = ANGLES) -> np.ndarray:
    """A standard kernel whose outputs see edges turned by angles, in the brightness of a colour photograph.

    Parameters
    ----------
    angles : tuple of float
        Degrees; 0 for vertical edges.

    Returns
    -------
    w : (3, 3, 3, len(angles)) float64

    Examples
    --------
    >>> separable_rank(turned_edges((0, 30, 60, 90)))  # S and its transpose: two patterns make all turned ones
    array([2, 2, 2])
    """
    t = np.deg2rad(angles)
    edges = np.cos(t) * _SOBEL[..., None] + np.sin(t) * _SOBEL.T[..., None]
    return edges[:, :, None, :] * _LUMINANCE[:, None]


def one_pattern_for_all(photo: np.ndarray) -> Approximated:
    """Turned edges, and the nearest that one filtered image of each channel can do.

    Parameters
    ----------
    photo : (H, W, 3) float64
    """
    w = turned_edges()
    kernels = [nearest_separable(w, kernels) for kernels in range(1, len(ANGLES) + 1)]
    best = compose(kernels[0].depthwise, kernels[0].pointwise)
    names = tuple(f"{angle}°" for angle in ANGLES)
    return Approximated(
        photo=photo,
        w=w,
        names=names,
        rank=separable_rank(w),
        errors=tuple(nearest.error for nearest in kernels),
        best=best,
        standard=_run(conv2d_forward, photo, w),
        nearest=_run(conv2d_forward, photo, best),
    )


def _run(forward, photo, kernel):
    return forward(photo[None], kernel)[0][0]
