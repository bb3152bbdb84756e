"""Handwritten digits: 1,797 scans of 8x8 pixels that come with scikit-learn, so that nothing has to be downloaded.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49 (the part of 43 writers that scikit-learn ships: ``sklearn.datasets.load_digits``).
"""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np

from ..errors import check, check_positive
from ..ops._common import describe


class Split(NamedTuple):
    """Images and labels to learn from, and others, never seen in training, to be judged by."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    __repr__ = describe


def digits(size: int = 32, test_share: float = 0.2, rng: int | np.random.Generator = 0) -> Split:
    """The handwritten digits as images for a MobileNet, split into training and test images.

    Parameters
    ----------
    size : int
        Height and width in pixels, a multiple of 8. A MobileNet needs at least 32.
    test_share : float
        Share of the images, between 0 and 1, that is kept for testing: the same share of every digit (stratified).
    rng : int or Generator
        Seed of the split.

    Returns
    -------
    x_train, x_test : (N, size, size, 3) float32 in [0, 1]
        Ink is 1, paper 0; the three channels are equal. `mobilenet_np.preprocess` brings them into a network's range.
    y_train, y_test : (N,) int64
        The digit, 0 to 9.

    Raises
    ------
    ValueError
        For a size that is not a multiple of 8, and a share that leaves a digit without training or test images.
    ImportError
        Where scikit-learn is not installed.

    Examples
    --------
    >>> split = digits()
    >>> split.x_train.shape, split.x_test.shape
    ((1438, 32, 32, 3), (359, 32, 32, 3))
    """
    check_positive("digits", "size", size, integer=True)
    check(size % 8 == 0, f"digits: size is {size}; the scans are 8x8, so it must be a multiple of 8")
    real = isinstance(test_share, numbers.Real) and not isinstance(test_share, bool)
    check(real and 0 < test_share < 1, f"digits: test_share is {test_share!r}; it must be between 0 and 1")
    scans, labels = _load()
    train, test = _stratified(labels, float(test_share), np.random.default_rng(rng))
    images = np.repeat(_bilinear(scans / np.float32(16), size)[..., None], 3, axis=3)  # ink has 17 levels, 0 to 16
    return Split(images[train], labels[train], images[test], labels[test])


def _load():
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError('digits: needs scikit-learn; pip install "mobilenet_np[data]"') from error
    data = load_digits()
    return data.images.astype(np.float32), data.target.astype(np.int64)


def _stratified(labels, test_share, rng):
    """Indices of the training and of the test images, both ascending."""
    train, test = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = round(test_share * len(members))
        check(
            0 < count < len(members),
            f"digits: test_share {test_share} puts {count} of the {len(members)} images of digit {label} into the test "
            "set; every digit needs at least one image on both sides",
        )
        test.append(members[:count])
        train.append(members[count:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def _bilinear(images, size):
    """(N, 8, 8) -> (N, size, size): straight lines between the old pixels.

    Repeating every pixel is shorter, but draws edges that no pen has drawn, and trained no better: V3-Small as well,
    V1 a little worse.
    """
    taps = images.shape[1]
    # Centre of every new pixel, measured in old pixels; those beyond the outermost centres take the border's value.
    centres = np.clip((np.arange(size) + 0.5) * taps / size - 0.5, 0, taps - 1)
    weights = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(taps))).astype(images.dtype)  # (size, 8)
    return weights @ images @ weights.T
