"""The diagnosis: mistakes that nobody tuned it on are called what they are, and what has no name gets none."""

from typing import NamedTuple

import numpy as np
import pytest

from mobilenet_np import ops
from mobilenet_np.check import gradcheck
from mobilenet_np.check.cases import resized
from mobilenet_np.forms import current_form, form
from mobilenet_np.layers import BatchNorm, DepthwiseConv2D
from mobilenet_np.ops.batch_norm import batch_norm_train_backward, batch_norm_train_forward
from mobilenet_np.ops.conv2d import conv2d_backward, conv2d_forward
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward
from mobilenet_np.ops.global_average_pool import global_average_pool_backward, global_average_pool_forward
from mobilenet_np.ops.hard_swish import hard_swish_backward, hard_swish_forward
from mobilenet_np.ops.linear import linear_backward, linear_forward
from mobilenet_np.ops.pointwise_conv2d import pointwise_conv2d_backward, pointwise_conv2d_forward
from mobilenet_np.ops.relu6 import relu6_forward
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from mobilenet_np.ops.squeeze_excite import squeeze_excite_backward, squeeze_excite_forward

METHODS = ["complex", "central"]


class Mistake(NamedTuple):
    forward: object
    backward: object
    arrays: tuple
    options: dict
    gradient: str
    cause: str
    """How the cause begins; empty if it must not get a name."""


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def uniform(*shape):
    return np.random.default_rng(3).uniform(-7, 7, shape)


def depthwise(change, gradient, cause, arrays=None, **options):
    """A mistake made from the right dx and dw: ``change(dy, cache, dx, dw) -> (dx, dw)``."""

    def backward(dy, cache):
        return change(dy, cache, *depthwise_conv2d_backward(dy, cache))

    arrays = arrays or (normal(3, 6, 5, 4), normal(3, 3, 4))
    return Mistake(depthwise_conv2d_forward, backward, arrays, options, gradient, cause)


def spoilt(pair, arrays, which, change, cause, **options):
    """A mistake made from one right gradient, number ``which``: ``change(gradient, dy, cache)``."""
    forward, right = pair

    def backward(dy, cache):
        gradients = right(dy, cache)
        if not isinstance(gradients, tuple):
            return change(gradients, dy, cache)
        return tuple(change(g, dy, cache) if k == which else g for k, g in enumerate(gradients))

    names = forward.__code__.co_varnames
    return Mistake(forward, backward, arrays, options, f"d{names[which]}", cause)


CONV, CONV_ARRAYS = (conv2d_forward, conv2d_backward), (normal(2, 5, 4, 2), normal(3, 3, 2, 4))
POINT, POINT_ARRAYS = (pointwise_conv2d_forward, pointwise_conv2d_backward), (normal(2, 3, 3, 4), normal(4, 6))
LINEAR, LINEAR_ARRAYS = (linear_forward, linear_backward), (normal(5, 3), normal(3, 4), normal(4))
BN, BN_ARRAYS = (
    (batch_norm_train_forward, batch_norm_train_backward),
    (normal(3, 3, 2, 4), normal(4), normal(4, seed=1)),
)
LOSS = softmax_cross_entropy_forward, softmax_cross_entropy_backward
LOSS_ARRAYS = normal(6, 3), np.array([0, 1, 2, 2, 1, 0])
SE = squeeze_excite_forward, squeeze_excite_backward
SE_ARRAYS = normal(2, 4, 3, 4), normal(4, 3), 1 + np.abs(normal(3)), 0.3 * normal(3, 4), 0.1 * normal(4)
POOL, SWISH = (global_average_pool_forward, global_average_pool_backward), (hard_swish_forward, hard_swish_backward)


def kept(gradient, *where):
    zeros = np.zeros_like(gradient)
    zeros[where] = gradient[where]
    return zeros


