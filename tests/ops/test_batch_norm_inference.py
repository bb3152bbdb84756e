import re

import numpy as np
import pytest
from op_checks import normal
from rounding import Rounded

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.batch_norm import batch_norm_train_backward, batch_norm_train_forward
from mobilenet_np.ops.batch_norm_inference import (
    batch_norm_inference_backward,
    batch_norm_inference_forward,
    running_statistics,
)
from mobilenet_np.ops.conv2d import conv2d_forward
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_forward
from mobilenet_np.ops.pointwise_conv2d import pointwise_conv2d_forward

from batch_norm_problem import EPS, SHAPES, inference, normalized, problem, statistics, train

every_form = pytest.mark.parametrize("name", FORMS)
TRAIN = batch_norm_train_forward, batch_norm_train_backward
INFERENCE = batch_norm_inference_forward, batch_norm_inference_backward
X, C3 = np.zeros((2, 4, 4, 3)), np.ones(3)


@every_form
def test_inference_by_hand(name):
    # (x - 1) / sqrt(1 + 3) is -1/2 and 3/2
    x, gamma, beta, dy = np.array([[0.0], [4.0]]), np.array([4.0]), np.array([7.0]), np.array([[1.0], [2.0]])
    mean, var = np.array([1.0]), np.array([1.0])
    with form(name):
        y, dx, dgamma, dbeta, dmean, dvar = inference(x, gamma, beta, mean, var, dy, 3.0)
    np.testing.assert_array_equal(y, [[5], [13]])
    np.testing.assert_array_equal(dx, [[2], [4]])
    np.testing.assert_array_equal((dgamma, dbeta), ([-0.5 + 3], [3]))
    np.testing.assert_array_equal(dmean, [-2 * 3])  # moving the mean up moves both y down, by gamma / std
    np.testing.assert_array_equal(dvar, [-0.5 * 4 / 4 * 2.5])


@every_form
def test_inference_with_the_batchs_own_statistics_is_training(name):
    x, gamma, beta, _ = problem()
    with form(name):
        y, cache = batch_norm_train_forward(x, gamma, beta, EPS)
        same, _ = batch_norm_inference_forward(x, gamma, beta, cache.mean, cache.var, EPS)
    np.testing.assert_array_equal(same, y)


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_inference(shape, method, name):
    x, gamma, beta, _ = problem(shape)
    with form(name):
        gradcheck(INFERENCE, x, gamma, beta, *statistics(shape[-1]), method=method, eps=EPS).assert_ok()


@every_form
def test_nan_at_inference_stays_where_it_is(name):
    x, gamma, beta, dy = problem()
    mean, var = statistics(4)
    x[1, 2, 3, 1] = np.nan
    var[2] = np.nan
    expected = np.isnan(x) | (np.arange(4) == 2)
    with form(name), np.errstate(all="raise"):
        y, dx, dgamma, *_ = inference(x, gamma, beta, mean, var, dy)
    np.testing.assert_array_equal(np.isnan(y), expected)
    np.testing.assert_array_equal(np.isnan(dx), np.broadcast_to(np.arange(4) == 2, x.shape))
    np.testing.assert_array_equal(np.isnan(dgamma), [False, True, True, False])


@every_form
def test_inference_is_affine(name):
    x, gamma, beta, dy = problem()
    mean, var = statistics(4)
    scale = gamma / np.sqrt(var + EPS)
    with form(name):
        y, dx, *_ = inference(x, gamma, beta, mean, var, dy)
    np.testing.assert_allclose(y, x * scale + (beta - mean * scale), rtol=0, atol=1e-14 * np.abs(x * scale).max())
    np.testing.assert_allclose(dx, dy * scale, rtol=1e-14)


