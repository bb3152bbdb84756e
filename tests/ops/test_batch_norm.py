import re

import numpy as np
import pytest
from op_checks import assert_forms_agree, normal
from rounding import Rounded

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.batch_norm import batch_norm_train_backward, batch_norm_train_forward
from mobilenet_np.ops.batch_norm_inference import (
    batch_norm_inference_backward,
    batch_norm_inference_forward,
)

from batch_norm_problem import EPS, SHAPES, inference, normalized, problem, statistics, train

every_form = pytest.mark.parametrize("name", FORMS)
TRAIN = batch_norm_train_forward, batch_norm_train_backward
INFERENCE = batch_norm_inference_forward, batch_norm_inference_backward
X, C3 = np.zeros((2, 4, 4, 3)), np.ones(3)


def over_positions(function, x):
    return function(x, axis=tuple(range(x.ndim - 1)))


# --- values


@every_form
def test_training_by_hand(name):
    # Mean 1, variance 1; with eps = 3 the "std" is 2, so xhat is -1/2 and 1/2.
    x, gamma, beta, dy = np.array([[0.0], [2.0]]), np.array([4.0]), np.array([7.0]), np.array([[1.0], [0.0]])
    with form(name):
        y, cache = batch_norm_train_forward(x, gamma, beta, 3.0)
        dx, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    np.testing.assert_array_equal((cache.mean, cache.var), ([1], [1]))
    np.testing.assert_array_equal(y, [[4 * -0.5 + 7], [4 * 0.5 + 7]])
    # mean(dy) = 1/2 and mean(dy * xhat) = -1/4: dx = 4/2 * (1 - 1/2 - -1/2 * -1/4) = 3/4 for the first x
    np.testing.assert_array_equal(dx, [[0.75], [-0.75]])
    np.testing.assert_array_equal((dgamma, dbeta), ([-0.5], [1]))


