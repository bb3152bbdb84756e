"""Small changes to an image that do not change what it shows: more to learn from, without more data."""

from __future__ import annotations

import numbers

import numpy as np

from ..errors import check, check_array


def random_shift(images: np.ndarray, rng: np.random.Generator, most: int = 1) -> np.ndarray:
    """Move every image by a few pixels, each by its own random amount; the border is repeated where it moved away.

    Parameters
    ----------
    images : (N, H, W, C) float
    rng : Generator
    most : int
        The largest shift up, down, left or right, in pixels; all shifts are equally likely.

    Returns
    -------
    shifted : (N, H, W, C) float

    Examples
    --------
    >>> image = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> [random_shift(image, np.random.default_rng(seed)).ravel().tolist() for seed in (0, 2, 4)]
    [[0.0, 1.0, 2.0], [0.0, 0.0, 1.0], [1.0, 2.0, 2.0]]
    """
    check_array("random_shift", "images", images, "N H W C")
    good = isinstance(most, numbers.Integral) and not isinstance(most, bool) and most >= 0
    check(good, f"random_shift: most is {most!r}; it must be an integer of at least 0")
    N, H, W, C = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    shifted = np.empty_like(images)
    for n, (top, left) in enumerate(rng.integers(0, 2 * most + 1, (N, 2))):
        shifted[n] = padded[n, top : top + H, left : left + W]
    return shifted
