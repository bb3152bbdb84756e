"""What goes on while a product is computed: all of it, once, and nothing else; the product does not notice."""

import numpy as np
import pytest
from numba import njit

from mobilenet_np.kernels.meanwhile import ROWS, along, plan, send_all, send_rest, soon, steps_of
from mobilenet_np.kernels.product import pack, whole_product
from mobilenet_np.kernels.simd import address, forward, load8, store
from mobilenet_np.kernels.tiles import ACTS, Finish, Rows
from mobilenet_np.memory import lines

F32 = np.float32
LOW, HIGH, CURVE, SLOPE = ACTS[""]


@njit
def _product(a, M, K, w, N, zeros, c, steps, coming, going, table, size):
    finish = Finish(LOW, HIGH, CURVE, SLOPE, False, address(c), 0)
    start = address(coming)
    third = coming.size // 3
    meanwhile = plan(
        steps, start, third, forward(start, third), third, forward(start, 2 * third), third, address(going),
        address(table), size,
    )  # fmt: skip
    matrix = Rows(address(a), K, K, 1, 1, 0)
    end = whole_product(matrix, M, address(w), 0, N, address(zeros), finish, address(c), meanwhile, 0)
    send_rest(meanwhile, end)
    return end


@njit
def _alone(a, M, K, w, N, zeros, c):
    finish = Finish(LOW, HIGH, CURVE, SLOPE, False, address(c), 0)
    matrix, out = Rows(address(a), K, K, 1, 1, 0), address(c)
    whole_product(matrix, M, address(w), 0, N, address(zeros), finish, out, None, 0)


@pytest.mark.parametrize("factor", [0.01, 0.5, 1, 1.7, 40])
@pytest.mark.parametrize("size", [0, 16, 32, 1600, 16000])
@pytest.mark.parametrize(("M", "K", "N"), [(29, 5, 40), (28, 64, 16), (3, 7, 8)])
def test_everything_is_sent_however_many_steps_were_planned(M, K, N, size, factor):
    rng = np.random.default_rng(0)
    a, w = rng.standard_normal((M, K)).astype(F32), rng.standard_normal((K, N)).astype(F32)
    both, alone, zeros = np.empty((2, M * N), F32), np.empty(M * N, F32), np.zeros(N, F32)
    going, table = lines(1, size + 16)[0], lines(1, size + 16)[0]
    going[:] = rng.standard_normal(size + 16)
    coming = rng.standard_normal(size + 3).astype(F32)
    planned = max(1, int(factor * steps_of(M, K, N, ROWS)))
    _product(a.ravel(), M, K, pack(w), N, zeros, both[0], planned, coming, going, table, size)
    _alone(a.ravel(), M, K, pack(w), N, zeros, alone)
    np.testing.assert_array_equal(both[0], alone)
    np.testing.assert_array_equal(table[:size], going[:size])
    assert (table[size:] == 0).all()  # and no more


@njit
def _where(tables, sizes, steps, out):
    start = address(tables)
    second, third = forward(start, sizes[0]), forward(start, sizes[0] + sizes[1])
    m = plan(steps, start, sizes[0], second, sizes[1], third, sizes[2], start, start, 0)
    for step in range(steps):
        at, _ = soon(m, step)
        store(load8(at, 0), address(out), 8 * step)
    return m.pace, soon(m, steps)[1]


def test_what_is_fetched_goes_from_table_to_table_and_ends():
    sizes, steps = np.array([160, 80, 240]), 30
    tables = np.arange(sizes.sum() + 16, dtype=F32)
    out = np.empty((steps, 8), F32)
    pace, at_the_end = _where(tables, sizes, steps, out.ravel())
    assert pace == sizes.sum() // steps
    np.testing.assert_array_equal(out[:, 0], pace * np.arange(steps))
    assert at_the_end == 0


@njit
def _steps(going, table, size, steps, each):
    m = plan(steps, address(going), size, address(going), 0, address(going), 0, address(going), address(table), size)
    for step in range(0, steps, each):
        along(m, step, min(steps, step + each))


@njit
def _all(going, table, size):
    send_all(address(going), address(table), size)


@pytest.mark.parametrize("each", [1, 3, 50])
def test_without_tiles(each):
    going, table, again = lines(1, 800)[0], lines(1, 816)[0], lines(1, 816)[0]
    going[:] = np.random.default_rng(0).standard_normal(800)
    _steps(going, table, 800, 50, each)
    _all(going, again, 800)
    for sent in (table, again):
        np.testing.assert_array_equal(sent[:800], going)
        assert (sent[800:] == 0).all()
