import re

import numpy as np
import pytest
from op_checks import in_every_form, normal

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.relu import relu_backward, relu_forward

every_form = pytest.mark.parametrize("name", FORMS)


def forward_and_derivative(x):
    y, cache = relu_forward(x)
    return y, relu_backward(np.ones_like(x), cache)


# x, y, dy/dx: at the kink, one number beside it, and at the ends of the number line
TABLE = [
    (-np.inf, 0.0, 0.0),
    (-1e300, 0.0, 0.0),
    (-2.5, 0.0, 0.0),
    (np.nextafter(0, -1), 0.0, 0.0),
    (-0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0),
    (np.nextafter(0, 1), np.nextafter(0, 1), 1.0),
    (2.5, 2.5, 1.0),
    (1e300, 1e300, 1.0),
    (np.inf, np.inf, 1.0),
]


@every_form
def test_values_at_the_kink_and_beside_it(name):
    x, expected_y, expected_slope = np.array(TABLE).T
    with form(name):
        y, slope = forward_and_derivative(x)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(slope, expected_slope)


@every_form
def test_float32_is_exact(name):
    (x,) = normal((200,), dtype=np.float32)
    beside_zero = np.nextafter(np.float32(0), np.array([-1, 1], np.float32))
    x = np.concatenate([x, beside_zero])
    with form(name):
        y, slope = forward_and_derivative(x)
    assert y.dtype == slope.dtype == np.float32
    np.testing.assert_array_equal(y, x * (x > 0))
    np.testing.assert_array_equal(slope, x > 0)


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradients(method, name):
    with form(name):
        gradcheck((relu_forward, relu_backward), *normal((2, 3, 4, 5)), method=method).assert_ok()


@every_form
def test_complex_step_at_the_kink_gives_our_slope(name):
    with form(name):
        report = gradcheck((relu_forward, relu_backward), np.array([-1.0, 0.0, -0.0, 1.0]), method="complex")
    report.assert_ok()
    assert not report.kinks


@every_form
def test_nan_passes_through_both_ways(name):
    x = np.array([np.nan, -1.0, 1.0, 2.0])
    with form(name):
        y, cache = relu_forward(x)
        dx = relu_backward(np.array([3.0, 4.0, np.nan, 5.0]), cache)
    np.testing.assert_array_equal(y, [np.nan, 0, 1, 2])
    np.testing.assert_array_equal(dx, [3, 0, np.nan, 5])


@every_form
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1), (2, 3, 4, 5), (1, 1, 1, 1, 2)])
def test_any_shape(shape, name):
    (x,) = normal(shape)
    with form(name):
        y, slope = forward_and_derivative(x)
    for result in (y, slope):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
    np.testing.assert_array_equal(y, x * (x > 0))


def test_forms_agree_on_special_values():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324])
    results = in_every_form(lambda: forward_and_derivative(x))
    for name in results:
        np.testing.assert_array_equal(results[name], results["loops"])
        zero = [result == 0 for result in results[name]]
        assert not any(np.signbit(result[z]).any() for result, z in zip(results[name], zero, strict=True)), name


def test_the_cache_keeps_x_itself():
    (x,) = normal((2, 3))
    _, cache = relu_forward(x)
    assert cache.x is x
    assert repr(cache) == "ReluCache(x=float64 (2, 3))"


def test_errors():
    x = np.zeros((2, 3))
    y, cache = relu_forward(x)
    for wrong, error, message in [
        ([1.0], TypeError, "relu: x is a list; it must be a NumPy array of shape (...)"),
        (1.0, TypeError, "relu: x is a float; it must be a NumPy array of shape (...)"),
        (x.astype(int), TypeError, "relu: x is int64; it must be float32 or float64"),
        (x[:0], ValueError, "relu: x has shape (0, 3); no axis may be empty"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            relu_forward(wrong)
    for wrong, error, message in [
        (y.T, ValueError, "relu_backward: dy has shape (3, 2), expected (2, 3); it must have the shape of y"),
        (y[0], ValueError, "relu_backward: dy has shape (3,), expected (2, 3); it must have the shape of y"),
        (y.astype(np.float32), TypeError, "relu_backward: dtypes differ (dy float32, x float64)"),
        (0.0, TypeError, "relu_backward: dy is a float; it must be a NumPy array"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            relu_backward(wrong, cache)
