import re

import numpy as np
import pytest
from op_checks import assert_float32_within, assert_forms_agree, layouts, normal, unchanged

from mobilenet_np.check import adjoint_test, gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.global_average_pool import global_average_pool_backward, global_average_pool_forward

SHAPES = [(1, 1, 1, 1), (2, 3, 4, 5), (1, 7, 7, 1), (3, 1, 9, 2), (2, 17, 3, 1), (1, 5, 11, 8)]


def forward(x):
    return global_average_pool_forward(x)[0]


def backward(dy, shape):
    return global_average_pool_backward(dy, global_average_pool_forward(np.zeros(shape, dy.dtype))[1])


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    x = np.array([[[[1.0, 10], [2, 20]], [[3, 30], [6, 0]]], [[[0, 1], [0, 1]], [[0, 1], [0, 1]]]])
    with form(name):
        y, cache = global_average_pool_forward(x)
        dx = global_average_pool_backward(np.array([[4.0, 8], [0, -2]]), cache)
    np.testing.assert_array_equal(y, [[3, 15], [0, 1]])
    np.testing.assert_array_equal(dx[0], np.broadcast_to([1, 2], (2, 2, 2)))
    np.testing.assert_array_equal(dx[1], np.broadcast_to([0, -0.5], (2, 2, 2)))


def test_shape_and_cache():
    y, cache = global_average_pool_forward(np.zeros((4, 7, 7, 1024), np.float32))
    assert (y.shape, y.dtype) == ((4, 1024), np.float32)
    assert repr(cache) == "GlobalAveragePoolCache(shape=(4, 7, 7, 1024), dtype=dtype('float32'))"


# --- gradients


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_adjoint(shape, name):
    with form(name):
        for seed in range(3):
            adjoint_test(forward, lambda dy: backward(dy, shape), shape, seed).assert_ok()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, method, name):
    pair = global_average_pool_forward, global_average_pool_backward
    with form(name):
        gradcheck(pair, *normal(shape), method=method).assert_ok()


# --- the three forms


@pytest.mark.parametrize("shape", SHAPES)
def test_forms_give_the_same_bits(shape):
    x, dy = normal(shape, (shape[0], shape[3]))
    assert_forms_agree(lambda: forward(x))
    assert_forms_agree(lambda: backward(dy, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_within_its_rounding_bound(shape):
    x, dy = normal(shape, (shape[0], shape[3]), dtype=np.float32)
    # H * W - 1 additions and a division
    assert_float32_within(forward, [x], [shape[1] * shape[2]])
    assert_float32_within(lambda dy: backward(dy, shape), [dy], [1])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(shape, name):
    x, dy = normal(shape, (shape[0], shape[3]))
    with form(name):
        expected = forward(x), backward(dy, shape)
        for x2, dy2 in zip(layouts(x), layouts(dy), strict=True):
            with unchanged(x2, dy2):
                y, cache = global_average_pool_forward(x2)
                dx = global_average_pool_backward(dy2, cache)
            np.testing.assert_array_equal(y, expected[0])
            np.testing.assert_array_equal(dx, expected[1])
            assert not np.shares_memory(y, x2)
            assert not np.shares_memory(dx, dy2)
            dx[...] = 0  # an array of its own, not one value shown H * W times


@pytest.mark.parametrize("name", FORMS)
def test_nan_stays_in_its_image_and_channel(name):
    x, dy = normal((2, 3, 4, 5), (2, 5))
    x[1, 2, 3, 4] = dy[0, 1] = np.nan
    with form(name):
        y, dx = forward(x), backward(dy, x.shape)
    np.testing.assert_array_equal(np.argwhere(np.isnan(y)), [[1, 4]])
    assert np.isnan(dx).sum() == 12
    assert np.isnan(dx[0, :, :, 1]).all()


# --- errors


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (3.0, TypeError, "x is a float; it must be a NumPy array of shape (N, H, W, C)"),
        (np.zeros((7, 7, 8)), ValueError, "x has shape (7, 7, 8); it must have 4 axes (N, H, W, C)"),
        (np.zeros((1, 7, 7, 8), int), TypeError, "x is int64; it must be float32 or float64"),
        (np.zeros((1, 0, 7, 8)), ValueError, "x has shape (1, 0, 7, 8); no axis may be empty"),
    ],
)
def test_errors(x, error, message):
    with pytest.raises(error, match="^" + re.escape(f"global_average_pool: {message}")):
        global_average_pool_forward(x)


@pytest.mark.parametrize(
    ("dy", "error", "message"),
    [
        (np.zeros((2, 1, 1, 5)), ValueError, "dy has shape (2, 1, 1, 5); it must have 2 axes (N, C)"),
        (np.zeros((1, 5)), ValueError, "dy has shape (1, 5), expected (2, 5); it must have the shape of y"),
        (np.zeros((2, 5), np.float32), TypeError, "dtypes differ (dy float32, x float64)"),
    ],
)
def test_errors_of_the_backward_pass(dy, error, message):
    _, cache = global_average_pool_forward(np.zeros((2, 3, 4, 5)))
    with pytest.raises(error, match="^" + re.escape(f"global_average_pool_backward: {message}")):
        global_average_pool_backward(dy, cache)