@pytest.mark.parametrize(
    ("layer", "w_shape"),
    [(depthwise_conv2d_forward, (3, 3, 4)), (pointwise_conv2d_forward, (4, 6)), (conv2d_forward, (3, 3, 4, 6))],
)
def test_inference_folds_into_the_layer_before_it(layer, w_shape):
    C = w_shape[-1]
    x, w, gamma, beta = normal((2, 5, 6, 4), w_shape, (C,), (C,))
    mean, var = statistics(C)
    expected, _ = batch_norm_inference_forward(layer(x, w)[0], gamma, beta, mean, var, EPS)
    scale = gamma / np.sqrt(var + EPS)  # every layer's last axis is its output channels
    folded = layer(x, w * scale)[0] + (beta - mean * scale)
    np.testing.assert_allclose(folded, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


@every_form
@pytest.mark.parametrize("shape", [(2, 9, 10, 4), (3, 5, 1, 1), (9, 3)])
def test_inference_in_float32_within_its_rounding_bound(shape, name):
    x, gamma, beta, dy = problem(shape, np.float32)
    arrays = [x, gamma, beta, *statistics(shape[-1], np.float32), dy]
    with form(name):
        y, dx, dgamma, dbeta, dmean, dvar = inference(*arrays)
    x, gamma, beta, mean, var, dy = (Rounded(a.reshape(-1, shape[-1]) if a.shape == shape else a) for a in arrays)
    xhat, y_bound, inv_std = normalized(x, gamma, beta, mean, var, EPS)
    dgamma_bound, dbeta_bound = (dy * xhat).sum(0), dy.sum(0)
    scale = gamma * inv_std
    y_bound.assert_holds(y.reshape(-1, shape[-1]), "y")
    (dy * scale).assert_holds(dx.reshape(-1, shape[-1]), "dx")
    dgamma_bound.assert_holds(dgamma, "dgamma")
    dbeta_bound.assert_holds(dbeta, "dbeta")
    (-scale * dbeta_bound).assert_holds(dmean, "dmean")
    (-0.5 * scale * inv_std * dgamma_bound).assert_holds(dvar, "dvar")


@pytest.mark.parametrize(
    ("mean", "var", "error", "message"),
    [
        (
            C3[:2],
            C3,
            ValueError,
            "mean has shape (2,), expected (3,); it must have one entry per channel of x (2, 4, 4, 3)",
        ),
        (
            C3,
            C3[:2],
            ValueError,
            "var has shape (2,), expected (3,); it must have one entry per channel of x (2, 4, 4, 3)",
        ),
        (C3.astype(np.float32), C3, TypeError, "dtypes differ (x float64, gamma float64, beta float64, mean float32"),
        (C3, np.array([1, -0.5, 2]), ValueError, "var is -0.5 at its least; var + eps must be positive"),
        (C3, np.array([1, -EPS, 2]), ValueError, "var is -0.001 at its least; var + eps must be positive"),
    ],
)
def test_errors_of_the_statistics(mean, var, error, message):
    with pytest.raises(error, match="^" + re.escape(f"batch_norm_inference: {message}")):
        batch_norm_inference_forward(X, C3, C3, mean, var, EPS)


# --- the running statistics


def test_running_statistics_by_hand():
    mean, var, batch_mean, batch_var = (np.array(a) for a in ([0.0, 8.0], [1.0, 1.0], [4.0, 0.0], [8.0, 4.0]))
    options = dict(count=5, decay=0.75)
    biased = running_statistics(mean, var, batch_mean, batch_var, **options, unbiased=False)
    np.testing.assert_array_equal(biased, ([1, 6], [0.75 + 2, 0.75 + 1]))
    unbiased = running_statistics(mean, var, batch_mean, batch_var, **options, unbiased=True)
    np.testing.assert_array_equal(unbiased, ([1, 6], [0.75 + 2.5, 0.75 + 1.25]))
    np.testing.assert_array_equal((mean, var, batch_mean, batch_var), ([0, 8], [1, 1], [4, 0], [8, 4]))


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (9, 3), (2, 2)])
def test_biased_and_unbiased_variance(shape):
    x, gamma, beta, _ = problem(shape)
    _, cache = batch_norm_train_forward(x, gamma, beta, EPS)
    nothing = np.zeros_like(gamma)
    for ddof in (0, 1):
        _, var = running_statistics(
            nothing, nothing, cache.mean, cache.var, count=x[..., 0].size, decay=0.0, unbiased=ddof == 1
        )
        np.testing.assert_allclose(var, x.reshape(-1, shape[-1]).var(axis=0, ddof=ddof), rtol=1e-13)


