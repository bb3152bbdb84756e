import re

import numpy as np
import pytest
from op_checks import assert_forms_agree, normal
from rounding import Rounded, where

from mobilenet_np.check import gradcheck
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops.hard_sigmoid import hard_sigmoid_backward, hard_sigmoid_forward
from mobilenet_np.ops.linear import linear_backward, linear_forward
from mobilenet_np.ops.squeeze_excite import squeeze_excite_backward, squeeze_excite_forward

every_form = pytest.mark.parametrize("name", FORMS)
PAIR = squeeze_excite_forward, squeeze_excite_backward
SHAPES = [(2, 3, 5, 4), (1, 4, 4, 1), (3, 1, 1, 2), (2, 7, 2, 8)]
SLIM = 0.16667  # tensorflow/models, research/slim/nets/mobilenet/mobilenet_v3.py


def problem(shape=(2, 3, 5, 4), S=3, dtype=np.float64):
    """x, w1, b1, w2, b2 and dy. The means of x are of size 1, so that the images have different gates."""
    N, _, _, C = shape
    x, offset, w1, b1, w2, b2, dy = normal(shape, (N, 1, 1, C), (C, S), (S,), (S, C), (C,), shape)
    return [a.astype(dtype) for a in (x + offset, w1, b1, w2, b2, dy)]


def forward(x, w1, b1, w2, b2, slope=1 / 6):
    return squeeze_excite_forward(x, w1, b1, w2, b2, slope)[0]


def both(x, w1, b1, w2, b2, dy, slope=1 / 6):
    """y, dx, dw1, db1, dw2, db2."""
    y, cache = squeeze_excite_forward(x, w1, b1, w2, b2, slope)
    return y, *squeeze_excite_backward(dy, cache)


# --- values


@every_form
def test_by_hand(name):
    x = np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 1, 2, 2)  # two pixels, channel means 2 and 4
    w1, b1 = np.array([[1.0, 0.0], [1.0, -1.0]]), np.array([-3.0, 2.0])  # (2 + 4 - 3, -4 + 2): z = (3, 0)
    w2, b2 = np.array([[1.0, -0.5], [9.0, 9.0]]), np.array([0.0, 0.0])  # (3, -1.5): g = (1, 1/4)
    dy = np.array([1.0, 4.0, 1.0, 2.0]).reshape(x.shape)
    with form(name):
        y, dx, dw1, db1, dw2, db2 = both(x, w1, b1, w2, b2, dy)
    np.testing.assert_allclose(y.ravel(), [1, 0.5, 3, 1.5], rtol=1e-15)
    # The first gate is at its kink and gets nothing. The second: dg = 4 * 2 + 2 * 6 = 20, a sixth of it passes.
    da = 20 / 6
    np.testing.assert_allclose(db2, [0, da], rtol=1e-15)
    np.testing.assert_allclose(dw2, [[0, 3 * da], [0, 0]], rtol=1e-15)
    dz = -0.5 * da  # only through the first hidden unit; ReLU has shut the second
    np.testing.assert_allclose(db1, [dz, 0], rtol=1e-15)
    np.testing.assert_allclose(dw1, [[2 * dz, 0], [4 * dz, 0]], rtol=1e-15)
    direct, gate = np.array([1, 4 / 4, 1, 2 / 4]), dz / 2  # the mean over two pixels gives each a half
    np.testing.assert_allclose(dx.ravel(), direct + gate, rtol=1e-15)