NAMED = {
    "rotated and divided": depthwise(
        lambda dy, cache, dx, dw: (dx, dw[::-1, ::-1] / len(dy)),
        "dw",
        "is rotated by 180 degrees; besides, it is divided by the batch size (N = 3)",
    ),
    "one axis of w reversed": spoilt(
        CONV,
        CONV_ARRAYS,
        0,
        lambda dx, dy, cache: conv2d_backward(dy, cache._replace(w=cache.w[::-1]))[0],
        "is computed with w reversed along its kernel rows",
    ),
    "minus dx": spoilt(CONV, CONV_ARRAYS, 0, lambda dx, dy, cache: -dx, "has the wrong sign"),
    "first image": spoilt(
        CONV,
        CONV_ARRAYS,
        1,
        lambda dw, dy, cache: conv2d_backward(dy[:1], cache._replace(x=cache.x[:1]))[1],
        "is computed as if dy were zero in all but the first image",
    ),
    "divided by output channels": spoilt(
        CONV,
        CONV_ARRAYS,
        0,
        lambda dx, dy, cache: dx / dy.shape[-1],
        "is divided by the number of output channels (C_out = 4)",
    ),
    "reversed channels": spoilt(
        CONV, CONV_ARRAYS, 1, lambda dw, dy, cache: dw[..., ::-1].copy(), "is reversed along its output channels"
    ),
    "permuted channels": spoilt(
        CONV,
        CONV_ARRAYS,
        1,
        lambda dw, dy, cache: dw[..., [2, 0, 3, 1]],
        "has its output channels in another order: 2, 0, 3, 1",
    ),
    "no sum over the batch": spoilt(
        POINT,
        POINT_ARRAYS,
        1,
        lambda dw, dy, cache: np.einsum("nhwi,nhwo->nio", cache.x, dy),
        "is not summed over axis 0",
    ),
    "axis kept": spoilt(LINEAR, LINEAR_ARRAYS, 2, lambda db, dy, cache: db[None], "is right but for its shape"),
    "no sum": spoilt(LINEAR, LINEAR_ARRAYS, 2, lambda db, dy, cache: dy.copy(), "is not summed over axis 0"),
    "mean": spoilt(LINEAR, LINEAR_ARRAYS, 2, lambda db, dy, cache: dy.mean(axis=0), "is divided by the batch size"),
    "zero": spoilt(LINEAR, LINEAR_ARRAYS, 2, lambda db, dy, cache: 0 * db, "is zero: was it computed at all?"),
    "exchanged": spoilt(
        BN, BN_ARRAYS, 1, lambda dgamma, dy, cache: dy.sum(axis=(0, 1, 2)), "is dbeta: gradients are", eps=1e-3
    ),
    "mean over all pixels": spoilt(
        BN,
        BN_ARRAYS,
        2,
        lambda dbeta, dy, cache: dy.mean(axis=(0, 1, 2)),
        "is divided by the number of pixels of all images (N H W = 18)",
        eps=1e-3,
    ),
    "rolled gamma": spoilt(
        BN,
        BN_ARRAYS,
        0,
        lambda dx, dy, cache: batch_norm_train_backward(dy, cache._replace(gamma=np.roll(cache.gamma, 1)))[0],
        "is computed with gamma rolled by +1 along its channels",
        eps=1e-3,
    ),
    "doubled inside": spoilt(SE, SE_ARRAYS, 1, lambda dw1, dy, cache: 2 * dw1, "is twice what it should be"),
    "sum over classes": spoilt(
        LOSS,
        LOSS_ARRAYS,
        0,
        lambda dlogits, dy, cache: dlogits * cache.p.size,
        "is multiplied by the number of x's entries (N ... C = 18)",
    ),
    "a sixth too much": spoilt(
        SWISH, (uniform(4, 9),), 0, lambda dx, dy, cache: dx / 6, "is 1/6 times what it should be"
    ),
    "summed over rows": spoilt(
        POOL,
        (normal(2, 3, 5, 4),),
        0,
        lambda dx, dy, cache: dx * cache.shape[2],
        "is multiplied by the number of columns (W = 5)",
    ),
    "every second": depthwise(
        lambda dy, cache, dx, dw: (kept(dx, np.s_[:], np.s_[::2], np.s_[::2]), dw),
        "dx",
        "is zero everywhere but at every 2nd row and column",
    ),
    "border": depthwise(
        lambda dy, cache, dx, dw: (kept(dx, np.s_[:], np.s_[1:-1], np.s_[1:-1]), dw), "dx", "is zero at the border"
    ),
    "border only": depthwise(
        lambda dy, cache, dx, dw: (dx - kept(dx, np.s_[:], np.s_[1:-1], np.s_[1:-1]), dw),
        "dx",
        "is zero everywhere but at the border",
    ),
    "off by one": depthwise(
        lambda dy, cache, dx, dw: (np.pad(dx, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1], dw),
        "dx",
        "is moved by one down: an index is off by one",
    ),
    "off by one in dy": depthwise(
        lambda dy, cache, dx, dw: (
            dx,
            depthwise_conv2d_backward(np.pad(dy, ((0, 0), (0, 0), (0, 1), (0, 0)))[:, :, 1:], cache)[1],
        ),
        "dw",
        "is computed from dy moved by one left",
    ),
    "x and dy exchanged": depthwise(
        lambda dy, cache, dx, dw: (dx, depthwise_conv2d_backward(cache.x, cache._replace(x=dy))[1]),
        "dw",
        "is rotated by 180 degrees",  # which is what that comes to
    ),
    "NCHW": depthwise(lambda dy, cache, dx, dw: (dx.transpose(0, 3, 1, 2), dw), "dx", "is in NCHW order"),
    "NCHW reshaped": depthwise(
        lambda dy, cache, dx, dw: (np.ascontiguousarray(dx.transpose(0, 3, 1, 2)).reshape(dx.shape), dw),
        "dx",
        "holds its numbers in NCHW order",
    ),
    "padding on the other side": depthwise(
        lambda dy, cache, dx, dw: (
            depthwise_conv2d_backward(dy, cache._replace(padding=((1, 0), (2, 1))))[0],
            dw,
        ),
        "dx",
        "is computed with padding = ((1, 0), (2, 1)) in place of ((0, 1), (1, 2))",
        stride=2,
        padding=((0, 1), (1, 2)),
    ),
}

