"""The two examples of the factorization are what the text says about them."""

import numpy as np
import pytest

from mobilenet_np.show.photograph import ANGLES, one_pattern_each, one_pattern_for_all, photograph, turned_edges


@pytest.fixture(scope="module")
def photo():
    return photograph()


def test_photograph(photo):
    assert photo.shape == (200, 200, 3)
    assert photo.dtype == np.float64
    assert 0 <= photo.min() < 0.05
    assert 0.95 < photo.max() <= 1
    assert abs(photo[..., 0] - photo[..., 2]).mean() > 0.1  # in colour


def test_halves_are_the_standard_convolution(photo):
    same = one_pattern_each(photo)
    assert same.difference < 1e-14
    np.testing.assert_allclose(same.mixed, same.standard, rtol=0, atol=1e-14)
    assert len(same.names) == same.mixed.shape[2] == 3


def test_depthwise_half_sees_one_channel(photo):
    """Red is filtered alone: what the others hold does not matter."""
    other = photo.copy()
    other[..., 1:] = 0
    assert np.array_equal(one_pattern_each(other).filtered[..., 0], one_pattern_each(photo).filtered[..., 0])
    assert not one_pattern_each(other).filtered[..., 1:].any()


def test_mixtures_see_slanted_edges():
    """The level lines of i + j rise to the right, like /; those of j - i fall."""
    i, j = np.mgrid[:9, :9]
    for levels, seen in ((i + j, "edges /"), (j - i, "edges \\")):
        stages = one_pattern_each(np.repeat(levels[..., None] / 20, 3, axis=2))
        strengths = dict(zip(stages.names, np.abs(stages.mixed[4, 4]), strict=True))
        others = {"edges /", "edges \\"} - {seen}
        assert strengths[seen] > 0.1
        assert strengths[others.pop()] < 1e-12


@pytest.mark.parametrize("angle", ANGLES)
def test_edges_are_seen_at_their_angle(angle):
    """A filter answers most to a ramp in its own direction, and not to one across."""
    i, j = np.mgrid[:3, :3]
    kernel = turned_edges((angle,))[..., 0].sum(axis=2)
    t = np.deg2rad(angle)
    along, across = np.cos(t) * j + np.sin(t) * i, -np.sin(t) * j + np.cos(t) * i
    assert abs((kernel * across).sum()) < 1e-12 < 1 < (kernel * along).sum()


def test_turned_edges_need_two_patterns(photo):
    other = one_pattern_for_all(photo)
    assert other.rank.tolist() == [2, 2, 2]
    # The slice of a channel has the rows cos(t) and sin(t) times two patterns of equal norm.
    t = np.deg2rad(ANGLES)
    s = np.linalg.svd(np.stack([np.cos(t), np.sin(t)]), compute_uv=False)
    assert other.errors[0] == pytest.approx(s[1] / np.hypot(*s), rel=1e-12)
    assert max(other.errors[1:]) < 1e-14


def test_nearest_separable_shows_one_image_in_three_strengths(photo):
    nearest = one_pattern_for_all(photo).nearest.reshape(-1, 3)
    assert np.linalg.matrix_rank(nearest, tol=1e-10) == 1
    assert np.linalg.matrix_rank(one_pattern_for_all(photo).standard.reshape(-1, 3), tol=1e-10) == 2
