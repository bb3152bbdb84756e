"""Wrong backward passes of BatchNorm: in training mean and variance depend on x, too, in inference they do not."""

from __future__ import annotations

import numpy as np

from ..ops.batch_norm import batch_norm_train_backward, batch_norm_train_forward
from ..ops.batch_norm_inference import batch_norm_inference_backward, batch_norm_inference_forward
from .bug import wrong

BATCH_NORM = batch_norm_train_forward, batch_norm_train_backward
INFERENCE = batch_norm_inference_forward, batch_norm_inference_backward
EPS = 0.1  # large, so that forgetting it shows


def batch_norm_arrays(rng):
    """x (2, 3, 4, 3), not centred, with gamma and beta."""
    return 1 + 2 * rng.standard_normal((2, 3, 4, 3)), rng.standard_normal(3), rng.standard_normal(3)


def inference_arrays(rng):
    """The same, and the running mean and variance."""
    return *batch_norm_arrays(rng), rng.standard_normal(3), rng.uniform(0.5, 2, 3)


def terms(dy, cache):
    """The parts of dx = gamma / std * (dy - mean(dy) - xhat * mean(dy * xhat)): the factor, the means, and xhat."""
    x, gamma, mean, _, inv_std = cache
    xhat = (x - mean) * inv_std
    axes = tuple(range(x.ndim - 1))
    return gamma * inv_std, dy.mean(axis=axes), xhat, (dy * xhat).mean(axis=axes)


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def without_the_mean_term(dy, cache):
    """The batch's mean is taken for a constant: mean(dy) is not subtracted."""
    _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    factor, _, xhat, projection = terms(dy, cache)
    return factor * (dy - xhat * projection), dgamma, dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def without_the_variance_term(dy, cache):
    """The batch's variance is taken for a constant: xhat * mean(dy * xhat) is not subtracted."""
    _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    factor, mean_dy, _, _ = terms(dy, cache)
    return factor * (dy - mean_dy), dgamma, dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def inference_formula(dy, cache):
    """The backward pass of inference is used in training, where mean and variance are not constants."""
    dx, dgamma, dbeta, _, _ = batch_norm_inference_backward(dy, cache)
    return dx, dgamma, dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def eps_forgotten(dy, cache):
    """The backward pass divides by sqrt(var), the forward pass by sqrt(var + eps)."""
    return batch_norm_train_backward(dy, cache._replace(inv_std=1 / np.sqrt(cache.var)))


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def unbiased_count(dy, cache):
    """The means of the backward pass divide by m - 1, those of the forward pass by m."""
    _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    factor, mean_dy, xhat, projection = terms(dy, cache)
    m = dy[..., 0].size
    return factor * (dy - (mean_dy + xhat * projection) * m / (m - 1)), dgamma, dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def gamma_forgotten(dy, cache):
    """dx leaves out the factor gamma: right at the start of training, when gamma is 1, and never again."""
    _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    return batch_norm_train_backward(dy, cache._replace(gamma=np.ones_like(cache.gamma)))[0], dgamma, dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def dgamma_with_x(dy, cache):
    """dgamma = sum(dy * x): gamma multiplies the normalized x, not x."""
    dx, _, dbeta = batch_norm_train_backward(dy, cache)
    return dx, (dy * cache.x).sum(axis=(0, 1, 2)), dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def statistics_per_image(dy, cache):
    """The means of the backward pass run over each image alone, as in instance normalization."""
    _, dgamma, dbeta = batch_norm_train_backward(dy, cache)
    images = [(dy[n : n + 1], cache._replace(x=cache.x[n : n + 1])) for n in range(len(dy))]
    return np.concatenate([batch_norm_train_backward(*image)[0] for image in images]), dgamma, dbeta


@wrong(BATCH_NORM, batch_norm_arrays, eps=EPS)
def centres_x_in_place(dy, cache):
    """The gradients are right, but x is centred in place: the layer that x came from still needs it."""
    gradients = batch_norm_train_backward(dy, cache)
    np.subtract(cache.x, cache.mean, out=cache.x)
    return gradients


@wrong(INFERENCE, inference_arrays, eps=EPS)
def training_formula(dy, cache):
    """dx is that of training, although the mean and the variance were given, and do not move with x."""
    _, *others = batch_norm_inference_backward(dy, cache)
    factor, mean_dy, xhat, projection = terms(dy, cache)
    return factor * (dy - mean_dy - xhat * projection), *others


BUGS = (
    without_the_mean_term,
    without_the_variance_term,
    inference_formula,
    eps_forgotten,
    unbiased_count,
    gamma_forgotten,
    dgamma_with_x,
    statistics_per_image,
    centres_x_in_place,
    training_formula,
)
