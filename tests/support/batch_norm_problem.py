"""Numbers to try batch normalization with, and its two pairs as functions from inputs to everything they return."""

import numpy as np
from op_checks import normal

from mobilenet_np.ops.batch_norm import batch_norm_train_backward, batch_norm_train_forward
from mobilenet_np.ops.batch_norm_inference import batch_norm_inference_backward, batch_norm_inference_forward

SHAPES = [(2, 3, 5, 4), (1, 4, 4, 1), (3, 1, 1, 2), (9, 3)]
EPS = 1e-3


def problem(shape=(2, 3, 5, 4), dtype=np.float64):
    """x, gamma, beta and dy. x is neither centered nor of variance 1."""
    x, gamma, beta, dy = normal(shape, shape[-1:], shape[-1:], shape)
    return [a.astype(dtype) for a in (3 * x + 2, gamma, beta, dy)]


def statistics(C, dtype=np.float64):
    mean, root = normal((C,), (C,), seed=5)
    return [a.astype(dtype) for a in (mean, root**2 + 0.1)]


def train(x, gamma, beta, dy, eps=EPS):
    """y, dx, dgamma, dbeta."""
    y, cache = batch_norm_train_forward(x, gamma, beta, eps)
    return y, *batch_norm_train_backward(dy, cache)


def inference(x, gamma, beta, mean, var, dy, eps=EPS):
    """y, dx, dgamma, dbeta, dmean, dvar."""
    y, cache = batch_norm_inference_forward(x, gamma, beta, mean, var, eps)
    return y, *batch_norm_inference_backward(dy, cache)


def normalized(x, gamma, beta, mean, var, eps):
    """xhat, y and 1 / std with their rounding errors."""
    inv_std = 1 / (var + eps).sqrt()
    xhat = (x - mean) * inv_std
    return xhat, gamma * xhat + beta, inv_std
