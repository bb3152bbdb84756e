import re

import numpy as np
import pytest
from op_checks import in_every_form, normal

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.relu6 import relu6_backward, relu6_forward

every_form = pytest.mark.parametrize("name", FORMS)


def forward_and_derivative(x):
    y, cache = relu6_forward(x)
    return y, relu6_backward(np.ones_like(x), cache)


BELOW_6, ABOVE_6 = np.nextafter(6, 0), np.nextafter(6, 7)

# x, y, dy/dx: at both kinks, one number beside them, and at the ends of the number line
TABLE = [
    (-np.inf, 0.0, 0.0),
    (-2.5, 0.0, 0.0),
    (np.nextafter(0, -1), 0.0, 0.0),
    (-0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0),
    (np.nextafter(0, 1), np.nextafter(0, 1), 1.0),
    (2.5, 2.5, 1.0),
    (BELOW_6, BELOW_6, 1.0),
    (6.0, 6.0, 0.0),
    (ABOVE_6, 6.0, 0.0),
    (1e300, 6.0, 0.0),
    (np.inf, 6.0, 0.0),
]


@every_form
def test_values_at_the_kinks_and_beside_them(name):
    x, expected_y, expected_slope = np.array(TABLE).T
    with form(name):
        y, slope = forward_and_derivative(x)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(slope, expected_slope)


@every_form
def test_float32_is_exact(name):
    (x,) = normal((200,), dtype=np.float32)
    beside = np.nextafter(np.float32(6), np.array([0, 7], np.float32))
    x = np.concatenate([x * 6, beside])
    with form(name):
        y, slope = forward_and_derivative(x)
    assert y.dtype == slope.dtype == np.float32
    np.testing.assert_array_equal(y, np.clip(x, 0, 6))
    np.testing.assert_array_equal(slope, (x > 0) & (x < 6))
    assert list(slope[-2:]) == [1, 0]


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradients(method, name):
    (x,) = normal((2, 3, 4, 5))
    with form(name):
        gradcheck((relu6_forward, relu6_backward), 3 + 4 * x, method=method).assert_ok()


@every_form
def test_complex_step_at_the_kinks_gives_our_slope(name):
    with form(name):
        report = gradcheck((relu6_forward, relu6_backward), np.array([-1.0, 0.0, 1.0, 6.0, 7.0]), method="complex")
    report.assert_ok()
    assert not report.kinks


@every_form
def test_nan_passes_through_both_ways(name):
    x = np.array([np.nan, -1.0, 1.0, 7.0])
    with form(name):
        y, cache = relu6_forward(x)
        dx = relu6_backward(np.array([3.0, 4.0, np.nan, 5.0]), cache)
    np.testing.assert_array_equal(y, [np.nan, 0, 1, 6])
    np.testing.assert_array_equal(dx, [3, 0, np.nan, 0])


@every_form
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1), (2, 3, 4, 5), (1, 1, 1, 1, 2)])
def test_any_shape(shape, name):
    x = np.asarray(9 * normal(shape)[0])
    with form(name):
        y, slope = forward_and_derivative(x)
    for result in (y, slope):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
    np.testing.assert_array_equal(y, np.clip(x, 0, 6))


def test_forms_agree_on_special_values():
    x = np.array([0.0, -0.0, 6.0, np.inf, -np.inf, np.nan])
    results = in_every_form(lambda: forward_and_derivative(x))
    for name in results:
        np.testing.assert_array_equal(results[name], results["loops"])
        zero = [result == 0 for result in results[name]]
        assert not any(np.signbit(result[z]).any() for result, z in zip(results[name], zero, strict=True)), name


def test_the_cache_keeps_x_itself():
    (x,) = normal((2, 3))
    _, cache = relu6_forward(x)
    assert cache.x is x
    assert repr(cache) == "Relu6Cache(x=float64 (2, 3))"


def test_errors():
    x = np.zeros((2, 3))
    y, cache = relu6_forward(x)
    for wrong, error, message in [
        ([1.0], TypeError, "relu6: x is a list; it must be a NumPy array of shape (...)"),
        (x.astype(int), TypeError, "relu6: x is int64; it must be float32 or float64"),
        (x[:0], ValueError, "relu6: x has shape (0, 3); no axis may be empty"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            relu6_forward(wrong)
    for wrong, error, message in [
        (y.T, ValueError, "relu6_backward: dy has shape (3, 2), expected (2, 3); it must have the shape of y"),
        (y.astype(np.float32), TypeError, "relu6_backward: dtypes differ (dy float32, x float64)"),
        (0.0, TypeError, "relu6_backward: dy is a float; it must be a NumPy array"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            relu6_backward(wrong, cache)