@every_form
@pytest.mark.parametrize("shape", SHAPES)
def test_training_gives_mean_beta_and_scale_gamma(shape, name):
    x, gamma, beta, _ = problem(shape)
    with form(name):
        y, cache = batch_norm_train_forward(x, gamma, beta, EPS)
    mean, var = over_positions(np.mean, x), over_positions(np.var, x)
    np.testing.assert_allclose(cache.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(cache.var, var, rtol=1e-13)
    np.testing.assert_allclose(over_positions(np.mean, y), beta, rtol=0, atol=1e-14 * np.abs(y).max())
    np.testing.assert_allclose(over_positions(np.std, y), np.abs(gamma) * np.sqrt(var / (var + EPS)), rtol=1e-13)


@every_form
def test_images_are_tables_of_positions(name):
    x, gamma, beta, dy = problem((2, 3, 5, 4))
    with form(name):
        y, dx, dgamma, dbeta = train(x, gamma, beta, dy)
        table_y, table_dx, *table_sums = train(x.reshape(-1, 4), gamma, beta, dy.reshape(-1, 4))
    np.testing.assert_array_equal(table_y.reshape(x.shape), y)
    np.testing.assert_array_equal(table_dx.reshape(x.shape), dx)
    np.testing.assert_array_equal(table_sums, (dgamma, dbeta))


@every_form
def test_variance_survives_a_large_mean(name):
    # Multiples of 1/1024 stay exact when 2^30 is added, so the variance must not change in its first twelve digits. The
    # textbook's mean(x^2) - mean(x)^2 would lose all of them.
    x = np.round(1024 * normal((500, 3))[0]) / 1024
    moved = x + 2.0**30
    with form(name):
        var, var_moved = (batch_norm_train_forward(a, np.ones(3), np.zeros(3), EPS)[1].var for a in (x, moved))
    np.testing.assert_allclose(var_moved, var, rtol=1e-12)
    assert np.all(np.abs(np.mean(moved**2, 0) - np.mean(moved, 0) ** 2 - var) > 0.1 * var)


# --- what a batch cannot see, neither can its gradient


@every_form
def test_training_does_not_see_the_scale_of_x(name):
    x, gamma, beta, dy = problem()
    with form(name):
        y, dx, *sums = train(x, gamma, beta, dy, EPS)
        # Powers of two change no digit, if eps, a variance, is scaled by the square.
        y4, dx4, *sums4 = train(4 * x, gamma, beta, dy, 16 * EPS)
    np.testing.assert_array_equal(y4, y)
    np.testing.assert_array_equal(dx4, dx / 4)
    np.testing.assert_array_equal(sums4, sums)


@every_form
def test_training_does_not_see_the_mean_of_x(name):
    x, gamma, beta, dy = problem()
    with form(name):
        y, dx, *_ = train(x, gamma, beta, dy)
        y_moved, dx_moved, *_ = train(x + 10, gamma, beta, dy)
    np.testing.assert_allclose(y_moved, y, rtol=0, atol=1e-13 * np.abs(y).max())
    np.testing.assert_allclose(dx_moved, dx, rtol=0, atol=1e-13 * np.abs(dx).max())


@every_form
@pytest.mark.parametrize("shape", SHAPES)
def test_dx_sums_to_zero(shape, name):
    x, gamma, beta, dy = problem(shape)
    with form(name):
        _, dx, *_ = train(x, gamma, beta, dy)
    assert np.all(np.abs(over_positions(np.sum, dx)) <= 1e-14 * over_positions(np.sum, np.abs(dx)))


@every_form
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 4, 4, 1), (9, 3)])
def test_dx_is_orthogonal_to_xhat_but_for_eps(shape, name):
    x, gamma, beta, dy = problem(shape)
    # With a negligible eps to rounding ...
    with form(name):
        _, cache = batch_norm_train_forward(x, gamma, beta, 1e-30)
        dx, *_ = batch_norm_train_backward(dy, cache)
    xhat = (x - cache.mean) * cache.inv_std
    assert np.all(np.abs(over_positions(np.sum, dx * xhat)) <= 1e-13 * over_positions(np.sum, np.abs(dx * xhat)))
    # ... and with any other what is left is gamma / std * dgamma * eps / (var + eps).
    with form(name):
        _, cache = batch_norm_train_forward(x, gamma, beta, 0.5)
        dx, dgamma, _ = batch_norm_train_backward(dy, cache)
    xhat = (x - cache.mean) * cache.inv_std
    rest = gamma * cache.inv_std * dgamma * 0.5 * cache.inv_std**2
    np.testing.assert_allclose(over_positions(np.sum, dx * xhat), rest, rtol=0, atol=1e-13 * np.abs(dx).sum())


@every_form
def test_a_constant_dy_proves_nothing(name):
    x, gamma, beta, dy = problem()
    ones = np.ones_like(dy)

    def without_variance_path(dy, cache):
        _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
        return cache.gamma * cache.inv_std * (dy - over_positions(np.mean, dy)), dgamma, dbeta

    with form(name):
        _, cache = batch_norm_train_forward(x, gamma, beta, EPS)
        dx, dgamma, dbeta = batch_norm_train_backward(ones, cache)
        # The sum of y over the batch is m * beta, whatever x is: dx must be zero, and it is. But so is the wrong one.
        np.testing.assert_allclose(dx, 0, atol=1e-14)
        np.testing.assert_allclose(without_variance_path(ones, cache)[0], 0, atol=1e-14)
        np.testing.assert_allclose(dgamma, 0, atol=1e-13)
        np.testing.assert_array_equal(dbeta, x[..., 0].size)
        # A random dy tells them apart.
        assert gradcheck(TRAIN, x, gamma, beta, eps=EPS).ok
        assert not gradcheck((batch_norm_train_forward, without_variance_path), x, gamma, beta, eps=EPS).ok


# --- gradients


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_training(shape, method, name):
    x, gamma, beta, _ = problem(shape)
    with form(name):
        gradcheck(TRAIN, x, gamma, beta, method=method, eps=EPS).assert_ok()
        gradcheck(TRAIN, x, gamma, beta, method=method, eps=0.5).assert_ok()