def test_what_tensorflow_returned():
    # TensorFlow 2.21's fused op, measured on 18 positions: .73174 where the population variance is .69109.
    zero = np.zeros(1)
    _, var = running_statistics(zero, zero, zero, np.array([0.69109]), count=18, decay=0.0, unbiased=True)
    np.testing.assert_allclose(var, 0.73174, atol=5e-6 * 18 / 17)


def test_a_single_position_has_no_unbiased_variance():
    zero, one = np.zeros(1), np.ones(1)
    for unbiased in (False, True):
        _, var = running_statistics(zero, one, zero, zero, count=1, decay=0.75, unbiased=unbiased)
        np.testing.assert_array_equal(var, 0.75)


def test_running_statistics_forget_at_the_rate_of_decay():
    mean, var = np.zeros(2), np.ones(2)
    batch_mean, batch_var = np.array([3.0, -1.0]), np.array([2.0, 0.5])
    for _ in range(10):
        mean, var = running_statistics(mean, var, batch_mean, batch_var, count=9, decay=0.9, unbiased=False)
    np.testing.assert_allclose(mean, (1 - 0.9**10) * batch_mean, rtol=1e-14)
    np.testing.assert_allclose(var, batch_var + 0.9**10 * (1 - batch_var), rtol=1e-14)


@pytest.mark.parametrize("decay", [0, 1])
def test_decays_at_the_ends(decay):
    old, new = normal((3,), (3,))
    results = running_statistics(old, old**2, new, new**2, count=9, decay=decay, unbiased=False)
    for result, expected in zip(results, (old, old**2) if decay else (new, new**2), strict=True):
        np.testing.assert_array_equal(result, expected)
        assert not np.shares_memory(result, expected)


def test_numpy_scalars_do_not_change_the_dtype():
    x, gamma, beta, dy = problem(dtype=np.float32)
    mean, var = statistics(4, np.float32)
    scalar = np.float64(0.25)
    results = [*train(x, gamma, beta, dy, scalar), *inference(x, gamma, beta, mean, var, dy, scalar)]
    results += running_statistics(mean, var, mean, var, np.int64(9), scalar, unbiased=True)
    assert {result.dtype for result in results} == {np.dtype(np.float32)}


def test_running_statistics_in_float32_within_their_rounding_bound():
    mean, var = statistics(50, np.float32)
    batch_mean, batch_var = var, mean**2
    results = running_statistics(mean, var, batch_mean, batch_var, 17, 0.997, unbiased=True)
    old, new = Rounded(mean), Rounded(batch_mean)
    (0.997 * old + (1 - 0.997) * new).assert_holds(results[0], "mean")
    old, new = Rounded(var), Rounded(batch_var)
    (0.997 * old + (1 - 0.997) * (new * (17 / 16))).assert_holds(results[1], "var")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(mean=1.0), TypeError, "mean is a float; it must be a NumPy array of shape (C)"),
        (
            dict(var=C3[:2]),
            ValueError,
            "var has shape (2,), expected (3,); it must have one entry per channel, as mean",
        ),
        (
            dict(batch_var=C3.astype(np.float32)),
            TypeError,
            "dtypes differ (mean float64, var float64, batch_mean float64",
        ),
        (dict(count=0), ValueError, "count is 0; it must be a positive integer"),
        (dict(count=2.0), ValueError, "count is 2.0; it must be a positive integer"),
        (dict(decay=1.01), ValueError, "decay is 1.01; it must be in [0, 1]"),
        (dict(decay=-0.1), ValueError, "decay is -0.1; it must be in [0, 1]"),
        (dict(decay=float("nan")), ValueError, "decay is nan; it must be in [0, 1]"),
    ],
)
def test_errors_of_running_statistics(change, error, message):
    good = dict(mean=C3, var=C3, batch_mean=C3, batch_var=C3, count=9, decay=0.9, unbiased=True)
    with pytest.raises(error, match="^" + re.escape(f"running_statistics: {message}")):
        running_statistics(**good | change)
