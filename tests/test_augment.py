"""Shifts: by the right amounts, all of them, each image by its own, the border repeated."""

import numpy as np
import pytest

from mobilenet_np.data import random_shift


def _grid(N, H=5, W=6, C=2):
    """Pixels that say where they came from: row in channel 0, column in channel 1."""
    rows, columns = np.mgrid[:H, :W]
    return np.repeat(np.stack([rows, columns], axis=2)[None].astype(np.float32), N, axis=0)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_every_image_is_the_original_moved_with_its_border_repeated(most):
    shifted = random_shift(_grid(200), np.random.default_rng(0), most)
    seen = set()
    for image in shifted:
        down, right = 2 - int(image[2, 3, 0]), 3 - int(image[2, 3, 1])
        assert (image[..., 0] == np.clip(np.arange(5) - down, 0, 4)[:, None]).all()
        assert (image[..., 1] == np.clip(np.arange(6) - right, 0, 5)).all()
        seen.add((down, right))
    steps = range(-most, most + 1)
    assert seen == {(down, right) for down in steps for right in steps}


def test_all_shifts_are_equally_likely():
    """9 shifts of 9,000 images: 1,000 each, give or take 5 standard deviations of 30."""
    shifted = random_shift(_grid(9000), np.random.default_rng(1))
    _, counts = np.unique(shifted[:, 2, 3], axis=0, return_counts=True)
    assert len(counts) == 9
    assert (abs(counts - 1000) < 150).all()


def test_keeps_dtype_and_leaves_the_images_alone():
    images = _grid(3)
    before = images.copy()
    shifted = random_shift(images, np.random.default_rng(0))
    assert shifted.dtype == np.float32
    assert (images == before).all()
    assert not np.shares_memory(images, random_shift(images, np.random.default_rng(0), most=0))


@pytest.mark.parametrize("most", [-1, 1.0, True])
def test_errors(most):
    with pytest.raises(ValueError, match=f"random_shift: most is {most}; it must be an integer of at least 0"):
        random_shift(_grid(1), np.random.default_rng(0), most)
    with pytest.raises(ValueError, match="must have 4 axes"):
        random_shift(_grid(1)[0], np.random.default_rng(0))
