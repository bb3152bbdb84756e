"""Which standard convolutions a depthwise-separable one can express, and how near it comes to the others."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mobilenet_np.factorize import compose, nearest_separable, separable_rank
from mobilenet_np.ops.conv2d import conv2d_forward
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_forward
from mobilenet_np.ops.pointwise_conv2d import pointwise_conv2d_forward


def _random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


shapes = st.tuples(
    st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32 - 1)
)


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(1, 3))
def test_composed_kernel_does_what_the_two_do(shape, stride):
    kh, kw, c, n, seed = shape
    x, d, p = _random(seed, 2, 7, 6, c), _random(seed + 1, kh, kw, c), _random(seed + 2, c, n)
    padding = ((1, 0), (0, 1))
    two = pointwise_conv2d_forward(depthwise_conv2d_forward(x, d, stride, padding)[0], p)[0]
    one = conv2d_forward(x, compose(d, p), stride, padding)[0]
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(shapes)
def test_separable_kernel_is_found_again(shape):
    kh, kw, c, n, seed = shape
    w = compose(_random(seed, kh, kw, c), _random(seed + 1, c, n))
    assert separable_rank(w).tolist() == [1] * c
    best = nearest_separable(w)
    assert best.error < 1e-14
    np.testing.assert_allclose(compose(best.depthwise, best.pointwise), w, rtol=0, atol=1e-13)


def test_rank_of_sums_of_outer_products():
    one, two, three = (compose(_random(seed, 3, 3, 1), _random(seed + 9, 1, 5)) for seed in (1, 2, 3))
    w = np.concatenate([0 * one, one, one + two, one + two + three], axis=2)
    assert separable_rank(w).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("n", [2, 12])
def test_as_many_kernels_as_the_rank_reach_it_and_one_less_does_not(n):
    w = _random(0, 3, 3, 4, n)
    rank = min(9, n)
    assert separable_rank(w).tolist() == [rank] * 4
    errors = [nearest_separable(w, kernels).error for kernels in range(1, 10)]
    assert errors[rank - 1] < 1e-14
    assert errors[rank - 2] > 1e-2
    assert (np.diff(errors) < 1e-14).all()  # more kernels never do worse


@pytest.mark.parametrize("kernels", [1, 2, 3])
def test_several_kernels_run_as_a_depthwise_layer_on_repeated_channels(kernels):
    x, w = _random(0, 1, 6, 6, 3), _random(1, 3, 3, 3, 5)
    best = nearest_separable(w, kernels)
    repeated = np.repeat(x, kernels, axis=3)
    two = pointwise_conv2d_forward(depthwise_conv2d_forward(repeated, best.depthwise)[0], best.pointwise)[0]
    one = conv2d_forward(x, compose(best.depthwise, best.pointwise, kernels))[0]
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-12)


def test_no_neighbour_is_nearer():
    """The error is least: whatever is done to either factor makes it larger."""
    w = _random(0, 3, 3, 2, 4)
    best = nearest_separable(w)
    norm = np.linalg.norm(w)
    for seed in range(200):
        d = best.depthwise + 1e-3 * _random(seed, 3, 3, 2)
        p = best.pointwise + 1e-3 * _random(seed + 1000, 2, 4)
        assert np.linalg.norm(w - compose(d, p)) / norm >= best.error


def test_error_is_what_the_lost_singular_values_say():
    w = _random(3, 3, 3, 2, 4)
    s = np.linalg.svd(w.transpose(2, 0, 1, 3).reshape(2, 9, 4), compute_uv=False)
    assert nearest_separable(w).error == pytest.approx(np.sqrt((s[:, 1:] ** 2).sum() / (s**2).sum()), rel=1e-12)


def test_signs_and_norms_are_settled():
    best = nearest_separable(_random(0, 3, 3, 5, 7))
    flat = best.depthwise.reshape(9, 5)
    assert (flat[np.abs(flat).argmax(axis=0), range(5)] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(flat, axis=0), np.linalg.norm(best.pointwise, axis=1), rtol=1e-12)


def test_zero_kernel():
    best = nearest_separable(np.zeros((3, 3, 2, 4)))
    assert (best.error, best.depthwise.any(), best.pointwise.any()) == (0.0, False, False)


def test_dtype_stays():
    best = nearest_separable(_random(0, 3, 3, 2, 4).astype(np.float32), 2)
    assert best.depthwise.dtype == best.pointwise.dtype == np.float32
    assert compose(best.depthwise, best.pointwise, 2).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compose(np.ones((3, 3, 4)), np.ones((5, 6))), "depthwise has 4 channels, pointwise takes 5"),
        (lambda: compose(np.ones((3, 3, 4)), np.ones((4, 6)), 3), "4 channels are not 3 kernels"),
        (lambda: compose(np.ones((3, 3)), np.ones((4, 6))), "it must have 3 axes"),
        (lambda: separable_rank(np.ones((3, 3, 4))), "it must have 4 axes"),
        (lambda: nearest_separable(np.ones((3, 3, 4, 5)), 0), "positive integer"),
        (lambda: nearest_separable(np.ones((3, 3, 4, 5)), 10), "only 9 independent patterns"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
