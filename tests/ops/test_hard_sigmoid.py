import re
from fractions import Fraction

import numpy as np
import pytest
from op_checks import in_every_form, normal
from rounding import Rounded

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.hard_sigmoid import hard_sigmoid_backward, hard_sigmoid_forward
from mobilenet_np.ops.sigmoid import sigmoid_forward

every_form = pytest.mark.parametrize("name", FORMS)
SLIM = 0.16667  # tensorflow/models, research/slim/nets/mobilenet/mobilenet_v3.py: tf.nn.relu6(x+3)*0.16667


def forward_and_derivative(x, slope=1 / 6):
    y, cache = hard_sigmoid_forward(x, slope)
    return y, hard_sigmoid_backward(np.ones_like(x), cache)


# x and whether the line between the kinks rules there
SIDES = [
    (-np.inf, False),
    (-1e300, False),
    (np.nextafter(-3, -4), False),
    (-3.0, False),
    (np.nextafter(-3, 0), True),
    (-1.5, True),
    (0.0, True),
    (1.5, True),
    (np.nextafter(3, 0), True),
    (3.0, False),
    (np.nextafter(3, 4), False),
    (1e300, False),
    (np.inf, False),
]


@every_form
@pytest.mark.parametrize("slope", [1 / 6, SLIM, 0.5])
def test_values_at_the_kinks_and_beside_them(slope, name):
    x = np.array([x for x, _ in SIDES])
    with form(name), np.errstate(all="raise"):
        y, derivative = forward_and_derivative(x, slope)
    np.testing.assert_array_equal(derivative, [slope if inside else 0 for _, inside in SIDES])
    for (x, inside), value in zip(SIDES, y, strict=True):
        if inside:  # a sum and a product, each rounded once
            exact = (Fraction(x) + 3) * Fraction(slope)
            assert abs(Fraction(value) - exact) <= exact * Fraction(2.01 * 2**-53), x
        else:
            assert value == (0 if x < 0 else 6 * slope), x


def test_the_sum_would_put_the_number_below_3_on_the_kink():
    """Why x itself is compared."""
    assert np.nextafter(3, 0) + 3 == 6


@every_form
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_largest_values(name, dtype):
    with form(name):
        (largest,), _ = hard_sigmoid_forward(np.array([100], dtype))
        (largest_in_slim,), _ = hard_sigmoid_forward(np.array([100], dtype), SLIM)
    assert largest == 1
    np.testing.assert_allclose(largest_in_slim, 1.00002, rtol=np.finfo(dtype).eps)


def test_follows_the_sigmoid():
    x = np.linspace(-10, 10, 20001)
    difference = np.abs(hard_sigmoid_forward(x)[0] - sigmoid_forward(x)[0])
    # The two are furthest apart where both slopes are 1/6, that is where the sigmoid y has y - y^2 = 1/6.
    y = (1 + np.sqrt(1 / 3)) / 2
    furthest = np.log(y / (1 - y))
    np.testing.assert_allclose(np.abs(x[difference.argmax()]), furthest, atol=1e-3)
    np.testing.assert_allclose(difference.max(), y - (furthest + 3) / 6, rtol=1e-5)
    assert difference.max() < 0.07


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("slope", [1 / 6, SLIM])
def test_gradients(slope, method, name):
    (x,) = normal((2, 3, 4, 5))
    with form(name):
        gradcheck((hard_sigmoid_forward, hard_sigmoid_backward), 3 * x, method=method, slope=slope).assert_ok()


@every_form
def test_complex_step_at_the_kinks_gives_our_slope(name):
    with form(name):
        report = gradcheck(
            (hard_sigmoid_forward, hard_sigmoid_backward), np.array([-4.0, -3.0, 0.0, 3.0, 4.0]), method="complex"
        )
    report.assert_ok()
    assert not report.kinks


