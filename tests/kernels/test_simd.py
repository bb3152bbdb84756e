"""Eight numbers as one value."""

import numpy as np
from numba import njit

from mobilenet_np.kernels.atomic import fetch_add, read
from mobilenet_np.kernels.simd import add, address, broadcast, fma, forward, load, maximum, minimum, mul, splat, store

F32 = np.float32


@njit
def _all(a, b, out):
    a, b, out = address(a), address(b), address(out)
    x, y = load(a, 0), load(b, 0)
    store(add(x, y), out, 0)
    store(mul(x, y), out, 8)
    store(fma(x, y, x), out, 16)
    store(maximum(x, y), out, 24)
    store(minimum(x, y), out, 32)
    store(splat(np.float32(3)), out, 40)
    store(broadcast(a, 2), out, 48)
    store(load(forward(a, 1), 1), out, 56)


def test_every_operation():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(10).astype(F32), rng.standard_normal(8).astype(F32)
    out = np.empty((8, 8), F32)
    _all(a, b, out.ravel())
    x = a[:8]
    assert np.array_equal(out[0], x + b)
    assert np.array_equal(out[1], x * b)
    assert np.array_equal(out[2], (x.astype(float) * b + x).astype(F32))  # rounded once
    assert np.array_equal(out[3], np.maximum(x, b))
    assert np.array_equal(out[4], np.minimum(x, b))
    assert (out[5] == 3).all()
    assert (out[6] == a[2]).all()
    assert np.array_equal(out[7], a[2:10])


def test_nan_in_the_first_argument_stays():
    a, b, out = np.full(10, np.nan, F32), np.zeros(8, F32), np.empty(64, F32)
    _all(a, b, out)
    assert np.isnan(out[24:40]).all()


@njit
def _count(counters):
    return fetch_add(counters, 1, 5), fetch_add(counters, 1, 2), read(counters, 1)


def test_counters():
    counters = np.zeros(2, np.int64)
    assert _count(counters) == (0, 5, 7)
    assert counters.tolist() == [0, 7]