NAMELESS = {
    "one entry": spoilt(POINT, POINT_ARRAYS, 0, lambda dx, dy, cache: dx + kept(dx, 0, 1, 2, 3), ""),
    "squared": spoilt(POINT, POINT_ARRAYS, 0, lambda dx, dy, cache: dx**2, ""),
    "clipped": spoilt(POINT, POINT_ARRAYS, 0, lambda dx, dy, cache: np.clip(dx, -1, 1), ""),
    "absolute": spoilt(LINEAR, LINEAR_ARRAYS, 0, lambda dx, dy, cache: np.abs(dx), ""),
    "weight decay": spoilt(LINEAR, LINEAR_ARRAYS, 1, lambda dw, dy, cache: dw + 0.01 * cache.w, ""),
    "the wrong sum": spoilt(LINEAR, LINEAR_ARRAYS, 2, lambda db, dy, cache: dy.sum(axis=1)[:4], ""),
    "running sum": depthwise(lambda dy, cache, dx, dw: (dx, np.cumsum(dw, axis=0)), "dw", ""),
    "twice in one row": depthwise(
        lambda dy, cache, dx, dw: (dx + kept(dx, np.s_[:], 0), dw),
        "dx",
        "",
    ),
    "chessboard": depthwise(
        lambda dy, cache, dx, dw: (dx * (np.indices(dx.shape)[1:3].sum(axis=0) % 2), dw),
        "dx",
        "",
    ),
    "variance for standard deviation": spoilt(
        BN,
        BN_ARRAYS,
        0,
        lambda dx, dy, cache: batch_norm_train_backward(dy, cache._replace(inv_std=cache.inv_std**2))[0],
        "",
        eps=1e-3,
    ),
    "unbiased variance": spoilt(
        BN,
        BN_ARRAYS,
        0,
        lambda dx, dy, cache: batch_norm_train_backward(dy, cache._replace(inv_std=cache.inv_std * np.sqrt(17 / 18)))[
            0
        ],
        "",
        eps=1e-3,
    ),
    "p without q": spoilt(LOSS, LOSS_ARRAYS, 0, lambda dlogits, dy, cache: dy * cache.p / len(cache.p), ""),
    "a ReLU's slope": spoilt(SWISH, (uniform(4, 9),), 0, lambda dx, dy, cache: np.where(cache.x > 0, dy, 0), ""),
    "relu6 closed below 1": Mistake(
        relu6_forward,
        lambda dy, cache: np.where((cache.x > 1) & (cache.x < 6), dy, 0),
        (uniform(6, 9),),
        {},
        "dx",
        "",
    ),
}


