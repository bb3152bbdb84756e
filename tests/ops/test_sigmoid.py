import re

import numpy as np
import pytest
from op_checks import assert_forms_agree, normal
from rounding import Rounded, where

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.sigmoid import sigmoid_backward, sigmoid_forward

every_form = pytest.mark.parametrize("name", FORMS)


def forward_and_derivative(x):
    y, cache = sigmoid_forward(x)
    return y, sigmoid_backward(np.ones_like(x), cache)


@every_form
def test_values_by_hand(name):
    x = np.log(np.array([1.0, 3.0, 1 / 3, 9.0]))  # odds of 1, 3, 1/3 and 9 to 1
    with form(name):
        y, slope = forward_and_derivative(x)
    np.testing.assert_allclose(y, [1 / 2, 3 / 4, 1 / 4, 9 / 10], rtol=1e-15)
    np.testing.assert_allclose(slope, [1 / 4, 3 / 16, 3 / 16, 9 / 100], rtol=2e-15)


@every_form
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturates_without_overflow(name, dtype):
    x = np.array([-np.inf, -1000, -100, 0, 100, 1000, np.inf], dtype)
    with form(name), np.errstate(all="raise", under="ignore"):
        y, slope = forward_and_derivative(x)
    np.testing.assert_array_equal(y[[0, 1, 3, 4, 5, 6]], [0, 0, 0.5, 1, 1, 1])
    np.testing.assert_array_equal(slope[[0, 1, 3, 4, 5, 6]], [0, 0, 0.25, 0, 0, 0])
    # Far to the left y is exp(x), where 1 - 1 / (1 + exp(-100)) would be 0. (In float32 it is a subnormal number.)
    np.testing.assert_allclose(y[2], np.exp(dtype(-100)), rtol=1e-12 if dtype == np.float64 else 0)
    assert slope[2] == y[2] > 0


@every_form
def test_symmetry(name):
    (x,) = normal((50,))
    with form(name):
        (y, slope), (y_mirrored, slope_mirrored) = forward_and_derivative(x), forward_and_derivative(-x)
    np.testing.assert_allclose(y + y_mirrored, 1, rtol=1e-15)
    np.testing.assert_allclose(slope, slope_mirrored, rtol=1e-14)


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradients(method, name):
    (x,) = normal((2, 3, 4, 5))
    with form(name):
        gradcheck((sigmoid_forward, sigmoid_backward), 2 * x, method=method).assert_ok()
        gradcheck((sigmoid_forward, sigmoid_backward), np.array([-1.0, 0.0, -0.0, 1.0]), method=method).assert_ok()


@every_form
def test_float32_within_its_rounding_bound(name):
    x, dy = normal((500,), (500,), dtype=np.float32)
    x = 3 * x
    with form(name):
        y, cache = sigmoid_forward(x)
        dx = sigmoid_backward(dy, cache)
    e = Rounded(-np.abs(x)).exp()
    bound = where(x >= 0, 1 / (1 + e), e / (1 + e))
    bound.assert_holds(y, "y")
    (Rounded(dy) * bound * (1 - bound)).assert_holds(dx, "dx")


@every_form
def test_nan_passes_through_both_ways(name):
    with form(name), np.errstate(all="raise"):
        y, cache = sigmoid_forward(np.array([np.nan, 0.0, 0.0]))
        dx = sigmoid_backward(np.array([1.0, 1.0, np.nan]), cache)
    np.testing.assert_array_equal(y, [np.nan, 0.5, 0.5])
    np.testing.assert_array_equal(dx, [np.nan, 0.25, np.nan])


@every_form
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1), (2, 3, 4, 5), (1, 1, 1, 1, 2)])
def test_any_shape(shape, name):
    (x,) = normal(shape)
    with form(name):
        y, slope = forward_and_derivative(x)
    for result in (y, slope):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
    np.testing.assert_allclose(y, (1 + np.tanh(x / 2)) / 2, rtol=1e-14)


def test_forms_agree_over_the_whole_range():
    assert_forms_agree(lambda: forward_and_derivative(np.linspace(-750, 750, 1001)), rtol=1e-12)


def test_the_cache_keeps_y_itself():
    y, cache = sigmoid_forward(np.zeros((2, 3)))
    assert cache.y is y
    assert repr(cache) == "SigmoidCache(y=float64 (2, 3))"


def test_errors():
    x = np.zeros((2, 3))
    y, cache = sigmoid_forward(x)
    for wrong, error, message in [
        ([1.0], TypeError, "sigmoid: x is a list; it must be a NumPy array of shape (...)"),
        (x.astype(int), TypeError, "sigmoid: x is int64; it must be float32 or float64"),
        (x[:0], ValueError, "sigmoid: x has shape (0, 3); no axis may be empty"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            sigmoid_forward(wrong)
    for wrong, error, message in [
        (y.T, ValueError, "sigmoid_backward: dy has shape (3, 2), expected (2, 3); it must have the shape of y"),
        (y.astype(np.float32), TypeError, "sigmoid_backward: dtypes differ (dy float32, y float64)"),
        (0.0, TypeError, "sigmoid_backward: dy is a float; it must be a NumPy array"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            sigmoid_backward(wrong, cache)
