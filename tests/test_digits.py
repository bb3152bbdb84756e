"""The digits: which images are where, and what enlarging does to them."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

import mobilenet_np as mn
from mobilenet_np.data import digits


@pytest.fixture(scope="module")
def split():
    return digits()


def _scans(images):
    """The 8x8 scans (0 to 16) back from the enlarged images: the mean of the four pixels around each old centre."""
    step = images.shape[1] // 8
    return (
        16
        * sum(images[:, a::step, b::step, 0] for a in (step // 2 - 1, step // 2) for b in (step // 2 - 1, step // 2))
        / 4
    )


def test_shapes_and_range(split):
    assert split.x_train.shape[1:] == split.x_test.shape[1:] == (32, 32, 3)
    assert len(split.x_train) == len(split.y_train)
    assert len(split.x_test) == len(split.y_test)
    assert len(split.y_train) + len(split.y_test) == 1797
    assert abs(len(split.y_test) - 1797 / 5) <= 5  # a fifth of every digit, rounded
    assert split.x_train.dtype == split.x_test.dtype == np.float32
    for images in (split.x_train, split.x_test):
        assert images.min() == 0
        assert 0.9 < images.max() <= 1
        assert (images == images[..., :1]).all()


def test_every_image_is_on_exactly_one_side_with_its_label(split):
    """At 8x8 nothing is enlarged: the scans themselves come back."""
    small, data = digits(size=8), load_digits()
    both = np.concatenate([small.x_train, small.x_test])[..., 0] * 16
    labels = np.concatenate([small.y_train, small.y_test])
    ours = sorted((label, image.tobytes()) for label, image in zip(labels, both.astype(np.uint8), strict=True))
    theirs = sorted((label, s.tobytes()) for label, s in zip(data.target, data.images.astype(np.uint8), strict=True))
    assert ours == theirs
    assert (small.y_test == split.y_test).all()


def test_the_split_is_stratified():
    split = digits(size=8, test_share=0.25)
    total = np.bincount(load_digits().target)
    assert (np.abs(np.bincount(split.y_test) - total / 4) <= 0.5).all()


def test_the_seed_decides_the_split():
    first, again, other = digits(size=8, rng=3), digits(size=8, rng=np.random.default_rng(3)), digits(size=8, rng=4)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first.y_test != other.y_test).any()


def test_enlarging_is_linear_interpolation():
    """Beside the border it copies the border; between two centres it draws a straight line."""
    small, large = digits(size=8).x_test[..., 0], digits(size=32).x_test[..., 0]
    assert np.abs(large[:, :2, :2] - small[:, :1, :1]).max() < 1e-6  # the corner, up to the first centre
    a, b = small[:, 0, :-1], small[:, 0, 1:]
    for k in range(4):  # four new pixels between two old centres, at 1/8, 3/8, 5/8, 7/8 of the way
        way = (2 * k + 1) / 8
        assert np.abs(large[:, 0, 2 + k : 30 : 4] - ((1 - way) * a + way * b)).max() < 1e-6


def test_enlarging_keeps_the_image(split):
    """The mean around each old centre is the old pixel, but for a share of its neighbours."""
    small = digits(size=8).x_test[..., 0] * 16
    assert np.corrcoef(_scans(split.x_test).ravel(), small.ravel())[0, 1] > 0.99


def test_preprocess_takes_them_as_they_are(split):
    net = mn.build("v1", 0.25, classes=10)
    x = mn.preprocess(split.x_test, net)
    assert x.dtype == np.float32
    assert x.min() == -1
    assert 0.8 < x.max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(size=28), "size is 28; the scans are 8x8, so it must be a multiple of 8"),
        (dict(size=0), "size is 0; it must be a positive integer"),
        (dict(size=32.0), "size is 32.0; it must be a positive integer"),
        (dict(test_share=0), "test_share is 0; it must be between 0 and 1"),
        (dict(test_share=1.5), "test_share is 1.5; it must be between 0 and 1"),
        (dict(test_share=True), "test_share is True; it must be between 0 and 1"),
        (dict(test_share=float("nan")), "test_share is nan; it must be between 0 and 1"),
        (dict(test_share=0.001), "test_share 0.001 puts 0 of the 178 images of digit 0 into the test set"),
        (dict(test_share=0.9999), "test_share 0.9999 puts 178 of the 178 images of digit 0 into the test set"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        digits(**options)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "mobilenet_np\[data\]"'):
        digits()
