"""Slopes of functions whose derivatives are known."""

import numpy as np
import pytest

from mobilenet_np.check.numerical import (
    CENTRAL_STEP,
    central_slope,
    complex_slope,
    one_sided_slopes,
    random_line,
    scaled_step,
    unit_line,
)

ONE = np.array([1.0])


def slope_at(measure, f, x, *step):
    tensors = {"x": np.array([x])}
    return measure(lambda t: f(t["x"]), tensors, unit_line(tensors, "x", (0,)), ONE, *step)


@pytest.mark.parametrize(
    ("f", "x", "derivative"),
    [(np.exp, 1.0, np.e), (np.sin, 2.0, np.cos(2.0)), (lambda x: x**3, -2.0, 12.0), (np.sqrt, 0.25, 1.0)],
)
def test_smooth_functions(f, x, derivative):
    assert slope_at(complex_slope, f, x) == pytest.approx(derivative, rel=1e-15)
    assert slope_at(central_slope, f, x) == pytest.approx(derivative, rel=1e-9)
    for side in slope_at(one_sided_slopes, f, x, CENTRAL_STEP / 16):
        assert side == pytest.approx(derivative, rel=1e-7)


def test_one_sided_slopes_of_a_kink_and_of_strong_curvature():
    assert slope_at(one_sided_slopes, lambda x: np.maximum(x, 0), 0.0, 1e-6) == pytest.approx((0, 1))
    # f'' = 1e5: plain one-sided differences with this step would be 0.1 apart.
    left, right = slope_at(one_sided_slopes, lambda x: 5e4 * x * x, 0.0, 1e-6)
    assert abs(left - right) < 1e-10


def test_central_slope_subtracts_before_it_sums():
    """A huge output that does not depend on x adds no rounding error."""
    tensors, dy = {"x": np.array([1.0])}, np.ones(2)
    slope = central_slope(lambda t: np.array([t["x"][0], 1e15]), tensors, unit_line(tensors, "x", (0,)), dy)
    assert slope == 1


def test_the_step_grows_with_the_entry_and_is_a_power_of_two():
    tensors = {"x": np.array([1e-3, 1000.0])}
    small, large = (scaled_step(tensors, unit_line(tensors, "x", (i,)), CENTRAL_STEP) for i in (0, 1))
    assert 0.7 * CENTRAL_STEP < small < 1.5 * CENTRAL_STEP
    assert large == 1024 * small
    assert np.frexp(small)[0] == 0.5


def test_random_lines_move_every_entry_by_an_amount_of_its_own():
    tensors = {"x": np.zeros((10, 10)), "w": np.zeros(3)}
    line = random_line(tensors, ["x"], np.random.default_rng(0))
    assert list(line) == ["x"]
    assert np.abs(line["x"]).min() >= 0.5
    assert np.abs(line["x"]).max() <= 1.5
    assert np.unique(np.abs(line["x"])).size == 100
    assert 20 < np.sum(line["x"] > 0) < 80