@every_form
@pytest.mark.parametrize("shape", SHAPES)
def test_every_channel_of_every_image_has_its_gate(shape, name):
    arrays = problem(shape)[:5]
    x, w1, b1, w2, b2 = arrays
    with form(name):
        y, cache = squeeze_excite_forward(*arrays)
    assert cache.g.shape == (shape[0], shape[3])
    np.testing.assert_array_equal(y, x * cache.g[:, None, None, :])
    a = np.maximum(x.mean(axis=(1, 2)) @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(cache.g, np.clip(a + 3, 0, 6) / 6, rtol=0, atol=1e-14)


@every_form
def test_largest_gate_of_slim(name):
    x, w1, b1, w2, b2, dy = problem()
    with form(name):
        y, dx, *_ = both(x, w1, b1, 0 * w2, b2 + 100, dy, SLIM)
    np.testing.assert_allclose(y, 1.00002 * x, rtol=1e-15)
    np.testing.assert_allclose(dx, 1.00002 * dy, rtol=1e-15)


@every_form
def test_pixels_may_change_places(name):
    x, w1, b1, w2, b2, dy = problem()
    order = np.random.default_rng(0).permutation(15)

    def shuffled(a):
        return a.reshape(2, 15, 4)[:, order].reshape(a.shape)

    with form(name):
        y, dx, *others = both(x, w1, b1, w2, b2, dy)
        y2, dx2, *others2 = both(shuffled(x), w1, b1, w2, b2, shuffled(dy))
    for actual, expected in zip([y2, dx2, *others2], [shuffled(y), shuffled(dx), *others], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


# --- gradients


@every_form
@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, method, name):
    with form(name):
        gradcheck(PAIR, *problem(shape)[:5], method=method).assert_ok()
        gradcheck(PAIR, *problem(shape)[:5], method=method, slope=SLIM).assert_ok()


@pytest.mark.parametrize("path", ["direct", "gate"])
def test_a_missing_path_is_noticed(path):
    arrays = problem()[:5]

    def one_path_only(dy, cache):
        dx, *others = squeeze_excite_backward(dy, cache)
        direct = dy * cache.g[:, None, None, :]
        return direct if path == "direct" else dx - direct, *others

    report = gradcheck((squeeze_excite_forward, one_path_only), *arrays)
    assert [row.name for row in report.rows if not row.ok] == ["x"]


@every_form
def test_the_gate_path_reaches_every_pixel_of_the_image_and_no_other_image(name):
    x, w1, b1, w2, b2, dy = problem()
    dy[:] = 0
    dy[1, 2, 3, 0] = 1
    with form(name):
        y, cache = squeeze_excite_forward(x, w1, b1, w2, b2)
        assert 0 < cache.g[1, 0] < 1
        dx, *_ = squeeze_excite_backward(dy, cache)
    np.testing.assert_array_equal(dx[0], 0)
    gate = dx[1, 0, 0]
    assert np.all(gate != 0)
    direct = dx[1] - gate
    np.testing.assert_allclose(direct[2, 3], [cache.g[1, 0], 0, 0, 0], rtol=0, atol=1e-14)
    direct[2, 3] = 0
    np.testing.assert_array_equal(direct, 0)


@every_form
@pytest.mark.parametrize("bias", [-100, 100])
def test_a_gate_at_its_limit_leaves_only_the_direct_path(bias, name):
    x, w1, b1, w2, b2, dy = problem()
    with form(name):
        _, dx, *others = both(x, w1, b1, w2, b2 + bias, dy)
    np.testing.assert_array_equal(dx, dy * (bias > 0))
    for gradient in others:
        np.testing.assert_array_equal(gradient, 0)


def test_gradients_of_the_weights_are_those_of_two_linear_layers():
    x, w1, b1, w2, b2, dy = problem()
    _, _, dw1, db1, dw2, db2 = both(x, w1, b1, w2, b2, dy)
    h, first = linear_forward(x.mean(axis=(1, 2)), w1, b1)
    a, second = linear_forward(np.where(h > 0, h, 0), w2, b2)
    _, gate = hard_sigmoid_forward(a)
    dz, *of_second = linear_backward(hard_sigmoid_backward((dy * x).sum(axis=(1, 2)), gate), second)
    _, *of_first = linear_backward(np.where(h > 0, dz, 0), first)
    for actual, expected in zip((dw1, db1, dw2, db2), (*of_first, *of_second), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


# --- forms, rounding, NaN


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1, 1, 1), (2, 9, 7, 3)])
@pytest.mark.parametrize("S", [1, 8])
def test_forms_agree(shape, S):
    arrays = problem(shape, S)
    assert_forms_agree(lambda: both(*arrays), rtol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 9, 9, 1), (3, 12, 11, 1), (2, 30, 30, 3)])
def test_the_gate_itself_agrees_bit_for_bit(shape):
    # With w1 = 0 the matrix products, whose order of additions is the library's, drop out.
    x, w1, b1, w2, b2, dy = problem(shape)

    def run():
        y, dx, _, _, _, db2 = both(x, 0 * w1, -np.abs(b1), w2, b2, dy)
        return y, dx, db2

    assert_forms_agree(run)


