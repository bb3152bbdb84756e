import re

import numpy as np
import pytest
from op_checks import assert_forms_agree, gamma, in_every_form, layouts, normal, unchanged

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward

SHAPES = [(1, 1), (1, 5), (4, 2), (3, 7), (2, 100)]


def labels_for(N, K, seed=0):
    return np.random.default_rng(seed).integers(0, K, N)


def loss_of(logits, labels, smoothing=0.0):
    return softmax_cross_entropy_forward(logits, labels, smoothing)[0]


# --- values


@pytest.mark.parametrize("name", FORMS)
def test_values_by_hand(name):
    # p = (1/2, 1/4, 1/4) and (1/8, 3/4, 1/8)
    logits = np.log([[2.0, 1, 1], [1, 6, 1]])
    with form(name):
        loss, cache = softmax_cross_entropy_forward(logits, np.array([1, 0]))
        dlogits = softmax_cross_entropy_backward(3.0, cache)
    assert loss == pytest.approx((np.log(4) + np.log(8)) / 2, rel=1e-15)
    np.testing.assert_allclose(cache.p, [[1 / 2, 1 / 4, 1 / 4], [1 / 8, 3 / 4, 1 / 8]], rtol=1e-15)
    # 3 (p - q) / 2
    np.testing.assert_allclose(dlogits, [[3 / 4, -9 / 8, 3 / 8], [-21 / 16, 9 / 8, 3 / 16]], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("name", FORMS)
def test_label_smoothing_by_hand(name):
    logits = np.log([[2.0, 1, 1]])
    with form(name):
        loss, cache = softmax_cross_entropy_forward(logits, np.array([1]), smoothing=0.3)
        dlogits = softmax_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(cache.q, [[0.1, 0.8, 0.1]], rtol=1e-15)
    assert loss == pytest.approx(0.1 * np.log(2) + 0.9 * np.log(4), rel=1e-15)
    np.testing.assert_allclose(dlogits, [[0.4, -0.55, 0.15]], rtol=1e-15)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_equal_logits_give_log_k(smoothing, name):
    with form(name):
        assert loss_of(np.zeros((2, 1000)), np.array([3, 999]), smoothing) == pytest.approx(np.log(1000), rel=1e-14)


@pytest.mark.parametrize("name", FORMS)
def test_large_logits_neither_overflow_nor_underflow(name):
    logits = np.array([[1000.0, 0, -1000], [-5000, -5001, -9000]])
    with form(name):
        loss, cache = softmax_cross_entropy_forward(logits, np.array([2, 1]))
        dlogits = softmax_cross_entropy_backward(1.0, cache)
    # The first sample loses exactly 2000; the second one has log(1 + e) left.
    assert loss == pytest.approx((2000 + np.log1p(np.e)) / 2, rel=1e-15)
    np.testing.assert_allclose(dlogits[0], [0.5, 0, -0.5])


@pytest.mark.parametrize("name", FORMS)
def test_a_constant_changes_nothing(name):
    (logits,) = normal((3, 7))
    labels = labels_for(3, 7)
    with form(name):
        loss, cache = softmax_cross_entropy_forward(logits, labels, 0.1)
        shifted_loss, shifted = softmax_cross_entropy_forward(logits + np.array([[64.0], [-64], [1024]]), labels, 0.1)
    assert shifted_loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(shifted.p, cache.p, rtol=1e-12)


def test_mean_over_the_batch():
    (logits,) = normal((4, 6))
    labels = labels_for(4, 6)
    loss, cache = softmax_cross_entropy_forward(logits, labels, 0.1)
    alone = [softmax_cross_entropy_forward(logits[n : n + 1], labels[n : n + 1], 0.1) for n in range(4)]
    assert loss == pytest.approx(np.mean([one for one, _ in alone]), rel=1e-14)
    np.testing.assert_allclose(
        softmax_cross_entropy_backward(4.0, cache),
        np.concatenate([softmax_cross_entropy_backward(1.0, c) for _, c in alone]),
        rtol=1e-14,
    )


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_rows_sum_to_one_and_to_zero(shape, name):
    (logits,) = normal(shape)
    with form(name):
        _, cache = softmax_cross_entropy_forward(logits, labels_for(*shape), 0.1)
        dlogits = softmax_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(cache.p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(cache.q.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(dlogits.sum(axis=1), 0, atol=1e-14)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_and_cache(dtype, name):
    logits = np.zeros((4, 10), dtype)
    with form(name):
        for labels in (labels_for(4, 10), labels_for(4, 10).astype(np.uint8)):
            loss, cache = softmax_cross_entropy_forward(logits, labels, 0.1)
            for dloss in (1, 1.0, np.float32(1), np.float64(1), np.ones((), dtype)):
                dlogits = softmax_cross_entropy_backward(dloss, cache)
                assert (dlogits.shape, dlogits.dtype) == ((4, 10), dtype)
            assert (loss.shape, loss.dtype) == ((), dtype)
            dtype_name = np.dtype(dtype).name
            assert repr(cache) == f"SoftmaxCrossEntropyCache(p={dtype_name} (4, 10), q={dtype_name} (4, 10))"


# --- gradients


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, smoothing, method, name):
    (logits,) = normal(shape)
    pair = softmax_cross_entropy_forward, softmax_cross_entropy_backward
    with form(name):
        gradcheck(pair, 3 * logits, labels_for(*shape), method=method, smoothing=smoothing).assert_ok()


# --- the three forms


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_forms_agree(shape, smoothing):
    (logits,) = normal(shape)
    labels = labels_for(*shape)

    def run():
        loss, cache = softmax_cross_entropy_forward(5 * logits, labels, smoothing)
        return loss, cache.p, softmax_cross_entropy_backward(0.7, cache)

    assert_forms_agree(run, rtol=1e-12)
    _, cache = softmax_cross_entropy_forward(5 * logits, labels, smoothing)
    assert_forms_agree(lambda: softmax_cross_entropy_backward(0.7, cache))  # neither exp nor log: the same bits


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_within_its_rounding_bound(shape, smoothing):
    """First-order error analysis, a line of the op after the other, with u the unit roundoff.

    exp and log are taken to be good to 4 units in the last place, which is 8 u and what vector libraries promise.
    Terms in u^2 are covered by 1 % more.
    """
    N, K = shape
    logits = 5 * normal(shape, dtype=np.float32)[0]
    labels = labels_for(*shape)
    with form("numpy"):
        wide_loss, wide = softmax_cross_entropy_forward(logits.astype(float), labels, smoothing)
    u, s = np.finfo(np.float32).eps / 2, logits.astype(float) - logits.max(axis=1, keepdims=True)
    log_p = np.log(wide.p)
    shifted = u * np.abs(s)  # s = z - max
    total = (wide.p * (shifted + 8 * u)).sum(axis=1, keepdims=True) + gamma(K - 1, np.float32)  # relative, of sum exp s
    log_total = total + 8 * u * np.abs(log_p - s)
    error_log_p = shifted + log_total + u * np.abs(log_p)  # log p = s - log(sum exp s)
    error_p = 1.01 * wide.p * (error_log_p + 8 * u)
    # q is rounded twice, multiplied by log p, and all terms are added and divided by N
    error_loss = 1.01 * (wide.q * (error_log_p + (gamma(N * K, np.float32) + 4 * u) * np.abs(log_p))).sum() / N
    dlogits = 0.7 * (wide.p - wide.q) / N
    error_dlogits = 1.01 * (0.7 * (error_p + 2 * u * wide.q) / N + 4 * u * np.abs(dlogits))  # 0.7 is rounded as well

    def run():
        loss, cache = softmax_cross_entropy_forward(logits, labels, smoothing)
        return loss, cache.p, softmax_cross_entropy_backward(0.7, cache)

    for name, (loss, p, gradient) in in_every_form(run).items():
        assert abs(loss - wide_loss) <= error_loss, name
        assert np.all(np.abs(p - wide.p) <= error_p), name
        assert np.all(np.abs(gradient - dlogits) <= error_dlogits), name


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(shape, name):
    (logits,) = normal(shape)
    labels = labels_for(*shape)
    with form(name):
        expected, expected_cache = softmax_cross_entropy_forward(logits, labels, 0.1)
        expected_gradient = softmax_cross_entropy_backward(1.0, expected_cache)
        for logits2, labels2 in zip(layouts(logits), layouts(labels), strict=True):
            with unchanged(logits2, labels2, *expected_cache):
                loss, cache = softmax_cross_entropy_forward(logits2, labels2, 0.1)
                gradient = softmax_cross_entropy_backward(1.0, cache)
                softmax_cross_entropy_backward(1.0, expected_cache)
            assert loss == pytest.approx(expected, rel=1e-14)
            np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-15)
            assert not any(np.shares_memory(cache.p, array) for array in (logits2, gradient))


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("column", [0, 3, 6])
def test_nan_makes_the_loss_nan_but_stays_in_its_sample(column, name):
    (logits,) = normal((3, 7))
    logits[1, column] = np.nan
    with form(name):
        loss, cache = softmax_cross_entropy_forward(logits, labels_for(3, 7))
        dlogits = softmax_cross_entropy_backward(1.0, cache)
    assert np.isnan(loss)
    for array in (cache.p, dlogits):
        np.testing.assert_array_equal(np.isnan(array), np.broadcast_to([[False], [True], [False]], (3, 7)))


# --- errors

Z, L = np.zeros((2, 10)), np.array([0, 9])
ERRORS = [
    (([0.0], L), TypeError, "logits is a list; it must be a NumPy array of shape (N, K)"),
    ((Z[0], L), ValueError, "logits has shape (10,); it must have 2 axes (N, K)"),
    ((Z.astype(int), L), TypeError, "logits is int64; it must be float32 or float64"),
    ((Z[:0], L[:0]), ValueError, "logits has shape (0, 10); no axis may be empty"),
    ((Z, [0, 9]), TypeError, "labels is a list; it must be a NumPy array of integers"),
    ((Z, L.astype(float)), TypeError, "labels is float64; it must be a NumPy array of integers"),
    ((Z, L.astype(bool)), TypeError, "labels is bool; it must be a NumPy array of integers"),
    ((Z, L[:1]), ValueError, "labels has shape (1,), expected (2,); logits (2, 10) need one label per sample"),
    ((Z, np.eye(10, dtype=int)[L]), ValueError, "labels has shape (2, 10), expected (2,); logits (2, 10) need one"),
    ((Z, np.array([0, 10])), ValueError, "labels reach from 0 to 10; logits (2, 10) allow 0 to 9"),
    ((Z, np.array([-1, 3])), ValueError, "labels reach from -1 to 3; logits (2, 10) allow 0 to 9"),
    ((Z, L, 1.5), ValueError, "smoothing is 1.5; it must be a number from 0 to 1"),
    ((Z, L, -0.1), ValueError, "smoothing is -0.1; it must be a number from 0 to 1"),
    ((Z, L, np.nan), ValueError, "smoothing is nan; it must be a number from 0 to 1"),
    ((Z, L, True), ValueError, "smoothing is True; it must be a number from 0 to 1"),
    ((Z, L, None), ValueError, "smoothing is None; it must be a number from 0 to 1"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS, ids=[m for _, _, m in ERRORS])
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(f"softmax_cross_entropy: {message}")):
        softmax_cross_entropy_forward(*arguments)


@pytest.mark.parametrize(
    ("dloss", "error", "message"),
    [
        (None, TypeError, "dloss is a NoneType; it must be a number"),
        (np.ones(2), ValueError, "dloss has shape (2,), expected (); the loss is a single number"),
    ],
)
def test_errors_of_the_backward_pass(dloss, error, message):
    _, cache = softmax_cross_entropy_forward(Z, L)
    with pytest.raises(error, match="^" + re.escape(f"softmax_cross_entropy_backward: {message}")):
        softmax_cross_entropy_backward(dloss, cache)
