"""The checker itself: it accepts what is right, and every kind of mistake that it promises to see is seen."""

import types
from typing import NamedTuple

import numpy as np
import pytest

from mobilenet_np.check import gradcheck
from mobilenet_np.check.numerical import complex_slope, unit_line
from mobilenet_np.forms import current_form, form
from mobilenet_np.ops import depthwise_conv2d
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward

METHODS = ["complex", "central"]


class AffineCache(NamedTuple):
    x: np.ndarray
    w: np.ndarray


def affine_forward(x, w, b):
    """y = x w + b for x (N, K), w (K, M), b (M,)."""
    return x @ w + b, AffineCache(x, w)


def affine_backward(dy, cache):
    return dy @ cache.w.T, cache.x.T @ dy, dy.sum(axis=0)


def relu_forward(x):
    return np.where(x.real > 0, x, 0), x


def relu_backward(dy, x):
    return np.where(x > 0, dy, 0)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def affine_arrays():
    return normal(3, 4), normal(4, 2, seed=1), normal(2, seed=2)


def row(report, name):
    return next(row for row in report.rows if row.name == name)


# ---------------------------------------------------------------------------------------------------------------------
# Right backward passes


@pytest.mark.parametrize("method", METHODS)
def test_a_right_pair(method):
    report = gradcheck((affine_forward, affine_backward), *affine_arrays(), method=method)
    report.assert_ok()
    assert report.subject == "affine"
    assert [(r.name, r.shape, r.checked, r.kinks) for r in report.rows] == [
        ("x", (3, 4), 12, 0),
        ("w", (4, 2), 8, 0),
        ("b", (2,), 2, 0),
    ]
    assert not report.problems
    assert not report.notes


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_by_module(method, stride, name):
    with form(name):
        report = gradcheck(
            depthwise_conv2d,
            normal(2, 5, 4, 3),
            normal(3, 3, 3),
            stride=stride,
            padding=((0, 1), (1, 1)),
            method=method,
        )
    report.assert_ok()
    assert max(r.error for r in report.rows) < {"complex": 1e-14, "central": 1e-9}[method]


@pytest.mark.parametrize("method", METHODS)
def test_a_loss_is_a_scalar_and_labels_are_not_differentiated(method):
    def forward(logits, labels):
        e = np.exp(logits)
        p = e / e.sum(axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(labels)), labels])), (p, labels)

    def backward(dy, cache):
        p, labels = cache
        return dy * (p - np.eye(p.shape[1])[labels]) / len(labels)

    report = gradcheck((forward, backward), normal(3, 4), np.array([0, 3, 1]), method=method)
    report.assert_ok()
    assert [r.name for r in report.rows] == ["logits"]


@pytest.mark.parametrize("method", METHODS)
def test_a_passed_generator_draws_the_same_mask_every_time(method):
    def forward(x, rng):
        mask = rng.random(x.shape) > 0.5
        return x * mask, mask

    rng = np.random.default_rng(5)
    state = rng.bit_generator.state
    gradcheck((forward, lambda dy, mask: dy * mask), normal(4, 5), rng=rng, method=method).assert_ok()
    assert rng.bit_generator.state == state


def test_a_gradient_that_vanishes_is_compared_with_the_gradients_that_cancel():
    """A bias before a normalization has no effect. What is left of its gradient is rounding, 100 percent wrong."""

    def forward(x, b):
        z = x + b
        centered = z - z.mean(axis=0)
        std = np.sqrt((centered**2).mean(axis=0))
        return centered / std, (centered / std, std)

    def backward(dy, cache):
        normalized, std = cache
        dx = (dy - dy.mean(axis=0) - normalized * (dy * normalized).mean(axis=0)) / std
        return dx, dx.sum(axis=0)

    for method in METHODS:
        report = gradcheck((forward, backward), normal(7, 3), normal(3, seed=1), method=method)
        report.assert_ok()
        assert 0 < abs(row(report, "b").ours) < 1e-14

    def wrong(dy, cache):
        dx, db = backward(dy, cache)
        return dx, db + 1e-4

    assert not gradcheck((forward, wrong), normal(7, 3), normal(3, seed=1)).ok


def test_a_gradient_that_is_zero_everywhere_is_noted():
    report = gradcheck((relu_forward, relu_backward), -np.ones(4))
    assert report.ok
    assert any("zero everywhere" in note for note in report.notes)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong gradients


