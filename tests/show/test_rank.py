"""Shares, ranks and kernels are those of the singular value decomposition."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import factorize, show
from mobilenet_np.show.channels import GAP

W = np.random.default_rng(0).standard_normal((3, 3, 4, 6))


def test_shares_and_ranks():
    w = W.copy()
    w[:, :, 1] = W[:, :, 1, :1] * np.arange(1, 7)  # of rank 1
    w[:, :, 2] = 0
    ax = show.separable_rank(w, ax=plt.figure().add_subplot())
    first = [bar.get_height() for bar in ax.containers[0]]
    for c in range(4):
        s2 = np.linalg.svd(w[:, :, c].reshape(9, 6), compute_uv=False) ** 2
        assert first[c] == pytest.approx(s2[0] / s2.sum() if s2.sum() else 0)
    assert [text.get_text() for text in ax.texts] == ["6", "1", "0", "6"]
    assert f"error {factorize.nearest_separable(w).error:.1%}" in ax.get_title(loc="left")


def test_what_is_lost_is_the_error():
    ax = show.separable_rank(W, ax=plt.figure().add_subplot())
    kept = np.array([bar.get_height() for bar in ax.containers[0]])
    norms = (W**2).sum(axis=(0, 1, 3))
    assert 1 - (kept * norms).sum() / norms.sum() == pytest.approx(factorize.nearest_separable(W).error ** 2)


@pytest.mark.parametrize("kernels", [1, 2])
def test_standard_is_nearest_plus_missing(kernels):
    axes = show.nearest_separable(W, kernels, axes=plt.figure().subplots(1, 3))
    standard, nearest, missing = (np.ma.filled(ax.images[0].get_array(), np.nan) for ax in axes)
    np.testing.assert_allclose(nearest + missing, standard, atol=1e-14)
    best = factorize.nearest_separable(W, kernels)
    w = factorize.compose(best.depthwise, best.pointwise, kernels)
    for c, n in np.ndindex(4, 6):
        tile = nearest[c * (24 + GAP) :, n * (24 + GAP) :][:24:8, :24:8]
        np.testing.assert_array_equal(tile, w[:, :, c, n])


def test_bad_input():
    with pytest.raises(ValueError, match="must have 4 axes"):
        show.separable_rank(W[..., 0])
    with pytest.raises(ValueError, match="only 9 independent patterns"):
        show.nearest_separable(W, 10)
