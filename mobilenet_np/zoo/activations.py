"""Wrong backward passes of the nonlinearities, and of squeeze-and-excite, which ends in one."""

from __future__ import annotations

import numpy as np

from ..ops.global_average_pool import global_average_pool_backward
from ..ops.hard_sigmoid import hard_sigmoid_backward, hard_sigmoid_forward
from ..ops.hard_swish import hard_swish_backward, hard_swish_forward
from ..ops.linear import linear_backward
from ..ops.relu import relu_backward, relu_forward
from ..ops.relu6 import relu6_backward, relu6_forward
from ..ops.sigmoid import sigmoid_backward, sigmoid_forward
from ..ops.squeeze_excite import squeeze_excite_backward, squeeze_excite_forward
from .bug import wrong

RELU = relu_forward, relu_backward
RELU6 = relu6_forward, relu6_backward
HARD_SIGMOID = hard_sigmoid_forward, hard_sigmoid_backward
HARD_SWISH = hard_swish_forward, hard_swish_backward
SIGMOID = sigmoid_forward, sigmoid_backward
SQUEEZE_EXCITE = squeeze_excite_forward, squeeze_excite_backward


def wide_arrays(rng):
    """x (5, 8), wide enough to meet every piece of every activation."""
    return (rng.permutation(np.linspace(-8, 8, 40)).reshape(5, 8) + 0.01 * rng.standard_normal((5, 8)),)


def beyond_six_arrays(rng):
    """x (5, 8), of which two in five lie above 6, so that a few of them do so too."""
    return (rng.permutation(np.linspace(-8, 16, 40)).reshape(5, 8) + 0.01 * rng.standard_normal((5, 8)),)


def squeeze_excite_arrays(rng):
    """x (2, 3, 4, 5), squeezed to 3 features that are all awake, with gates between 0 and 1."""
    w1, w2 = 0.1 * rng.standard_normal((5, 3)), 0.5 * rng.standard_normal((3, 5))
    return rng.standard_normal((2, 3, 4, 5)), w1, 1 + rng.uniform(0, 0.5, 3), w2, 0.1 * rng.standard_normal(5)


@wrong(RELU, wide_arrays)
def lets_negatives_pass(dy, cache):
    """The gradient passes everywhere, also where the forward pass put a zero."""
    return dy.copy()


@wrong(RELU, wide_arrays)
def mask_from_dy(dy, cache):
    """The mask looks at the sign of dy; it has to look at the sign of x."""
    return np.where(dy > 0, dy, 0)


@wrong(RELU, wide_arrays)
def writes_into_dy(dy, cache):
    """dx is right, but it is written into dy: a residual connection hands the same dy to another branch as well."""
    dy[cache.x <= 0] = 0
    return dy


@wrong(RELU6, beyond_six_arrays)
def open_at_six(dy, cache):
    """The backward pass is that of a ReLU: above 6, where y no longer moves, the gradient still passes."""
    return np.where(cache.x > 0, dy, 0)


@wrong(HARD_SIGMOID, wide_arrays)
def slope_on_the_flat_parts(dy, cache):
    """The slope 1/6 is used everywhere, also where the gate is stuck at 0 or 1."""
    return dy / 6


@wrong(HARD_SIGMOID, wide_arrays)
def slope_of_one(dy, cache):
    """The slope between the flat parts is 1, as if the scale belonged to x and not to y."""
    return 6 * hard_sigmoid_backward(dy, cache)


@wrong(HARD_SWISH, wide_arrays)
def forgotten_sixth(dy, cache):
    """The middle piece is differentiated without its 1/6."""
    return np.where(np.abs(cache.x) < 3, 6, 1) * hard_swish_backward(dy, cache)


@wrong(HARD_SWISH, wide_arrays)
def dy_in_place_of_x(dy, cache):
    """A slip of a name: the slope is computed from dy, which has the shape of x and so nobody objects."""
    return hard_swish_backward(dy, cache._replace(x=dy))


@wrong(HARD_SWISH, wide_arrays)
def gate_taken_for_a_constant(dy, cache):
    """y = x * gate(x), and the product rule was forgotten: the gate moves with x, too."""
    return dy * np.clip(cache.x / 6 + 0.5, 0, 1)


@wrong(SIGMOID, wide_arrays)
def output_taken_for_input(dy, cache):
    """The slope is y (1 - y) with y = sigmoid(x); the cache holds y already, and it goes through the sigmoid again."""
    return sigmoid_backward(dy, cache._replace(y=sigmoid_forward(cache.y)[0]))


def below_the_gate(da, cache):
    """From the gradient of the hard sigmoid's input back to x and the four parameters."""
    dz, dw2, db2 = linear_backward(da, cache.expand)
    ds, dw1, db1 = linear_backward(relu_backward(dz, cache.relu), cache.reduce)
    return global_average_pool_backward(ds, cache.pool), dw1, db1, dw2, db2


@wrong(SQUEEZE_EXCITE, squeeze_excite_arrays)
def only_the_direct_path(dy, cache):
    """dx = dy * gate: the gate is a function of x, and what flows back through it is missing."""
    _, *others = squeeze_excite_backward(dy, cache)
    return dy * cache.g[:, None, None, :], *others


@wrong(SQUEEZE_EXCITE, squeeze_excite_arrays)
def only_the_gate_path(dy, cache):
    """dx holds what flows back through the gate; the direct path dy * gate is missing."""
    dx, *others = squeeze_excite_backward(dy, cache)
    return dx - dy * cache.g[:, None, None, :], *others


@wrong(SQUEEZE_EXCITE, squeeze_excite_arrays)
def gate_averages_positions(dy, cache):
    """The gate's gradient is the mean of dy * x; a gate that multiplies every position collects the sum."""
    dg = (dy * cache.x).mean(axis=(1, 2))
    gate_path, *others = below_the_gate(hard_sigmoid_backward(dg, cache.hard_sigmoid), cache)
    return dy * cache.g[:, None, None, :] + gate_path, *others


@wrong(SQUEEZE_EXCITE, squeeze_excite_arrays)
def hard_sigmoid_skipped(dy, cache):
    """The gate's gradient goes straight into the linear layer, past the hard sigmoid and its slope."""
    dg = (dy * cache.x).sum(axis=(1, 2))
    gate_path, *others = below_the_gate(dg, cache)
    return dy * cache.g[:, None, None, :] + gate_path, *others


BUGS = (
    lets_negatives_pass,
    mask_from_dy,
    writes_into_dy,
    open_at_six,
    slope_on_the_flat_parts,
    slope_of_one,
    forgotten_sixth,
    dy_in_place_of_x,
    gate_taken_for_a_constant,
    output_taken_for_input,
    only_the_direct_path,
    only_the_gate_path,
    gate_averages_positions,
    hard_sigmoid_skipped,
)
