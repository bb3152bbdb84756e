"""What ReLU leaves of a curve, against NumPy and against what must hold whatever the matrix."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import show
from mobilenet_np.show.manifold import DIMENSIONS, MATRICES, spiral, through_relu


@pytest.mark.parametrize("n", DIMENSIONS)
def test_against_numpy(n):
    curve, seen = spiral(), through_relu(spiral(), n, 3)
    T = np.random.default_rng(3).standard_normal((2, n))
    np.testing.assert_array_equal(seen.embedding, T)
    np.testing.assert_allclose(seen.activations, np.maximum(curve @ T, 0), atol=1e-13)
    np.testing.assert_allclose(seen.back, np.maximum(curve @ T, 0) @ np.linalg.pinv(T), atol=1e-11)
    scale = np.linalg.lstsq(seen.back.reshape(-1, 1), curve.ravel(), rcond=None)[0]
    assert seen.error == pytest.approx(np.linalg.norm(scale * seen.back - curve) / np.linalg.norm(curve))


def test_half_of_the_plane_collapses_in_three_dimensions():
    for seed in range(5):
        assert through_relu(spiral(1001), 3, seed).collapsed == pytest.approx(0.5, abs=0.01)


def test_a_direction_and_its_opposite_lose_nothing():
    """relu(x) - relu(-x) is x: with T = (I, -I) the curve comes back at half its size."""

    class Both(np.random.Generator):
        def standard_normal(self, size):
            return np.concatenate([np.eye(2), -np.eye(2)], axis=1)

    seen = through_relu(spiral(), 4, Both(np.random.PCG64()))
    np.testing.assert_allclose(seen.back, spiral() / 2, atol=1e-15)
    assert seen.error < 1e-14


def test_more_dimensions_lose_less():
    errors = [np.median([through_relu(spiral(), n, seed).error for seed in range(20)]) for n in (2, 15, 200)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2


def test_drawn_is_what_came_back():
    axes = show.manifold(rng=0, axes=plt.figure().subplots(1, 6))
    rng = np.random.default_rng(0)
    for ax, n in zip(axes[1:], DIMENSIONS, strict=True):
        runs = [through_relu(spiral(), n, rng) for _ in range(MATRICES)]
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), runs[0].back)
        assert f"error {runs[0].error:.0%} ({np.median([run.error for run in runs]):.0%})" in ax.get_xlabel()
    np.testing.assert_array_equal(axes[0].collections[0].get_offsets(), spiral())


def test_errors_are_medians():
    ax = show.manifold_errors((2, 30), rng=1, ax=plt.figure().add_subplot())
    rng = np.random.default_rng(1)
    runs = [[through_relu(spiral(), n, rng) for _ in range(MATRICES)] for n in (2, 30)]
    for number, field in enumerate(("error", "collapsed")):
        values = np.array([[getattr(run, field) for run in row] for row in runs])
        dots, line = ax.lines[2 * number : 2 * number + 2]
        np.testing.assert_array_equal(dots.get_ydata(), values.ravel())
        np.testing.assert_array_equal(line.get_ydata(), np.median(values, axis=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((np.zeros((4, 3)), 5), "points of the plane"), ((spiral(), 1), "no room for a plane"), ((spiral(), 2.5), "n is")],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        through_relu(*arguments)


def test_wrong_number_of_axes():
    with pytest.raises(ValueError, match=r"show\.manifold: axes has shape \(2,\); it must be \(6,\)"):
        show.manifold(axes=plt.figure().subplots(1, 2))
