"""The matrix product in registers: every shape of tile, every way to finish."""

import numpy as np
import pytest
from numba import njit
from op_checks import gamma

from mobilenet_np.kernels.product import pack, product
from mobilenet_np.kernels.simd import address
from mobilenet_np.kernels.tiles import ACTS, Finish, Rows

RNG = np.random.default_rng(0)
F32 = np.float32


@njit
def _run(a, step, K, runs, run_step, M, b, n0, n1, bias, act, residual, r, c, N):
    finish = Finish(act[0], act[1], act[2], act[3], residual, address(r), 0)
    rows = Rows(address(a), step, K, 1, runs, run_step)
    none = None
    product(rows, 0, M, address(b), 0, 0, n0, n1, address(bias), 0, finish, address(c), n0, N, none, 0)


def _product(a, w, bias, act="", residual=None, columns=None):
    (M, K), N = a.shape, w.shape[1]
    c = np.full((M, N), np.nan, F32)
    r = c if residual is None else residual
    n0, n1 = columns or (0, N)
    _run(a.ravel(), K, K, 1, 0, M, pack(w), n0, n1, bias, ACTS[act], residual is not None, r.ravel(), c.ravel(), N)
    return c


def _random(*shapes):
    return [RNG.standard_normal(shape).astype(F32) for shape in shapes]


def _bound(a, w, bias):
    """Each result is a chain of K fused multiply-adds from the bias: its error is at most gamma_K times the sum of the
    absolute terms (Higham 2002, eq. 3.5)."""
    K, u = a.shape[1], 2.0**-24
    absolute = np.abs(a).astype(float) @ np.abs(w) + np.abs(bias)
    return K * u / (1 - K * u) * absolute


@pytest.mark.parametrize("M", [1, 2, 5, 6, 7, 11, 12, 49])
@pytest.mark.parametrize(("K", "N"), [(1, 8), (3, 16), (8, 24), (27, 64), (40, 72), (16, 152)])
def test_product(M, K, N):
    a, w, bias = _random((M, K), (K, N), N)
    exact = a.astype(float) @ w.astype(float) + bias
    assert (np.abs(_product(a, w, bias) - exact) <= _bound(a, w, bias)).all()


@pytest.mark.parametrize("act", ACTS)
def test_activations_and_residual(act):
    a, w, bias, r = _random((13, 5), (5, 24), 24, (13, 24))
    a, bias = 3 * a, 3 * bias
    x = a.astype(float) @ w.astype(float) + bias
    expected = {
        "": x,
        "relu": np.maximum(x, 0),
        "relu6": np.clip(x, 0, 6),
        "hard_swish": x * np.clip(x + 3, 0, 6) / 6,
        "hard_sigmoid": np.clip(x + 3, 0, 6) / 6,
    }[act]
    # How steep they are at most; what the curves round besides (1/6, a sum, one product or two) is relative to these.
    steep = {"hard_swish": 1.5, "hard_sigmoid": 1 / 6}.get(act, 1)
    curve = np.clip(np.abs(x) + 3, 0, 6) / 6
    size = {"hard_swish": np.abs(x) * curve, "hard_sigmoid": curve}.get(act, 0)
    bound = steep * _bound(a, w, bias) + gamma(5, F32) * size
    assert (np.abs(_product(a, w, bias, act) - expected) <= bound).all()
    bound += gamma(1, F32) * (np.abs(expected + r) + bound)
    assert (np.abs(_product(a, w, bias, act, r) - (expected + r)) <= bound).all()


@pytest.mark.parametrize("act", ACTS)
def test_nan_stays_nan(act):
    a, w, bias = _random((7, 3), (3, 16), 16)
    a[2, 1] = np.nan
    y = _product(a, w, bias, act)
    assert np.isnan(y[2]).all()
    assert not np.isnan(np.delete(y, 2, axis=0)).any()


@pytest.mark.parametrize("M", [1, 4, 6, 8, 20])
def test_bits_do_not_depend_on_the_tiling(M):
    """Row by row, and some columns at a time, every result has the same bits."""
    a, w, bias = _random((M, 33), (33, 104), 104)
    whole = _product(a, w, bias, "hard_swish")
    rows = np.concatenate([_product(a[m : m + 1], w, bias, "hard_swish") for m in range(M)])
    assert np.array_equal(whole, rows)
    pieces = [_product(a, w, bias, "hard_swish", columns=c) for c in ((0, 16), (16, 80), (80, 104))]
    assert np.array_equal(
        whole, np.where(np.isnan(pieces[0]), np.where(np.isnan(pieces[1]), pieces[2], pieces[1]), pieces[0])
    )


def test_rows_of_several_runs():
    """A 3x3 window over an image of three channels, as the first convolution reads it."""
    image, w, bias = _random((9, 11, 3), (27, 16), 16)
    c = np.empty((5, 16), F32)  # five windows, two pixels apart, of the first row
    _run(image.ravel(), 6, 9, 3, 33, 5, pack(w), 0, 16, bias, ACTS[""], False, c.ravel(), c.ravel(), 16)
    windows = np.stack([image[:3, 2 * j : 2 * j + 3].ravel() for j in range(5)])
    assert (np.abs(c - (windows.astype(float) @ w + bias)) <= _bound(windows, w, bias)).all()


def test_pack_fills_with_zeros():
    packed = pack(np.arange(1.0, 39.0).reshape(2, 19))
    assert packed.dtype == F32
    assert packed.size == 2 * 24
    assert packed[:16].tolist() == list(range(1, 17))
    assert packed[32:40].tolist() == [17, 18, 19, 0, 0, 0, 0, 0]