@every_form
def test_the_three_paths(name):
    """The derivation: direct, plus through mean with dmean/dx = 1/m, plus through var with dvar/dx = 2 (x - mean)/m."""
    x, gamma, beta, dy = problem()
    m = x[..., 0].size
    with form(name):
        _, cache = batch_norm_train_forward(x, gamma, beta, EPS)
        dx, *sums = batch_norm_train_backward(dy, cache)
        _, fixed = batch_norm_inference_forward(x, gamma, beta, cache.mean, cache.var, EPS)
        direct, dgamma, dbeta, dmean, dvar = batch_norm_inference_backward(dy, fixed)
    three_paths = direct + dmean / m + dvar * 2 * (x - cache.mean) / m
    np.testing.assert_allclose(dx, three_paths, rtol=0, atol=1e-14 * np.abs(dx).max())
    np.testing.assert_array_equal(sums, (dgamma, dbeta))


# --- one position, constant channels, NaN


@every_form
@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3)])
def test_a_single_position(shape, name):
    x, gamma, beta, dy = problem(shape)
    with form(name):
        y, cache = batch_norm_train_forward(x, gamma, beta, EPS)
        dx, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    np.testing.assert_array_equal(cache.mean, x.ravel())
    np.testing.assert_array_equal(cache.var, 0)
    np.testing.assert_array_equal(y.ravel(), beta)
    np.testing.assert_array_equal(dx, 0)
    np.testing.assert_array_equal(dgamma, 0)
    np.testing.assert_array_equal(dbeta, dy.ravel())


@every_form
def test_a_constant_channel(name):
    x, gamma, beta, dy = problem((8, 3))
    x[:, 1] = 5.0
    with form(name):
        y, dx, dgamma, _ = train(x, gamma, beta, dy)
    np.testing.assert_array_equal(y[:, 1], beta[1])
    assert dgamma[1] == 0
    expected = gamma[1] / np.sqrt(EPS) * (dy[:, 1] - dy[:, 1].mean())
    np.testing.assert_allclose(dx[:, 1], expected, rtol=1e-12, atol=1e-14)


@every_form
def test_nan_stays_in_its_channel(name):
    x, gamma, beta, dy = problem()
    x[1, 2, 3, 1] = np.nan
    of_channel_1 = np.broadcast_to(np.arange(4) == 1, x.shape)
    with form(name), np.errstate(all="raise"):
        y, dx, dgamma, dbeta = train(x, gamma, beta, dy)
    np.testing.assert_array_equal(np.isnan(y), of_channel_1)
    np.testing.assert_array_equal(np.isnan(dx), of_channel_1)
    np.testing.assert_array_equal(np.isnan(dgamma), np.arange(4) == 1)
    assert not np.isnan(dbeta).any()


# --- inference is an affine map, and folds into the layer before it


# --- the running statistics


# --- dtype, forms, rounding


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), (1, 1, 1, 3), (2, 1, 7, 6)])
def test_forms_agree_bit_for_bit(shape):
    x, gamma, beta, dy = problem(shape)
    assert_forms_agree(lambda: train(x, gamma, beta, dy))
    assert_forms_agree(lambda: inference(x, gamma, beta, *statistics(shape[-1]), dy))


def test_forms_agree_where_channels_are_not_the_contiguous_axis():
    # Here NumPy would like to add in another order.
    x, gamma, beta, dy = problem((3, 64))
    assert_forms_agree(lambda: train(x.T, gamma[:3], beta[:3], dy.T))


