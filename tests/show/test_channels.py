"""Every channel is where its number says, with its own numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import show
from mobilenet_np.show.channels import GAP, mosaic

RNG = np.random.default_rng(0)


def _ax():
    return plt.figure().add_subplot()


def _tile(picture, k, columns, dots, h, w):
    top, left = k // columns * (h * dots + GAP), k % columns * (w * dots + GAP)
    return np.asarray(picture)[top : top + h * dots : dots, left : left + w * dots : dots]


def test_mosaic():
    tiles = RNG.standard_normal((6, 3, 2))
    picture = mosaic(tiles, _ax(), columns=3).images[0].get_array()
    assert picture.shape == (2 * 24 + GAP, 3 * 16 + 2 * GAP)
    for k, tile in enumerate(tiles):
        np.testing.assert_array_equal(_tile(picture, k, 3, 8, 3, 2), tile)
    assert np.ma.count_masked(np.ma.masked_invalid(picture)) == picture.size - 6 * 24 * 16


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (8, 4), (13, 6), (32, 8), (96, 12), (144, 16), (960, 40)])
def test_columns(count, columns):
    ax = mosaic(np.zeros((count, 24, 24)), _ax())
    assert ax.images[0].get_array().shape[1] == columns * (24 + GAP) - GAP
    assert [label.get_text() for label in ax.get_yticklabels()] == [str(k) for k in range(0, count, columns)]


def test_filters_are_scaled_one_by_one():
    w = RNG.standard_normal((3, 3, 8)) * np.arange(8)  # the first is 0
    ax = show.filters(w, ax=_ax())
    for k in range(8):
        expected = w[..., k] / (np.abs(w[..., k]).max() or 1)
        np.testing.assert_array_equal(_tile(ax.images[0].get_array(), k, 4, 8, 3, 3), expected)
    assert ax.images[0].get_clim() == (-1, 1)


def test_filters_in_colour():
    w = RNG.standard_normal((3, 3, 3, 8))
    picture = show.filters(w, ax=_ax()).images[0].get_array()
    for k in range(8):
        tile = _tile(picture, k, 4, 8, 3, 3)
        np.testing.assert_array_equal(tile[..., :3], (w[..., k] / np.abs(w[..., k]).max() + 1) / 2)
        assert (tile[..., 3] == 1).all()


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (3, 3), (3, 3, 0)])
def test_filters_of_another_kind(shape):
    with pytest.raises(ValueError, match=r"show\.filters: w has shape"):
        show.filters(np.zeros(shape))


def test_filters_of_no_array():
    with pytest.raises(TypeError, match="w is a list"):
        show.filters([[1.0]])


def test_feature_maps_share_a_scale():
    y = np.stack([np.full((24, 24), value) for value in (0.0, 1.0, 2.0, 4.0)], axis=2)
    picture = show.feature_maps(y, ax=_ax()).images[0].get_array()
    assert [_tile(picture, k, 2, 1, 24, 24).max() for k in range(4)] == [0, 0.25, 0.5, 1]


def test_dead_channels_are_crossed_out():
    y = RNG.uniform(0.1, 1, (5, 5, 8))
    y[..., [2, 5]] = 0
    ax = show.feature_maps(y, ax=_ax())
    assert len(ax.lines) == 4
    assert "2 of them 0 everywhere" in ax.get_title(loc="left")
    assert not show.feature_maps(y[..., :2], ax=_ax()).lines


def test_feature_maps_of_a_batch():
    with pytest.raises(ValueError, match=r"must have 3 axes \(H, W, C\)"):
        show.feature_maps(np.zeros((1, 4, 4, 8)))