@pytest.mark.parametrize("method", METHODS)
def test_one_wrong_entry_is_found_and_located(method):
    def wrong(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        dx[1, 2, 3, 0] += 1e-4
        return dx, dw

    report = gradcheck((depthwise_conv2d_forward, wrong), normal(2, 4, 4, 2), normal(3, 3, 2, seed=1), method=method)
    assert not report.ok
    assert row(report, "w").ok
    bad = row(report, "x")
    assert not bad.ok
    assert bad.index == (1, 2, 3, 0)
    assert bad.ours - bad.reference == pytest.approx(1e-4, rel=1e-4)
    with pytest.raises(AssertionError, match=r"(?s)FAILED.*x .*WRONG.*w .*ok"):
        report.assert_ok()


def test_complex_step_sees_what_central_differences_cannot():
    def wrong(dy, cache):
        dx, dw, db = affine_backward(dy, cache)
        return dx * (1 + 1e-10), dw, db

    assert not gradcheck((affine_forward, wrong), *affine_arrays(), method="complex").ok
    assert gradcheck((affine_forward, wrong), *affine_arrays(), method="central").ok
    assert gradcheck((affine_forward, wrong), *affine_arrays(), rtol=1e-9).ok


def test_elements_samples_and_the_direction_catches_the_one_wrong_entry():
    def wrong(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        dx[1, 7, 3, 0] *= -1
        return dx, dw

    arrays = normal(2, 16, 16, 2), normal(3, 3, 2, seed=1)
    report = gradcheck((depthwise_conv2d_forward, depthwise_conv2d_backward), *arrays, elements=3)
    report.assert_ok()
    assert [(r.name, r.checked) for r in report.rows] == [
        ("x", 3),
        ("x, direction", 1),
        ("w", 3),
        ("w, direction", 1),
    ]
    report = gradcheck((depthwise_conv2d_forward, wrong), *arrays, elements=3)
    assert row(report, "x").ok  # three of 1,024 entries miss the wrong one
    assert not row(report, "x, direction").ok
    assert not report.ok


def test_more_than_two_thousand_entries_are_sampled_and_the_report_says_so():
    pair = depthwise_conv2d_forward, depthwise_conv2d_backward
    few, many = (gradcheck(pair, normal(1, 16, n, 4), normal(3, 3, 4, seed=1)) for n in (30, 31))  # 1,956 and 2,020
    assert [(r.name, r.checked) for r in few.rows] == [("x", 1920), ("w", 36)]
    assert few.notes == ()
    assert [r.checked for r in many.rows] == [1, 1, 1, 1]
    assert many.notes[0].startswith("2,020 entries are many: compared are a random one of each tensor")
    few.assert_ok()
    many.assert_ok()


class Wave:
    """A layer that magnifies rounding: the sine of many turns. Backward computes the angle another way."""

    def __init__(self, turns, factor=1.0, dtype=np.float64):
        self.turns, self.factor, self.dtype = turns, factor, dtype
        self.params, self.grads = {}, {}

    def astype(self, dtype):
        return Wave(self.turns, self.factor, dtype)

    def forward(self, x, train=False):
        self.x = x
        return np.sin(self.turns * x)

    def backward(self, dy):
        return dy * self.turns * np.cos(self.x / 3 * (3 * self.turns)) * self.factor


def test_rounding_that_a_network_magnifies_is_measured_and_allowed():
    x = normal(5, 4)
    with pytest.raises(AssertionError):
        gradcheck(Wave(1e5), x, rtol=1e-12).assert_ok()
    report = gradcheck(Wave(1e5), x)
    report.assert_ok()
    assert 1e-12 < report.rows[0].error < report.rows[0].tolerance < 1e-9
    assert "rounding errors are magnified" in report.notes[0]
    assert not gradcheck(Wave(1e5, factor=1 + 1e-8), x).ok  # a mistake is larger than rounding
    assert not gradcheck(Wave(1e9, factor=1 + 1e-6), x).ok
    much = gradcheck(Wave(1e7), x)
    much.assert_ok()
    assert 1e-9 < much.rows[0].tolerance < 1e-7
    assert gradcheck(Wave(1e9), x).rows[0].tolerance == 1e-7  # and that is where allowing ends
    assert gradcheck(Wave(1.0), x).rows[0].tolerance == 1e-12


def test_elements_beyond_the_size_check_every_entry():
    report = gradcheck((affine_forward, affine_backward), *affine_arrays(), elements=8)
    assert [(r.name, r.checked) for r in report.rows] == [("x", 8), ("x, direction", 1), ("w", 8), ("b", 2)]


def test_nan_gradient_and_nan_output():
    def wrong(dy, cache):
        dx, dw, db = affine_backward(dy, cache)
        dw[1, 1] = np.nan
        return dx, dw, db

    for elements in (None, 2):
        report = gradcheck((affine_forward, wrong), *affine_arrays(), elements=elements)
        assert not report.ok
        assert "dw is not finite everywhere" in report.problems
    report = gradcheck((lambda x: (x * np.nan, None), lambda dy, cache: dy), normal(3))
    assert not report.ok
    assert "y is not finite" in report.problems[0]


def test_wrong_shape_and_dtype():
    def backward(dy, cache):
        dx, dw, db = affine_backward(dy, cache)
        return dx, dw.T, db.astype(np.float32)

    report = gradcheck((affine_forward, backward), *affine_arrays())
    assert not report.ok
    assert report.problems == (
        "dw has shape (2, 4), w has (4, 2); they must be the same",
        "db is float32, b is float64; they must be the same",
    )
    report = gradcheck((relu_forward, lambda dy, x: None), normal(3))
    assert not report.ok


# ---------------------------------------------------------------------------------------------------------------------
# Why dy is random


def batch_norm_forward(x):
    centered = x - x.mean(axis=0)
    std = np.sqrt((centered**2).mean(axis=0))
    return centered / std, (centered / std, std)


def batch_norm_without_variance_term(dy, cache):
    _, std = cache
    return (dy - dy.mean(axis=0)) / std


def flipped_kernel(dy, cache):
    _, dw = depthwise_conv2d_backward(dy, cache)
    return depthwise_conv2d_backward(dy, cache._replace(w=cache.w[::-1, ::-1]))[0], dw


def numerical_dx(f, x, dy):
    dx = [complex_slope(lambda t: f(t["x"]), {"x": x}, unit_line({"x": x}, "x", i), dy) for i in np.ndindex(*x.shape)]
    return np.array(dx).reshape(x.shape)


def test_dy_of_ones_does_not_see_a_batch_norm_without_its_variance_term():
    x = normal(6, 3)
    y, cache = batch_norm_forward(x)
    ones = np.ones_like(y)
    blind = batch_norm_without_variance_term(ones, cache)
    np.testing.assert_allclose(blind, numerical_dx(lambda x: batch_norm_forward(x)[0], x, ones), atol=1e-14)
    assert not gradcheck((batch_norm_forward, batch_norm_without_variance_term), x).ok


def test_dy_of_ones_sees_a_flipped_kernel_only_at_the_border():
    x, w = normal(1, 6, 6, 1), normal(3, 3, 1, seed=1)
    y, cache = depthwise_conv2d_forward(x, w)
    ones = np.ones_like(y)
    wrong = flipped_kernel(ones, cache)[0]
    with form("numpy"):
        right = numerical_dx(lambda x: depthwise_conv2d_forward(x, w.astype(x.dtype))[0], x, ones)
    differs = ~np.isclose(wrong, right, rtol=1e-12)[0, :, :, 0]
    assert not differs[1:-1, 1:-1].any()
    assert differs.any()
    assert not gradcheck((depthwise_conv2d_forward, flipped_kernel), x, w).ok


def test_a_constant_dy_is_refused_and_another_one_is_taken():
    pair, arrays = (affine_forward, affine_backward), affine_arrays()
    with pytest.raises(ValueError, match="dy is 1 everywhere; a constant dy lets wrong backward passes through"):
        gradcheck(pair, *arrays, dy=np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"dy has shape \(2, 3\), y has \(3, 2\)"):
        gradcheck(pair, *arrays, dy=normal(2, 3))
    report = gradcheck(pair, *arrays, dy=np.arange(6.0).reshape(3, 2))
    report.assert_ok()
    assert gradcheck(pair, *arrays, dy=np.eye(3, 2)).rows != report.rows


def test_dy_is_not_x_even_if_both_come_from_the_same_seed():
    """With dy = x, x.T @ dy is symmetric, and a transposed dw would go through."""

    def forward(x, w):
        return x @ w, (x, w)

    def transposed(dy, cache):
        x, w = cache
        return dy @ w.T, dy.T @ x

    for seed in range(3):
        assert not gradcheck((forward, transposed), normal(4, 3, seed=seed), normal(3, 3, seed=9), seed=seed).ok


# ---------------------------------------------------------------------------------------------------------------------
# Side effects


def test_what_forward_and_backward_change_is_named():
    def forward(x, w, b):
        x += 1
        return affine_forward(x, w, b)

    report = gradcheck((forward, affine_backward), *affine_arrays())
    assert report.problems == ("forward changed x",)

    class Cache(NamedTuple):
        x: np.ndarray
        parts: dict

    def two_parts(x):
        return 2 * x, Cache(x, {"double": [2 * x]})

    def backward(dy, cache):
        cache.parts["double"][0][0] = 0
        dy *= 2
        return dy

    x = normal(3)
    report = gradcheck((two_parts, backward), x)
    assert report.problems == ("backward changed dy", "backward changed cache.parts.double.0")
    assert row(report, "x").ok  # the numbers are right, the manners are not
    assert not report.ok
    np.testing.assert_array_equal(x, normal(3))


def test_no_array_of_the_user_is_touched():
    def forward(x, w, b):
        for a in (x, w, b):
            a[...] = 0
        return affine_forward(x, w, b)

    for dtype in (np.float32, np.float64):
        arrays = [a.astype(dtype) for a in affine_arrays()]
        gradcheck((forward, affine_backward), *arrays, method="central")
        for array, original in zip(arrays, affine_arrays(), strict=True):
            np.testing.assert_array_equal(array, original.astype(dtype))


def test_randomness_that_was_not_passed_is_a_problem():
    hidden = np.random.default_rng(0)

    def noisy(x):
        return x + 1e-9 * hidden.standard_normal(x.shape), None

    report = gradcheck((noisy, lambda dy, cache: dy), normal(3))
    assert any("y differs in a second run" in problem for problem in report.problems)

    def noisy_backward(dy, cache):
        return dy * (1 + 1e-15 * hidden.standard_normal(dy.shape))

    report = gradcheck((lambda x: (x, None), noisy_backward), normal(3))
    assert [p[:25] for p in report.problems] == ["dx differs in a second run"[:25]]


def test_backward_runs_in_the_current_form_and_the_reference_in_numpy():
    forms = {"forward": set(), "backward": set()}

    def forward(x):
        forms["forward"].add(current_form())
        return x * 1, None

    def backward(dy, cache):
        forms["backward"].add(current_form())
        return dy * 1

    with form("loops"):
        gradcheck((forward, backward), normal(2))
    assert forms == {"forward": {"loops", "numpy"}, "backward": {"loops"}}


# ---------------------------------------------------------------------------------------------------------------------
# Kinks


def test_exactly_at_a_kink_any_slope_between_the_two_is_accepted_and_reported():
    x = np.array([0.0, 1.0, -1.0])
    for at_zero in (0.0, 0.3, 1.0):
        report = gradcheck(
            (relu_forward, lambda dy, x, at_zero=at_zero: dy * np.where(x == 0, at_zero, x > 0)), x, method="central"
        )
        report.assert_ok()
        (kink,) = report.kinks
        assert (kink.name, kink.index, kink.value) == ("x", (0,), 0.0)
        assert sorted([abs(kink.left), abs(kink.right)])[0] == 0
        assert (row(report, "x").checked, row(report, "x").kinks) == (2, 1)
        assert "kink: x[0] = 0: slopes" in str(report)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("at_zero", [-0.1, 1.1, 2.0])
def test_at_a_kink_a_slope_that_is_not_between_the_two_is_wrong(method, at_zero):
    report = gradcheck(
        (relu_forward, lambda dy, x: dy * np.where(x == 0, at_zero, x > 0)), np.array([0.0, 1.0, -1.0]), method=method
    )
    assert not report.ok
    assert row(report, "x").index == (0,)


def test_the_complex_step_follows_the_forward_passs_branch():
    x = np.array([0.0, 1.0, -1.0])
    report = gradcheck((relu_forward, relu_backward), x)
    assert (report.method, report.kinks) == ("complex", ())
    report = gradcheck((relu_forward, lambda dy, x: np.where(x >= 0, dy, 0)), x)
    report.assert_ok()
    assert [kink.index for kink in report.kinks] == [(0,)]


def test_a_kink_inside_the_first_step_and_outside_the_second_is_checked_after_all():
    x = np.array([3e-6, -3e-6, 1.0])
    report = gradcheck((relu_forward, relu_backward), x, method="central")
    report.assert_ok()
    assert row(report, "x").checked == 3
    assert any("2 of 3 slopes were measured again" in note for note in report.notes)
    wrong = gradcheck((relu_forward, lambda dy, x: np.where(x > 0, dy, 0.01 * dy)), x, method="central")
    assert not wrong.ok


def test_a_kink_inside_the_second_step_is_reported():
    x = np.array([1e-7, -1e-7, 1.0, 2.0, -1.0])
    report = gradcheck((relu_forward, relu_backward), x, method="central")
    report.assert_ok()
    assert [kink.index for kink in report.kinks] == [(0,), (1,)]
    assert row(report, "x").checked == 3


def test_too_many_kinks_is_not_ok():
    half = np.array([0.0, 0.0, 1.0, -1.0])
    assert gradcheck((relu_forward, relu_backward), half, method="central").ok
    report = gradcheck((relu_forward, relu_backward), np.array([0.0, 0.0, 0.0, 1.0]), method="central")
    assert not report.ok
    assert "TOO MANY KINKS" in str(report)
    report = gradcheck((relu_forward, relu_backward), np.zeros(20), method="central")
    assert not report.ok
    assert len(report.kinks) == 20
    assert "kink: and 12 more" in str(report)


STEEP = np.array([1e9, 1.0, 1.0])


def steep_forward(x):
    return np.tanh(STEEP * x), x


def steep_backward(dy, x):
    return dy * STEEP / np.cosh(STEEP * x) ** 2


def test_where_every_step_gives_another_slope_differences_cannot_tell():
    """To them a jump has the slope jump / 2h, whatever it is."""
    x = np.array([1e-10, 0.3, -0.2])
    report = gradcheck((steep_forward, steep_backward), x, method="central")
    assert (row(report, "x").checked, row(report, "x").unclear, row(report, "x").verdict) == (2, 1, "CANNOT TELL")
    assert not report.ok
    assert str(report).startswith("gradcheck steep: CANNOT TELL")
    assert "FAILED" not in str(report)
    assert "WRONG" not in str(report)
    assert any("each step gives another slope" in note for note in report.notes)
    with pytest.raises(AssertionError, match="CANNOT TELL"):
        report.assert_ok()
    gradcheck((steep_forward, steep_backward), x, method="complex").assert_ok()


def test_what_cannot_be_told_hides_nothing():
    """Neither a mistake in it, which is not ok either, nor one beside it."""

    def backward(dy, cache):
        x, b = cache
        return steep_backward(dy, x), 100 * dy * np.cos(b)

    def forward(x, b):
        return steep_forward(x)[0] + np.sin(b), (x, b)

    x, b = np.array([1e-10, 0.3, -0.2]), np.array([0.5, 1.0, 1.5])
    assert not gradcheck((steep_forward, lambda dy, x: 2 * steep_backward(dy, x)), x, method="central").ok
    report = gradcheck((forward, backward), x, b, method="central")  # 100, since errors are relative to the largest
    assert [(r.name, r.verdict) for r in report.rows] == [("x", "CANNOT TELL"), ("b", "WRONG")]
    assert report.verdict == "FAILED"


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_curvature_is_no_excuse(scale):
    """A gradient that is off by a millionth hides between plain one-sided slopes of a curved function."""

    def forward(x):
        return np.exp(x * scale), np.exp(x * scale)

    x = np.linspace(-1, 1, 5) / scale
    gradcheck((forward, lambda dy, y: scale * dy * y), x, method="central").assert_ok()
    report = gradcheck((forward, lambda dy, y: scale * dy * y * (1 + 1e-6)), x, method="central")
    assert not report.ok
    assert not report.kinks


def test_strong_curvature_is_resolved_by_the_shorter_step():
    def forward(x):
        return np.log(x), x

    report = gradcheck((forward, lambda dy, x: dy / x), np.array([1e-3, 1.0]), method="central")
    report.assert_ok()
    assert row(report, "x").checked == 2
    assert any("measured again" in note for note in report.notes)


def test_a_direction_across_a_kink_does_not_count_as_checked():
    x = np.concatenate([np.zeros(1), np.linspace(1, 2, 99)])
    report = gradcheck((relu_forward, relu_backward), x, method="central", elements=2)
    assert not report.ok
    assert gradcheck((relu_forward, relu_backward), x, elements=2).ok


# ---------------------------------------------------------------------------------------------------------------------
# Which method


def test_complex_is_the_default_and_central_the_fallback():
    def with_abs(x):
        return x * np.abs(x), x

    def with_real(x):
        return np.tanh(x.real), x

    def with_float(x):
        y = np.empty(x.shape)
        y[...] = x
        return y**2, x

    def refuses(x):
        if x.dtype != np.float64:
            raise TypeError("float64 only")
        return x**2, x

    x = normal(5)
    assert gradcheck((relu_forward, relu_backward), x).method == "complex"
    for forward, backward, why in (
        (with_abs, lambda dy, x: 2 * dy * np.abs(x), "abs, var, conj or real"),
        (with_real, lambda dy, x: dy / np.cosh(x) ** 2, "is real"),
        (with_float, lambda dy, x: 2 * dy * x, "ComplexWarning"),
        (refuses, lambda dy, x: 2 * dy * x, "TypeError: float64 only"),
    ):
        report = gradcheck((forward, backward), x)
        report.assert_ok()
        assert report.method == "central"
        assert any("complex step is impossible" in note and why in note for note in report.notes)
        with pytest.raises(ValueError, match="complex step is impossible"):
            gradcheck((forward, backward), x, method="complex")


def test_float32_is_cast_and_noted():
    arrays = [a.astype(np.float32) for a in affine_arrays()]
    report = gradcheck((affine_forward, affine_backward), *arrays)
    report.assert_ok()
    assert report.notes == ("cast to float64 for the check: x (float32), w (float32), b (float32)",)
    assert max(r.error for r in report.rows) < 1e-14


def test_the_seed_decides_everything():
    pair, arrays = (depthwise_conv2d_forward, depthwise_conv2d_backward), (normal(1, 6, 6, 4), normal(3, 3, 4))
    first, again, other = (gradcheck(pair, *arrays, elements=3, seed=seed) for seed in (7, 7, 8))
    assert str(first) == str(again)
    assert first.rows == again.rows
    assert first.rows != other.rows
    assert "seed 7" in str(first)


def test_step_is_used():
    cubic = (lambda x: (x**3, x), lambda dy, x: 3 * dy * x**2)
    assert gradcheck(cubic, np.ones(2), method="central").ok
    assert not gradcheck(cubic, np.ones(2), method="central", step=0.5).ok


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be checked


def test_errors_say_what_to_do():
    pair, arrays = (affine_forward, affine_backward), affine_arrays()
    with pytest.raises(TypeError, match="cannot check a str; pass a pair"):
        gradcheck("affine", *arrays)
    with pytest.raises(TypeError, match="array argument 1 is a float; arrays go by position"):
        gradcheck(pair, arrays[0], 1.0)
    with pytest.raises(ValueError, match="array argument 0 is complex128; it must be real"):
        gradcheck(pair, arrays[0].astype(complex), *arrays[1:])
    with pytest.raises(ValueError, match="nothing to differentiate"):
        gradcheck(pair, np.arange(3))
    with pytest.raises(ValueError, match=r"returned 2 gradients for the 3 float arrays x, w, b"):
        gradcheck((affine_forward, lambda dy, cache: affine_backward(dy, cache)[:2]), *arrays)
    with pytest.raises(ValueError, match=r"forward must return \(y, cache\)"):
        gradcheck((lambda x: x, lambda dy, cache: dy), arrays[0])
    with pytest.raises(ValueError, match=r"method 'comlex' is unknown \(did you mean 'complex'\?\)"):
        gradcheck(pair, *arrays, method="comlex")
    for bad in (dict(elements=0), dict(elements=1.5), dict(step=-1.0), dict(rtol=np.nan)):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} is .*positive"):
            gradcheck(pair, *arrays, **bad)


def module(**functions):
    made = types.ModuleType("students_ops")
    for name, function in functions.items():
        own = types.FunctionType(function.__code__, function.__globals__, name)
        own.__module__ = "students_ops"
        setattr(made, name, own)
    made.depthwise_conv2d_forward = depthwise_conv2d_forward  # imported, not defined there
    made.depthwise_conv2d_backward = depthwise_conv2d_backward
    return made


def test_a_module_holds_exactly_one_pair():
    one = dict(my_affine_forward=affine_forward, my_affine_backward=affine_backward)
    gradcheck(module(**one), *affine_arrays()).assert_ok()
    with pytest.raises(ValueError, match=r"2 pairs .*my_affine, my_relu.*pass the one you mean"):
        gradcheck(module(**one, my_relu_forward=relu_forward, my_relu_backward=relu_backward), normal(3))
    with pytest.raises(ValueError, match="no public pair"):
        gradcheck(module(my_relu_forward=relu_forward), normal(3))
