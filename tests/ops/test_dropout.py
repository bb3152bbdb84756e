import re

import numpy as np
import pytest
from op_checks import assert_float32_within, assert_forms_agree, layouts, normal, unchanged

from mobilenet_np.check import adjoint_test, gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.dropout import DropoutCache, dropout_backward, dropout_forward

SHAPES = [(1,), (7,), (3, 4), (2, 3, 4, 5)]


def rng(seed=0):
    return np.random.default_rng(seed)


def forward(x, rate):
    return dropout_forward(x, rate, rng())[0]


def backward(dy, rate):
    return dropout_backward(dy, dropout_forward(np.zeros_like(dy), rate, rng())[1])


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    # What a rate of 3/4 keeps is multiplied by 4.
    x, dy = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[1.0, 1, 1], [-1, -1, -1]])
    mask = rng().random((2, 3)) >= 0.75
    with form(name):
        y, cache = dropout_forward(x, 0.75, rng())
        dx = dropout_backward(dy, cache)
    assert 0 < mask.sum() < mask.size
    np.testing.assert_array_equal(cache.mask, mask)
    np.testing.assert_array_equal(y[mask], 4 * x[mask])
    np.testing.assert_array_equal(dx[mask], 4 * dy[mask])
    np.testing.assert_array_equal(y[~mask], 0)
    np.testing.assert_array_equal(dx[~mask], 0)


@pytest.mark.parametrize("name", FORMS)
def test_backward_by_hand(name):
    cache = DropoutCache(np.array([True, False, True]), 2.0, np.dtype(np.float64))
    with form(name):
        np.testing.assert_array_equal(dropout_backward(np.array([1.0, 2, 3]), cache), [2, 0, 6])


@pytest.mark.parametrize("name", FORMS)
def test_rate_zero_changes_nothing(name):
    (x,) = normal((3, 4))
    with form(name):
        y, cache = dropout_forward(x, 0, rng())
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(dropout_backward(x, cache), x)


def test_share_and_mean():
    # A share of n draws is off by more than 5 standard deviations once in two million times; the seed is fixed.
    n, rate = 100_000, 0.2
    y, cache = dropout_forward(np.ones(n), rate, rng())
    deviation = np.sqrt(rate * (1 - rate) / n)
    assert abs(np.mean(~cache.mask) - rate) < 5 * deviation
    assert abs(y.mean() - 1) < 5 * deviation / (1 - rate)


def test_the_mask_depends_on_the_generator_alone():
    (x,) = normal((50,))
    masks = [dropout_forward(x.astype(dtype), 0.5, rng())[1].mask for dtype in (np.float32, np.float64, np.complex128)]
    for name in FORMS:
        with form(name):
            masks.append(dropout_forward(x, 0.5, rng())[1].mask)
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])
    generator = rng()
    first, second = (dropout_forward(x, 0.5, generator)[1].mask for _ in range(2))
    assert (first != second).any()
    assert (first != dropout_forward(x, 0.5, rng(1))[1].mask).any()


def test_shape_and_cache():
    y, cache = dropout_forward(np.zeros((4, 1280), np.float32), 0.2, rng())
    assert (y.shape, y.dtype) == ((4, 1280), np.float32)
    assert repr(cache) == "DropoutCache(mask=bool (4, 1280), scale=1.25, dtype=dtype('float32'))"


# --- gradients


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("shape", SHAPES)
def test_adjoint(shape, rate, name):
    with form(name):
        adjoint_test(lambda x: forward(x, rate), lambda dy: backward(dy, rate), shape).assert_ok()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, method, name):
    with form(name):
        pair = dropout_forward, dropout_backward
        gradcheck(pair, *normal(shape), method=method, rate=0.3, rng=rng()).assert_ok()


# --- the three forms


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_forms_give_the_same_bits(shape, dtype):
    (x,) = normal(shape, dtype=dtype)
    for rate in (0.0, 0.1, 0.7):
        assert_forms_agree(lambda rate=rate: (forward(x, rate), backward(x, rate)))


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_within_its_rounding_bound(shape):
    (x,) = normal(shape, dtype=np.float32)
    # 1 / (1 - rate) is rounded to float32, and so is the product
    assert_float32_within(lambda x: forward(x, 0.3), [x], [2])
    assert_float32_within(lambda dy: backward(dy, 0.3), [x], [2])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(shape, name):
    x, dy = normal(shape, shape)
    with form(name):
        expected = forward(x, 0.3), backward(dy, 0.3)
        for x2, dy2 in zip(layouts(x), layouts(dy), strict=True):
            y, cache = dropout_forward(x2, 0.3, rng())
            with unchanged(x2, dy2, cache.mask):
                y, cache = dropout_forward(x2, 0.3, rng())
                dx = dropout_backward(dy2, cache)
            np.testing.assert_array_equal(y, expected[0])
            np.testing.assert_array_equal(dx, expected[1])
            assert not np.shares_memory(y, x2)
            assert not np.shares_memory(dx, dy2)


@pytest.mark.parametrize("name", FORMS)
def test_nan_stays_nan_even_where_it_is_dropped(name):
    x = np.ones(20)
    x[::2] = np.nan
    with form(name):
        y, cache = dropout_forward(x, 0.5, rng())
        dx = dropout_backward(x, cache)
    assert (~cache.mask[::2]).any()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(x))


# --- errors

X = np.zeros((2, 5))


@pytest.mark.parametrize(
    ("x", "rate", "generator", "error", "message"),
    [
        ([1.0], 0.5, rng(), TypeError, "x is a list; it must be a NumPy array of shape (...)"),
        (X.astype(int), 0.5, rng(), TypeError, "x is int64; it must be float32 or float64"),
        (X[:0], 0.5, rng(), ValueError, "x has shape (0, 5); no axis may be empty"),
        (X, 1, rng(), ValueError, "rate is 1; it must be a number of at least 0 and less than 1"),
        (X, -0.1, rng(), ValueError, "rate is -0.1; it must be a number"),
        (X, np.nan, rng(), ValueError, "rate is nan; it must be a number"),
        (X, False, rng(), ValueError, "rate is False; it must be a number"),
        (X, "0.5", rng(), ValueError, "rate is '0.5'; it must be a number"),
        (X, 0.5, 0, TypeError, "rng is a int; it must be a numpy.random.Generator (np.random.default_rng(seed))"),
        (X, 0.5, np.random.RandomState(0), TypeError, "rng is a RandomState; it must be a numpy.random.Generator"),
    ],
)
def test_errors(x, rate, generator, error, message):
    with pytest.raises(error, match="^" + re.escape(f"dropout: {message}")):
        dropout_forward(x, rate, generator)


@pytest.mark.parametrize(
    ("dy", "error", "message"),
    [
        (1.0, TypeError, "dy is a float; it must be a NumPy array"),
        (np.zeros(5), ValueError, "dy has shape (5,), expected (2, 5); it must have the shape of y"),
        (np.zeros((2, 5), np.float32), TypeError, "dtypes differ (dy float32, x float64)"),
    ],
)
def test_errors_of_the_backward_pass(dy, error, message):
    _, cache = dropout_forward(X, 0.5, rng())
    with pytest.raises(error, match="^" + re.escape(f"dropout_backward: {message}")):
        dropout_backward(dy, cache)