def checked(mistake, **options):
    return gradcheck((mistake.forward, mistake.backward), *mistake.arrays, **mistake.options, **options)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("method", METHODS)
def test_named(name, method):
    mistake = NAMED[name]
    report = checked(mistake, method=method)
    assert not report.ok
    (finding,) = report.diagnosis.findings
    assert finding.gradients == (mistake.gradient,)
    assert finding.causes[0].startswith(mistake.cause)
    assert f"{mistake.gradient} {finding.causes[0]}" in str(report)


@pytest.mark.parametrize("name", NAMELESS)
@pytest.mark.parametrize("method", METHODS)
def test_located_and_not_named(name, method):
    mistake = NAMELESS[name]
    report = checked(mistake, method=method)
    assert not report.ok
    (finding,) = report.diagnosis.findings
    assert finding.gradients == (mistake.gradient,)
    assert not finding.named, finding
    assert "wrong in a way that has no name here" in str(report)
    (where,) = finding.where
    worst = next(row for row in report.rows if f"d{row.name}" == mistake.gradient)
    assert f"most at {list(worst.index)}" in where


@pytest.mark.parametrize("seed", range(6))
def test_random_nonsense_is_not_named(seed):
    rng = np.random.default_rng(seed)
    noise, scale = rng.standard_normal((3, 6, 5, 4)), rng.uniform(0.5, 2, 4)

    def noisy(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        return dx + 0.1 * np.resize(noise, dx.shape), dw * scale

    report = gradcheck(
        (depthwise_conv2d_forward, noisy), normal(3, 6, 5, 4, seed=seed), normal(3, 3, 4, seed=seed), seed=seed
    )
    assert [finding.named for finding in report.diagnosis.findings] == [False, False]
    assert "off by one factor in each channel" in report.diagnosis.findings[1].where[0]


# ---------------------------------------------------------------------------------------------------------------------
# Coincidences


@pytest.mark.parametrize(("factor", "cause"), [("N", "is divided by the batch size (N = 2)"), ("2", "is half of")])
def test_with_two_images_half_and_divided_by_the_batch_size_are_told_apart(factor, cause):
    def backward(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        return dx, dw / (len(dy) if factor == "N" else 2)

    report = gradcheck((depthwise_conv2d_forward, backward), normal(2, 3, 3, 3), normal(3, 3, 3))
    (finding,) = report.diagnosis.findings
    assert len(finding.causes) == 1
    assert finding.causes[0].startswith(cause)


def test_what_cannot_be_told_apart_is_all_listed():
    """The number of channels is in the weights: no other case has another one."""

    def backward(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        return dx * 9, dw

    report = gradcheck((depthwise_conv2d_forward, backward), normal(2, 3, 4, 9), normal(3, 3, 9))
    (finding,) = report.diagnosis.findings
    assert finding.causes == (
        "is multiplied by the number of w's taps (kh kw = 9)",
        "is multiplied by the number of channels (C = 9)",
    )
    assert "or, the same numbers: is multiplied by the number of channels" in str(report)


def test_a_forward_pass_that_takes_one_size_only_is_tried_with_other_numbers():
    def forward(x):
        if x.shape != (2, 3):
            raise ValueError("two times three")
        return x**2, x

    report = gradcheck((forward, lambda dy, x: dy * x), normal(2, 3))
    assert report.diagnosis.places == ("x (2, 3)",)
    assert set(report.diagnosis.findings[0].causes) == {
        "is divided by the batch size (N = 2)",
        "is half of what it should be",
    }


def test_what_can_be_tried_only_once_is_not_named():
    x = normal(2, 3)

    def forward(x_):
        if np.abs(x_.real - x).max() > 0.1:
            raise ValueError("near this x or not at all")
        return x_**2, x_

    report = gradcheck((forward, lambda dy, x: dy * x), x, method="complex")
    assert not report.ok
    assert not report.diagnosis.findings[0].named
    assert "ours is 0.5 times the true gradient" in str(report)


@pytest.mark.parametrize("seed", range(4))
def test_no_parameter_is_blamed_for_a_gate_that_should_have_closed(seed):
    """Without the hard sigmoid's flat parts, db2 is that of open gates: with w2 = 0 all happen to be open."""
    rng = np.random.default_rng(seed)
    arrays = normal(2, 3, 3, 4, seed=seed), normal(4, 3, seed=seed), rng.uniform(1, 2, 3), 2 * normal(3, 4, seed=seed)

    def backward(dy, cache):
        open_ = cache.hard_sigmoid._replace(x=np.zeros_like(cache.hard_sigmoid.x))
        return squeeze_excite_backward(dy, cache._replace(hard_sigmoid=open_))

    report = gradcheck((squeeze_excite_forward, backward), *arrays, 0.1 * normal(4, seed=seed), seed=seed)
    assert not report.ok
    assert not [finding for finding in report.diagnosis.findings if finding.named]


def test_constant_arrays_of_the_user_are_no_obstacle():
    """With x = 1 everywhere dozens of guesses fit; elsewhere one does."""

    def backward(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        return dx, dw[::-1, ::-1]

    report = gradcheck((depthwise_conv2d_forward, backward), np.ones((1, 4, 4, 1)), np.ones((3, 3, 1)))
    assert report.diagnosis.findings[0].causes == ("is rotated by 180 degrees",)


# ---------------------------------------------------------------------------------------------------------------------
# The paths of a residual connection, side effects, layers, samples


def residual_forward(x, w):
    return x + x @ w, (x, w)


@pytest.mark.parametrize(
    ("count", "cause"),
    [
        (0, "lacks dy: the path that passes it on unchanged is missing"),
        (2, "contains dy once too often: it is added twice"),
    ],
)
def test_residual(count, cause):
    def backward(dy, cache):
        x, w = cache
        return count * dy + dy @ w.T, x.T @ dy

    report = gradcheck((residual_forward, backward), normal(4, 3), normal(3, 3))
    assert report.diagnosis.findings[0].causes == (cause,)


def test_only_the_direct_path():
    report = gradcheck((residual_forward, lambda dy, cache: (dy.copy(), cache[0].T @ dy)), normal(4, 3), normal(3, 3))
    assert report.diagnosis.findings[0].causes[0] == "is dy itself"


def test_side_effects_are_problems_and_no_gradient_is_blamed():
    def backward(dy, cache):
        gradients = depthwise_conv2d_backward(dy, cache)
        dy *= 0
        return gradients

    report = gradcheck((depthwise_conv2d_forward, backward), normal(2, 3, 3, 2), normal(3, 3, 2))
    assert report.problems == ("backward changed dy",)
    assert report.diagnosis.findings == ()
    assert "diagnosis" not in str(report)


def test_nothing_is_diagnosed_where_nothing_is_wrong():
    report = gradcheck(ops.depthwise_conv2d, normal(2, 3, 3, 2), normal(3, 3, 2))
    assert str(report.diagnosis) == "diagnosis: no gradient is wrong"
    assert "diagnosis" not in str(report)


def test_gradients_that_are_wrong_in_the_same_way_come_together():
    def backward(dy, cache):
        return tuple(-g for g in linear_backward(dy, cache))

    report = gradcheck((linear_forward, backward), *LINEAR_ARRAYS)
    (finding,) = report.diagnosis.findings
    assert finding.gradients == ("dx", "dw", "db")
    assert "dx, dw and db have the wrong sign" in str(report)


def test_a_nan_is_located():
    def backward(dy, cache):
        dx, dw, db = linear_backward(dy, cache)
        dw[1, 2] = np.nan
        return dx, dw, db

    report = gradcheck((linear_forward, backward), *LINEAR_ARRAYS)
    (finding,) = report.diagnosis.findings
    assert not finding.named
    assert finding.where == ("1 of 12 entries are not finite, the first at [1, 2]",)


class Flipped(DepthwiseConv2D):
    def backward(self, dy):
        flipped = self._cached()._replace(w=self.params["w"][::-1, ::-1])
        self._grads = {"w": depthwise_conv2d_backward(dy, self._cached())[1]}
        return depthwise_conv2d_backward(dy, flipped)[0]


@pytest.mark.parametrize("elements", [None, 4])
def test_layers_and_samples(elements):
    layer = Flipped(3, stride=2)
    layer.params["w"] = normal(3, 3, 3)
    report = gradcheck(layer, normal(2, 6, 5, 3), elements=elements)
    (finding,) = report.diagnosis.findings
    assert finding.causes == ("is computed with w rotated by 180 degrees",)
    place = "with x (3, 7, 8, 3), where every entry was looked at: "
    assert finding.where[0].startswith(place) == (elements is not None)


def test_where_a_sample_is_too_large_to_look_at_every_entry():
    layer = BatchNorm(64)

    class Halved(BatchNorm):
        def backward(self, dy):
            return super().backward(dy) / 2

    layer.__class__ = Halved
    report = gradcheck(layer, normal(2, 6, 6, 64), elements=2)
    assert report.diagnosis.findings[0].causes == ("is half of what it should be",)
    assert report.diagnosis.findings[0].where == ()


def test_both_passes_run_in_the_form_that_was_checked_whenever_the_diagnosis_is_asked_for():
    seen = []

    def backward(dy, cache):
        seen.append(current_form())
        return depthwise_conv2d_backward(dy, cache)[0], depthwise_conv2d_backward(dy, cache)[1] * 3

    with form("loops"):
        report = gradcheck((depthwise_conv2d_forward, backward), normal(1, 2, 3, 1), normal(3, 3, 1))
    runs = len(seen)
    assert report.diagnosis.findings[0].named
    assert len(seen) > runs
    assert set(seen) == {"loops"}
    runs = len(seen)
    assert report.diagnosis is report.diagnosis
    assert len(seen) == runs  # it is kept


# ---------------------------------------------------------------------------------------------------------------------
# Suspects


class Suspect(NamedTuple):
    name: str
    mistake: str
    forward: object
    backward: object


def squared(dy, cache):
    dx, dw = depthwise_conv2d_backward(dy, cache)
    return dx**2, dw


def test_suspects_are_compared_where_no_guess_fits():
    guilty = Suspect("squared", "dx is squared.", depthwise_conv2d_forward, squared)
    innocent = Suspect("right", "Nothing.", depthwise_conv2d_forward, depthwise_conv2d_backward)
    elsewhere = Suspect("elsewhere", "Another op.", conv2d_forward, squared)
    raises = Suspect("raises", "Never works.", depthwise_conv2d_forward, lambda dy, cache: 1 / 0)
    pair, arrays = (depthwise_conv2d_forward, squared), (normal(2, 3, 3, 2), normal(3, 3, 2))
    assert not gradcheck(pair, *arrays).diagnosis.findings[0].named
    report = gradcheck(pair, *arrays, suspects=[innocent, elsewhere, raises, guilty], stride=1)
    (finding,) = report.diagnosis.findings
    assert finding.mistakes == (guilty,)
    assert "dx: squared. dx is squared." in str(report)


def test_a_suspect_must_fit_elsewhere_as_well():
    def squared_here(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        return (dx**2 if len(dy) == 2 else dx**3), dw

    suspect = Suspect("squared", "dx is squared.", depthwise_conv2d_forward, squared)
    report = gradcheck(
        (depthwise_conv2d_forward, squared_here), normal(2, 3, 3, 2), normal(3, 3, 2), suspects=[suspect]
    )
    assert not report.diagnosis.findings[0].named


# ---------------------------------------------------------------------------------------------------------------------
# Other cases


def test_other_sizes_keep_parameters_and_signs():
    rng = np.random.default_rng(0)
    arrays = {"x": np.abs(normal(2, 4, 4, 3)), "w": -np.abs(normal(3, 3, 3)), "labels": np.array([0, 4])}
    other = resized(arrays, rng)
    assert other["x"].shape == (3, 5, 7, 3)
    assert other["w"].shape == (3, 3, 3)
    assert other["labels"].shape == (3,)
    assert other["labels"].dtype == arrays["labels"].dtype
    assert np.all(other["x"] > 0)
    assert np.all(other["w"] < 0)
    assert set(other["labels"]) <= set(range(5))
    again = resized(other, rng)
    assert again["x"].shape[1] != again["x"].shape[2]  # an image that is not square tells rows from columns