@every_form
@pytest.mark.parametrize("shape", [(2, 9, 10, 4), (3, 5, 1, 1), (9, 3)])
def test_training_in_float32_within_its_rounding_bound(shape, name):
    arrays = problem(shape, np.float32)
    with form(name):
        y, dx, dgamma, dbeta = train(*arrays)
    x, gamma, beta, dy = (Rounded(a.reshape(-1, shape[-1]) if a.shape == shape else a) for a in arrays)
    mean = x.mean(0)
    var = ((x - mean) * (x - mean)).mean(0)
    xhat, y_bound, inv_std = normalized(x, gamma, beta, mean, var, EPS)
    dgamma_bound, dbeta_bound = (dy * xhat).sum(0), dy.sum(0)
    m = len(x.value)
    dx_bound = gamma * inv_std * (dy - dbeta_bound / m - xhat * (dgamma_bound / m))
    y_bound.assert_holds(y.reshape(-1, shape[-1]), "y")
    dx_bound.assert_holds(dx.reshape(-1, shape[-1]), "dx")
    dgamma_bound.assert_holds(dgamma, "dgamma")
    dbeta_bound.assert_holds(dbeta, "dbeta")


# --- errors

X, C3 = np.zeros((2, 4, 4, 3)), np.ones(3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X.tolist(), C3, C3, EPS), TypeError, "x is a list; it must be a NumPy array of shape (N, ..., C)"),
        ((C3, C3, C3, EPS), ValueError, "x has shape (3,); it must have at least 2 axes (N, ..., C)"),
        ((X[:0], C3, C3, EPS), ValueError, "x has shape (0, 4, 4, 3); no axis may be empty"),
        ((X.astype(int), C3, C3, EPS), TypeError, "x is int64; it must be float32 or float64"),
        ((X, C3[:2], C3, EPS), ValueError, "gamma has shape (2,), expected (3,); it must have one entry per channel"),
        (
            (X, C3, np.ones(4), EPS),
            ValueError,
            "beta has shape (4,), expected (3,); it must have one entry per channel",
        ),
        ((X, C3[None], C3, EPS), ValueError, "gamma has shape (1, 3); it must have 1 axes (C)"),
        ((X, C3, C3.astype(np.float32), EPS), TypeError, "dtypes differ (x float64, gamma float64, beta float32"),
        ((X, C3, C3, 0.0), ValueError, "eps is 0.0; it must be a positive, finite number"),
        ((X, C3, C3, -1e-3), ValueError, "eps is -0.001; it must be a positive, finite number"),
        ((X, C3, C3, np.nan), ValueError, "eps is nan; it must be a positive, finite number"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(f"batch_norm_train: {message}")):
        batch_norm_train_forward(*arguments)
    *arrays, eps = arguments
    with pytest.raises(error, match="^" + re.escape(f"batch_norm_inference: {message}")):
        batch_norm_inference_forward(*arrays, C3, C3, eps)


@pytest.mark.parametrize(
    ("dy", "error", "message"),
    [
        (X[:1], ValueError, "dy has shape (1, 4, 4, 3), expected (2, 4, 4, 3); it must have the shape of y"),
        (X.reshape(-1, 3), ValueError, "dy has shape (32, 3), expected (2, 4, 4, 3); it must have the shape of y"),
        (X.astype(np.float32), TypeError, "dtypes differ (dy float32, x float64)"),
        (1.0, TypeError, "dy is a float; it must be a NumPy array of shape (N, ..., C)"),
    ],
)
def test_errors_of_the_backward_passes(dy, error, message):
    _, cache = batch_norm_train_forward(X, C3, C3, EPS)
    with pytest.raises(error, match="^" + re.escape(f"batch_norm_train_backward: {message}")):
        batch_norm_train_backward(dy, cache)
    _, cache = batch_norm_inference_forward(X, C3, C3, C3, C3, EPS)
    with pytest.raises(error, match="^" + re.escape(f"batch_norm_inference_backward: {message}")):
        batch_norm_inference_backward(dy, cache)


def test_the_cache_prints_shapes():
    _, cache = batch_norm_train_forward(X, C3, C3, EPS)
    assert repr(cache) == (
        "BatchNormCache(x=float64 (2, 4, 4, 3), gamma=float64 (3,), mean=float64 (3,), var=float64 (3,), "
        "inv_std=float64 (3,))"
    )
