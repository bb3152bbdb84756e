"""The V-curve: both of its sides have the slopes that theory says, in both precisions."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import ops
from mobilenet_np.check import sweep_h


def tanh_forward(x):
    return np.tanh(x), x


X = np.random.default_rng(0).standard_normal((4, 6))


@pytest.fixture(scope="module")
def sweep():
    return sweep_h((tanh_forward, lambda dy, cache: dy), X)


def exponent(sweep, name, low, high):
    """Slope of the curve on logarithmic axes."""
    inside = (sweep.steps > low) & (sweep.steps < high)
    return np.polyfit(np.log(sweep.steps[inside]), np.log(sweep.errors[name][inside]), 1)[0]


def test_truncation_grows_as_the_square_of_the_step(sweep):
    assert exponent(sweep, "float64", 1e-4, 0.05) == pytest.approx(2, abs=0.05)
    assert exponent(sweep, "complex", 1e-4, 0.05) == pytest.approx(2, abs=0.05)


def test_rounding_grows_as_one_over_the_step(sweep):
    assert exponent(sweep, "float64", 1e-14, 1e-7) == pytest.approx(-1, abs=0.2)
    assert exponent(sweep, "float32", 1e-6, 1e-3) == pytest.approx(-1, abs=0.4)


def test_the_best_steps_are_near_the_cube_root_of_eps(sweep):
    for name in ("float64", "float32"):
        step, error = sweep.best(name)
        root = np.finfo(name).eps ** (1 / 3)
        assert root / 30 < step < root * 30
        assert error < 10 * root**2
    assert sweep.best("float32")[1] > 1e3 * sweep.best("float64")[1]


def test_the_complex_step_has_no_shortest_step(sweep):
    assert sweep.errors["complex"][sweep.steps < 1e-9].max() < 1e-14


def test_central_differences_of_a_convolution_are_exact_but_for_rounding():
    rng = np.random.default_rng(0)
    sweep = sweep_h(ops.depthwise_conv2d, rng.standard_normal((1, 4, 4, 2)), rng.standard_normal((3, 3, 2)))
    assert sweep.errors["float64"][-1] < 1e-13


def test_the_numbers_are_reproducible_and_print(sweep):
    again = sweep_h((tanh_forward, lambda dy, cache: dy), X)
    for name, errors in sweep.errors.items():
        np.testing.assert_array_equal(errors, again.errors[name])
    text = str(sweep)
    assert "best in float64: error" in text
    assert len(text.splitlines()) == 2 + 17 + 2
    assert sweep_h((tanh_forward, lambda dy, cache: dy), X, seed=1).slope != sweep.slope


def test_the_plot(sweep):
    ax = sweep.plot()
    curves = {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}
    assert list(curves) == ["central difference, float64", "central difference, float32", "complex step, float64"]
    np.testing.assert_array_equal(curves["central difference, float32"], sweep.errors["float32"])
    given = plt.figure().add_subplot()
    assert sweep.plot(given) is given


def test_errors():
    with pytest.raises(ValueError, match=r"dy has shape \(2,\), y has \(4, 6\)"):
        sweep_h((tanh_forward, lambda dy, cache: dy), X, dy=np.ones(2))
    with pytest.raises(ValueError, match="no exact derivative, the complex step is impossible"):
        sweep_h((lambda x: (np.abs(x), None), lambda dy, cache: dy), X)
