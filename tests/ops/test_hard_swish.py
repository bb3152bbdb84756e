import re
from fractions import Fraction

import numpy as np
import pytest
from op_checks import in_every_form, normal
from rounding import Rounded

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.hard_sigmoid import hard_sigmoid_forward
from mobilenet_np.ops.hard_swish import hard_swish_backward, hard_swish_forward

every_form = pytest.mark.parametrize("name", FORMS)


def forward_and_derivative(x):
    y, cache = hard_swish_forward(x)
    return y, hard_swish_backward(np.ones_like(x), cache)


@every_form
def test_values_by_hand(name):
    x = np.array([-4.0, -3.0, -1.5, 0.0, 1.0, 1.5, 3.0, 4.0])
    with form(name):
        y, slope = forward_and_derivative(x)
    np.testing.assert_array_equal(y, [0, 0, -3 / 8, 0, 4 / 6, 9 / 8, 3, 4])
    np.testing.assert_array_equal(slope, [0, 0, 0, 1 / 2, 1 / 3 + 1 / 2, 1, 1, 1])


@every_form
def test_values_at_the_kinks_and_beside_them(name):
    below, above = np.nextafter([-3.0, 3.0], -9), np.nextafter([-3.0, 3.0], 9)
    x = np.stack([below, [-3.0, 3.0], above], axis=1)
    with form(name):
        y, slope = forward_and_derivative(x)
    # On the flat and on the straight side, and at the kinks themselves, everything is exact.
    np.testing.assert_array_equal(y[0, :2], 0)
    np.testing.assert_array_equal(slope[0, :2], 0)
    np.testing.assert_array_equal(y[1, 1:], x[1, 1:])
    np.testing.assert_array_equal(slope[1, 1:], 1)
    # On the curved side the slopes are those of the parabola's ends, -1/2 and 3/2 ...
    np.testing.assert_allclose(slope[0, 2], -1 / 2, rtol=0, atol=2**-52)
    np.testing.assert_allclose(slope[1, 0], 3 / 2, rtol=0, atol=2**-52)
    # ... and y takes three rounded operations.
    for place in ((0, 2), (1, 0)):
        exact = Fraction(x[place]) * (Fraction(x[place]) + 3) / 6
        assert exact != 0
        assert abs(Fraction(y[place]) - exact) <= abs(exact) * Fraction(3.01 * 2**-53)


@every_form
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_numbers_do_not_overflow(name, dtype):
    largest = np.finfo(dtype).max
    x = np.array([-np.inf, -largest, largest, np.inf], dtype)
    with form(name), np.errstate(all="raise"):
        y, slope = forward_and_derivative(x)
    np.testing.assert_array_equal(y, [0, 0, largest, np.inf])
    np.testing.assert_array_equal(slope, [0, 0, 1, 1])


@every_form
def test_is_x_times_hard_sigmoid(name):
    (x,) = normal((200,))
    x = 3 * x
    with form(name):
        np.testing.assert_allclose(hard_swish_forward(x)[0], x * hard_sigmoid_forward(x)[0], rtol=1e-15)


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradients(method, name):
    (x,) = normal((2, 3, 4, 5))
    with form(name):
        gradcheck((hard_swish_forward, hard_swish_backward), 3 * x, method=method).assert_ok()


@every_form
def test_complex_step_at_the_kinks_gives_our_slope(name):
    with form(name):
        report = gradcheck(
            (hard_swish_forward, hard_swish_backward), np.array([-4.0, -3.0, 0.0, 3.0, 4.0]), method="complex"
        )
    report.assert_ok()
    assert not report.kinks


@every_form
def test_float32_within_its_rounding_bound(name):
    x, dy = normal((500,), (500,), dtype=np.float32)
    x = 3 * x
    with form(name):
        y, cache = hard_swish_forward(x)
        dx = hard_swish_backward(dy, cache)
    middle = np.abs(x) < 3
    t = Rounded(x[middle])
    (t * (t + 3) / 6).assert_holds(y[middle], "y")
    (Rounded(dy[middle]) * (t / 3 + 0.5)).assert_holds(dx[middle], "dx")
    np.testing.assert_array_equal(y[~middle], np.where(x > 0, x, 0)[~middle])
    np.testing.assert_array_equal(dx[~middle], np.where(x > 0, dy, 0)[~middle])


@every_form
def test_float32_at_the_kinks_and_beside_them(name):
    kinks = np.array([-3, 3], np.float32)
    x = np.concatenate([np.nextafter(kinks, np.float32(-9)), kinks, np.nextafter(kinks, np.float32(9))])
    with form(name):
        _, slope = forward_and_derivative(x)
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, [0, 1.5, 0, 1, -0.5, 1], rtol=0, atol=2**-23)
    np.testing.assert_array_equal(slope[[0, 2, 3, 5]], [0, 0, 1, 1])


@every_form
def test_nan_passes_through_both_ways(name):
    with form(name), np.errstate(all="raise"):
        y, cache = hard_swish_forward(np.array([np.nan, -4.0, 0.0, 4.0]))
        dx = hard_swish_backward(np.array([1.0, 1.0, np.nan, np.nan]), cache)
    np.testing.assert_array_equal(y, [np.nan, 0, 0, 4])
    np.testing.assert_array_equal(dx, [np.nan, 0, np.nan, np.nan])


@every_form
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1), (2, 3, 4, 5), (1, 1, 1, 1, 2)])
def test_any_shape(shape, name):
    x = np.asarray(3 * normal(shape)[0])
    with form(name):
        y, slope = forward_and_derivative(x)
    for result in (y, slope):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
    np.testing.assert_allclose(y, x * np.clip(x + 3, 0, 6) / 6, rtol=1e-14)


def test_forms_agree_on_special_values():
    x = np.array([-3.0, 3.0, 0.0, np.inf, -np.inf, np.nan, 5e-324])
    results = in_every_form(lambda: forward_and_derivative(x))
    for name in results:
        np.testing.assert_array_equal(results[name], results["loops"])


def test_the_cache_keeps_x_itself():
    (x,) = normal((2, 3))
    _, cache = hard_swish_forward(x)
    assert cache.x is x
    assert repr(cache) == "HardSwishCache(x=float64 (2, 3))"


def test_errors():
    x = np.zeros((2, 3))
    y, cache = hard_swish_forward(x)
    for wrong, error, message in [
        ([1.0], TypeError, "hard_swish: x is a list; it must be a NumPy array of shape (...)"),
        (x.astype(int), TypeError, "hard_swish: x is int64; it must be float32 or float64"),
        (x[:0], ValueError, "hard_swish: x has shape (0, 3); no axis may be empty"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            hard_swish_forward(wrong)
    for wrong, error, message in [
        (y.T, ValueError, "hard_swish_backward: dy has shape (3, 2), expected (2, 3); it must have the shape of y"),
        (y.astype(np.float32), TypeError, "hard_swish_backward: dtypes differ (dy float32, x float64)"),
        (0.0, TypeError, "hard_swish_backward: dy is a float; it must be a NumPy array"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            hard_swish_backward(wrong, cache)