@every_form
@pytest.mark.parametrize("slope", [1 / 6, SLIM])
def test_float32_within_its_rounding_bound(slope, name):
    x, dy = normal((500,), (500,), dtype=np.float32)
    x = 3 * x
    with form(name):
        y, cache = hard_sigmoid_forward(x, slope)
        dx = hard_sigmoid_backward(dy, cache)
    line = np.abs(x) < 3
    ((Rounded(x[line]) + 3) * slope).assert_holds(y[line], "y on the line")
    (Rounded(dy[line]) * slope).assert_holds(dx[line], "dx on the line")
    (Rounded(6.0) * slope).assert_holds(y[x >= 3][0], "y above")
    np.testing.assert_array_equal(y[x >= 3], y[x >= 3][0])
    np.testing.assert_array_equal(y[x <= -3], 0)
    np.testing.assert_array_equal(dx[~line], 0)


@every_form
def test_float32_at_the_kinks_and_beside_them(name):
    kinks = np.array([-3, 3], np.float32)
    x = np.concatenate([np.nextafter(kinks, np.float32(-9)), kinks, np.nextafter(kinks, np.float32(9))])
    with form(name):
        _, derivative = forward_and_derivative(x)
    np.testing.assert_array_equal(derivative, np.float32(1 / 6) * np.array([0, 1, 0, 0, 1, 0], np.float32))


@every_form
def test_a_numpy_scalar_as_slope_does_not_change_the_dtype(name):
    (x,) = normal((9,), dtype=np.float32)
    with form(name):
        expected = forward_and_derivative(x, SLIM)
        for actual, right in zip(forward_and_derivative(x, np.float64(SLIM)), expected, strict=True):
            assert actual.dtype == np.float32
            np.testing.assert_array_equal(actual, right)


@every_form
def test_nan_passes_through_both_ways(name):
    with form(name), np.errstate(all="raise"):
        y, cache = hard_sigmoid_forward(np.array([np.nan, -4.0, 0.0, 4.0]), 0.25)
        dx = hard_sigmoid_backward(np.array([4.0, 1.0, np.nan, 1.0]), cache)
    np.testing.assert_array_equal(y, [np.nan, 0, 0.75, 1.5])
    np.testing.assert_array_equal(dx, [1, 0, np.nan, 0])


@every_form
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1), (2, 3, 4, 5), (1, 1, 1, 1, 2)])
def test_any_shape(shape, name):
    x = np.asarray(3 * normal(shape)[0])
    with form(name):
        y, derivative = forward_and_derivative(x)
    for result in (y, derivative):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
    np.testing.assert_allclose(y, np.clip(x + 3, 0, 6) / 6, rtol=1e-14)


def test_forms_agree_on_special_values():
    x = np.array([-3.0, 3.0, 0.0, np.inf, -np.inf, np.nan, 5e-324])
    results = in_every_form(lambda: forward_and_derivative(x))
    for name in results:
        np.testing.assert_array_equal(results[name], results["loops"])


def test_the_cache():
    (x,) = normal((2, 3))
    _, cache = hard_sigmoid_forward(x, 0.25)
    assert cache.x is x
    assert repr(cache) == "HardSigmoidCache(x=float64 (2, 3), slope=0.25)"


def test_errors():
    x = np.zeros((2, 3))
    y, cache = hard_sigmoid_forward(x)
    for arguments, error, message in [
        (([1.0],), TypeError, "hard_sigmoid: x is a list; it must be a NumPy array of shape (...)"),
        ((x.astype(int),), TypeError, "hard_sigmoid: x is int64; it must be float32 or float64"),
        ((x[:0],), ValueError, "hard_sigmoid: x has shape (0, 3); no axis may be empty"),
        ((x, 0.0), ValueError, "hard_sigmoid: slope is 0.0; it must be a positive, finite number"),
        ((x, -1 / 6), ValueError, "hard_sigmoid: slope is -0.16666666666666666; it must be a positive, finite number"),
        ((x, np.nan), ValueError, "hard_sigmoid: slope is nan; it must be a positive, finite number"),
        ((x, "1/6"), ValueError, "hard_sigmoid: slope is '1/6'; it must be a positive, finite number"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            hard_sigmoid_forward(*arguments)
    for wrong, error, message in [
        (y.T, ValueError, "hard_sigmoid_backward: dy has shape (3, 2), expected (2, 3); it must have the shape of y"),
        (y.astype(np.float32), TypeError, "hard_sigmoid_backward: dtypes differ (dy float32, x float64)"),
        (0.0, TypeError, "hard_sigmoid_backward: dy is a float; it must be a NumPy array"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            hard_sigmoid_backward(wrong, cache)