@every_form
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 4, 4, 1), (2, 7, 2, 8)])
def test_float32_within_its_rounding_bound(shape, name):
    arrays = problem(shape, dtype=np.float32)
    N, H, W, C = shape
    with form(name):
        y, dx, *others = both(*arrays)
    x, w1, b1, w2, b2, dy = map(Rounded, arrays)
    x, dy = (Rounded(a.value.reshape(N, H * W, C)) for a in (x, dy))
    s = x.mean(1)
    h = s @ w1 + b1
    z = where(certain(h, 0) & (h.value > 0), h, 0.0)
    a = z @ w2 + b2
    inside = certain(a, -3) & certain(a, 3) & (np.abs(a.value) < 3)
    g = where(inside, (a + 3) * (1 / 6), where(a.value > 0, Rounded(6.0) * (1 / 6), 0.0))
    (x * g[:, None]).assert_holds(y.reshape(N, H * W, C), "y")

    da = where(inside, (dy * x).sum(1) * (1 / 6), 0.0)
    dh = where(h.value > 0, da @ w2.T, 0.0)
    gate_path = (dh @ w1.T) / (H * W)
    (dy * g[:, None] + gate_path[:, None]).assert_holds(dx.reshape(N, H * W, C), "dx")
    for actual, bound in zip(others, (s.T @ dh, dh.sum(0), z.T @ da, da.sum(0)), strict=True):
        bound.assert_holds(actual)


def certain(numbers, kink):
    """No number is so close to the kink that rounding could carry it to the other side."""
    assert np.all(np.abs(numbers.value - kink) > numbers.error)
    return True


@every_form
def test_nan_closes_no_gate(name):
    x, w1, b1, w2, b2, dy = problem()
    x[1, 2, 3, 0] = np.nan
    with form(name):
        y, dx, dw1, db1, dw2, db2 = both(x, w1, b1, w2, b2, dy)
    # One bad pixel: all gates of its image, and so the whole image; not the other one.
    np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(np.arange(2)[:, None, None, None] == 1, x.shape))
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(y))
    assert np.isnan(dw2).any()


def test_the_cache():
    x, w1, b1, w2, b2, _ = problem()
    _, cache = squeeze_excite_forward(x, w1, b1, w2, b2)
    assert cache.x is x
    assert repr(cache).startswith("SqueezeExciteCache(x=float64 (2, 3, 5, 4), g=float64 (2, 4), pool=GlobalAverage")


# --- errors

X, W1, B1, W2, B2 = np.zeros((2, 5, 5, 4)), np.zeros((4, 3)), np.zeros(3), np.zeros((3, 4)), np.zeros(4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X.tolist(), W1, B1, W2, B2), TypeError, "x is a list; it must be a NumPy array of shape (N, H, W, C)"),
        ((X[0], W1, B1, W2, B2), ValueError, "x has shape (5, 5, 4); it must have 4 axes (N, H, W, C)"),
        ((X[:0], W1, B1, W2, B2), ValueError, "x has shape (0, 5, 5, 4); no axis may be empty"),
        ((X, W1[None], B1, W2, B2), ValueError, "w1 has shape (1, 4, 3); it must have 2 axes (C, S)"),
        ((X, W1, B1, W2[0], B2), ValueError, "w2 has shape (4,); it must have 2 axes (S, C)"),
        ((X, W1, B1, W2, B2.astype(np.float32)), TypeError, "dtypes differ (x float64, w1 float64, b1 float64, w2"),
        (
            (X, W1[:2], B1, W2, B2),
            ValueError,
            "w1 has shape (2, 3), expected (4, 3); (C, S) with the C = 4 channels of x (2, 5, 5, 4)",
        ),
        (
            (X, W1, B1[:2], W2, B2),
            ValueError,
            "b1 has shape (2,), expected (3,); (S,) with the S = 3 columns of w1 (4, 3)",
        ),
        (
            (X, W1, B1, W1, B2),
            ValueError,
            "w2 has shape (4, 3), expected (3, 4); (S, C), the transpose of w1 (4, 3)",
        ),
        (
            (X, W1, B1, W2, B1),
            ValueError,
            "b2 has shape (3,), expected (4,); (C,) with the C = 4 channels of x (2, 5, 5, 4)",
        ),
        ((X, W1, B1, W2, B2, 0), ValueError, "slope is 0; it must be a positive, finite number"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(f"squeeze_excite: {message}")):
        squeeze_excite_forward(*arguments)


@pytest.mark.parametrize(
    ("dy", "error", "message"),
    [
        (X[:1], ValueError, "dy has shape (1, 5, 5, 4), expected (2, 5, 5, 4); it must have the shape of y"),
        (X[0], ValueError, "dy has shape (5, 5, 4); it must have 4 axes (N, H, W, C)"),
        (X.astype(np.float32), TypeError, "dtypes differ (dy float32, x float64)"),
    ],
)
def test_errors_of_the_backward_pass(dy, error, message):
    _, cache = squeeze_excite_forward(X, W1, B1, W2, B2)
    with pytest.raises(error, match="^" + re.escape(f"squeeze_excite_backward: {message}")):
        squeeze_excite_backward(dy, cache)
