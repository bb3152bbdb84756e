"""Wrong backward passes at the end of the network: pooling, dropout, the linear layer, and the loss."""

from __future__ import annotations

import numpy as np

from ..ops.dropout import dropout_backward, dropout_forward
from ..ops.global_average_pool import global_average_pool_backward, global_average_pool_forward
from ..ops.linear import linear_backward, linear_forward
from ..ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from .bug import wrong

POOL = global_average_pool_forward, global_average_pool_backward
DROPOUT = dropout_forward, dropout_backward
LINEAR = linear_forward, linear_backward
LOSS = softmax_cross_entropy_forward, softmax_cross_entropy_backward


def image_arrays(rng):
    """x (2, 3, 4, 5)."""
    return (rng.standard_normal((2, 3, 4, 5)),)


def feature_arrays(rng):
    """x (6, 7)."""
    return (rng.standard_normal((6, 7)),)


def linear_arrays(rng):
    """x (4, 5), w (5, 3), b (3,)."""
    return rng.standard_normal((4, 5)), rng.standard_normal((5, 3)), rng.standard_normal(3)


def loss_arrays(rng):
    """Logits (5, 4) and labels (5,)."""
    return rng.standard_normal((5, 4)), rng.integers(0, 4, 5)


@wrong(POOL, image_arrays)
def without_the_mean(dy, cache):
    """Every pixel gets the whole dy instead of its share, dy / (H W)."""
    return global_average_pool_backward(dy, cache) * (cache.shape[1] * cache.shape[2])


@wrong(POOL, image_arrays)
def first_pixel_only(dy, cache):
    """The whole gradient goes to one pixel, as in max pooling."""
    dx = np.zeros(cache.shape, dy.dtype)
    dx[:, 0, 0] = dy
    return dx


@wrong(DROPOUT, feature_arrays, rate=0.4, rng=np.random.default_rng(0))
def scale_forgotten(dy, cache):
    """What was kept was scaled by 1 / (1 - rate) on the way forward, and is not on the way back."""
    return dy * cache.mask


@wrong(DROPOUT, feature_arrays, rate=0.4, rng=np.random.default_rng(0))
def another_mask(dy, cache):
    """The backward pass draws a mask of its own instead of using the forward pass's."""
    return dropout_forward(dy, 0.4, np.random.default_rng(1))[0]


@wrong(LINEAR, linear_arrays)
def bias_of_the_first_row(dy, cache):
    """db is the first row of dy; the bias is added to every sample, so it collects the sum over the batch."""
    dx, dw, _ = linear_backward(dy, cache)
    return dx, dw, dy[0].copy()


@wrong(LINEAR, linear_arrays)
def mean_over_the_batch(dy, cache):
    """db and dw are means over the batch; the loss has already divided by N."""
    dx, dw, db = linear_backward(dy, cache)
    return dx, dw / len(dy), db / len(dy)


@wrong(LINEAR, linear_arrays)
def upstream_forgotten(dy, cache):
    """dw = x.T @ 1: the derivative of y alone, without the chain rule's dy."""
    dx, _, db = linear_backward(dy, cache)
    return dx, linear_backward(np.ones_like(dy), cache)[1], db


@wrong(LOSS, loss_arrays)
def batch_mean_forgotten(dloss, cache):
    """The loss is a mean over N samples; dlogits = p - q lacks the 1/N."""
    return softmax_cross_entropy_backward(dloss, cache) * len(cache.p)


@wrong(LOSS, loss_arrays, smoothing=0.1)
def smoothing_forgotten(dloss, cache):
    """The forward pass smooths its targets, the backward pass subtracts plain one-hot vectors."""
    return softmax_cross_entropy_backward(dloss, cache._replace(q=np.eye(cache.q.shape[1])[cache.q.argmax(axis=1)]))


@wrong(LOSS, loss_arrays)
def only_the_right_class(dloss, cache):
    """Only the logit of the right class gets a gradient; the softmax makes all others matter, too."""
    return np.where(cache.q > 0, softmax_cross_entropy_backward(dloss, cache), 0)


@wrong(LOSS, loss_arrays)
def loss_taken_for_the_end(dloss, cache):
    """dloss is ignored, as if nothing could follow the loss: a loss scale or a second loss goes unnoticed."""
    return softmax_cross_entropy_backward(1.0, cache)


BUGS = (
    without_the_mean,
    first_pixel_only,
    scale_forgotten,
    another_mask,
    bias_of_the_first_row,
    mean_over_the_batch,
    upstream_forgotten,
    batch_mean_forgotten,
    smoothing_forgotten,
    only_the_right_class,
    loss_taken_for_the_end,
)
