"""What is done for all rows of a tile is what would be done for each."""

import numpy as np
import pytest

pytest.importorskip("numba")
from numba import njit

from mobilenet_np.kernels.rows import fma_rows, for_rows, repeat
from mobilenet_np.kernels.simd import address, load8, store
from mobilenet_np.parts import helper


@helper
def _put(row, finish, c, at):
    if finish > 0:
        store(row, c, at)


@njit
def _three_rows(a, b, bias, c, finish, step):
    rows = repeat(load8(address(bias), 0), 3)
    rows = fma_rows(address(a), 1, 2, load8(address(b), 0), rows)
    for_rows(_put, rows, finish, address(c), 8, step)


def test_rows_are_multiplied_and_put_one_below_the_other():
    a, b, bias = np.arange(6, dtype="f4"), np.arange(8, dtype="f4") / 7, np.linspace(-1, 1, 8, dtype="f4")
    c = np.full(40, 9, np.float32)
    _three_rows(a, b, bias, c, 1, 10)
    expected = np.full(40, 9, np.float32)
    for i, number in enumerate(a[1::2]):
        exact = number.astype("f8") * b + bias  # rounded once: the product of two float32 is exact in float64
        expected[8 + 10 * i : 16 + 10 * i] = exact.astype("f4")
    np.testing.assert_array_equal(c, expected)


def test_what_finishes_a_row_gets_what_it_needs():
    c = np.zeros(40, np.float32)
    _three_rows(np.ones(6, "f4"), np.ones(8, "f4"), np.ones(8, "f4"), c, 0, 10)
    assert not c.any()
