"""Eight and sixteen numbers as one value."""

import numpy as np
import pytest
from numba import njit

from mobilenet_np.atomic import fetch_add, read
from mobilenet_np.kernels.simd import (
    add,
    address,
    broadcast_like,
    fma,
    forward,
    is_eight,
    load8,
    load16,
    load_like,
    maximum,
    minimum,
    mul,
    splat8,
    splat16,
    splat_like,
    store,
    where,
)

F32 = np.float32


@njit
def _all(x, y, a, out, n):
    store(add(x, y), out, 0)
    store(mul(x, y), out, n)
    store(fma(x, y, x), out, 2 * n)
    store(maximum(x, y), out, 3 * n)
    store(minimum(x, y), out, 4 * n)
    store(splat_like(x, np.float32(3)), out, 5 * n)
    store(broadcast_like(x, a, 2), out, 6 * n)
    store(load_like(x, forward(a, 1), 1), out, 7 * n)
    store(where(x, y, splat_like(x, np.float32(1)), splat_like(x, np.float32(2))), out, 9 * n)
    return is_eight(x)


@njit
def _all8(a, b, out):
    a, b, out = address(a), address(b), address(out)
    store(splat8(np.float32(3)), out, 64)
    return _all(load8(a, 0), load8(b, 0), a, out, 8)


@njit
def _all16(a, b, out):
    a, b, out = address(a), address(b), address(out)
    store(splat16(np.float32(3)), out, 128)
    return _all(load16(a, 0), load16(b, 0), a, out, 16)


BOTH = pytest.mark.parametrize(("run", "lanes"), [(_all8, 8), (_all16, 16)])


@BOTH
def test_every_operation(run, lanes):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(lanes + 2).astype(F32), rng.standard_normal(lanes).astype(F32)
    out = np.empty((10, lanes), F32)
    assert run(a, b, out.ravel()) == (lanes == 8)
    x = a[:lanes]
    assert np.array_equal(out[0], x + b)
    assert np.array_equal(out[1], x * b)
    assert np.array_equal(out[2], (x.astype(float) * b + x).astype(F32))  # rounded once
    assert np.array_equal(out[3], np.maximum(x, b))
    assert np.array_equal(out[4], np.minimum(x, b))
    assert (out[5] == 3).all()
    assert (out[6] == a[2]).all()
    assert np.array_equal(out[7], a[2:])
    assert (out[8] == 3).all()
    assert np.array_equal(out[9], np.where(x <= b, 1, 2))


@BOTH
def test_nan_in_the_first_argument_stays(run, lanes):
    a, b, out = np.full(lanes + 2, np.nan, F32), np.zeros(lanes, F32), np.empty((10, lanes), F32)
    run(a, b, out.ravel())
    assert np.isnan(out[3:5]).all()
    assert (out[9] == 2).all()


@njit
def _count(counters):
    return fetch_add(counters, 1, 5), fetch_add(counters, 1, 2), read(counters, 1)


def test_counters():
    counters = np.zeros(2, np.int64)
    assert _count(counters) == (0, 5, 7)
    assert counters.tolist() == [0, 7]
