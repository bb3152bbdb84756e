"""Tiles of a matrix product, kept in registers from the first term to the last.

Each number of two matrices that are multiplied is used many times, and how often it must be fetched decides the speed.
A tile of 14 x 16 results is fourteen registers; for each k it needs 16 numbers of b and 14 of a: 30 numbers fetched for
224 multiply-adds. b is packed into panels of 16 columns, so that it is read straight through.

Arrays are flat float32 and given by their addresses; a name that ends in ``_at`` is the offset where something begins.
Every result is one chain of fused multiply-adds in the order of k, starting from the bias, whatever the tile that it is
computed in: its bits do not depend on how the work was cut.

Multiplying leaves the way to memory idle. So a tile also has a line fetched for every k that will be needed soon: it
begins at ``ahead`` and is ``pace`` numbers further on each time (see `meanwhile`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import njit

from .simd import add, broadcast_like, fma, load_like, maximum, minimum, mul, prefetch, splat_like, store


class Rows(NamedTuple):
    """How the rows of a lie in memory.

    Attributes
    ----------
    start : address
    step : int
        From one row to the next.
    K, k_step : int
        How many numbers, and from one to the next: 1, or for a transposed matrix the length of its rows.
    runs, run_step : int
        A row may consist of several such runs: the window of the first convolution is three rows of nine numbers.
    """

    start: int
    step: int
    K: int
    k_step: int
    runs: int
    run_step: int


class Finish(NamedTuple):
    """What happens to a sum before it leaves its register: nonlinearity, then the residual.

    Attributes
    ----------
    low, high : float32
        Limits; infinite where there are none.
    curve : int
        0: the sum between the limits; 1, hard swish: the sum times ``slope`` times (sum + 3 between the limits); 2,
        hard sigmoid: ``slope`` times (sum + 3 between the limits).
    slope : float32
    residual : bool
    start : address
        Of the residual, laid out as c is.
    shift : int
        From an offset in c to the same place in the residual.
    """

    low: float
    high: float
    curve: int
    slope: float
    residual: bool
    start: int
    shift: int


# AVX-512 brought sixteen more vector registers, for short vectors too.
REGISTERS = 32 if get_host_cpu_features().get("avx512vl") else 16

ZERO = np.int64(0)  # a 0 that is written down has a type of its own in Numba: everything would be compiled once more

_INFINITE, _3 = np.float32(np.inf), np.float32(3)
# The first four fields of Finish.
ACTS = {
    "": (-_INFINITE, _INFINITE, 0, np.float32(1)),
    "relu": (np.float32(0), _INFINITE, 0, np.float32(1)),
    "relu6": (np.float32(0), np.float32(6), 0, np.float32(1)),
    "hard_swish": (np.float32(0), np.float32(6), 1, np.float32(1 / 6)),
    "hard_sigmoid": (np.float32(0), np.float32(6), 2, np.float32(1 / 6)),
}


@njit(nogil=True)
def put(v, finish, c, c_at):
    """Finish eight or sixteen sums and store them."""
    low, high = splat_like(v, finish.low), splat_like(v, finish.high)
    if finish.curve:
        gate = mul(splat_like(v, finish.slope), minimum(maximum(add(v, splat_like(v, _3)), low), high))
        v = mul(v, gate) if finish.curve == 1 else gate
    else:
        v = minimum(maximum(v, low), high)
    if finish.residual:
        v = add(v, load_like(v, finish.start, c_at + finish.shift))
    store(v, c, c_at)


@njit(nogil=True)
def tile_14(a, a_at, b, b_at, b_step, bias, finish, c, c_at, c_step, ahead, pace):
    """Fourteen rows; the columns are those of ``bias``. 224 is 7 * 2**5: fourteen divides the number of pixels of
    nearly every layer of the papers."""
    v0, v1, v2, v3, v4, v5, v6 = bias, bias, bias, bias, bias, bias, bias
    v7, v8, v9, v10, v11, v12, v13 = bias, bias, bias, bias, bias, bias, bias
    soon = ZERO
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            prefetch(ahead, soon)
            soon += pace
            p = load_like(bias, b, b_at)
            v0 = fma(broadcast_like(bias, a.start, k), p, v0)
            v1 = fma(broadcast_like(bias, a.start, k + a.step), p, v1)
            v2 = fma(broadcast_like(bias, a.start, k + 2 * a.step), p, v2)
            v3 = fma(broadcast_like(bias, a.start, k + 3 * a.step), p, v3)
            v4 = fma(broadcast_like(bias, a.start, k + 4 * a.step), p, v4)
            v5 = fma(broadcast_like(bias, a.start, k + 5 * a.step), p, v5)
            v6 = fma(broadcast_like(bias, a.start, k + 6 * a.step), p, v6)
            v7 = fma(broadcast_like(bias, a.start, k + 7 * a.step), p, v7)
            v8 = fma(broadcast_like(bias, a.start, k + 8 * a.step), p, v8)
            v9 = fma(broadcast_like(bias, a.start, k + 9 * a.step), p, v9)
            v10 = fma(broadcast_like(bias, a.start, k + 10 * a.step), p, v10)
            v11 = fma(broadcast_like(bias, a.start, k + 11 * a.step), p, v11)
            v12 = fma(broadcast_like(bias, a.start, k + 12 * a.step), p, v12)
            v13 = fma(broadcast_like(bias, a.start, k + 13 * a.step), p, v13)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(v1, finish, c, c_at + c_step)
    put(v2, finish, c, c_at + 2 * c_step)
    put(v3, finish, c, c_at + 3 * c_step)
    put(v4, finish, c, c_at + 4 * c_step)
    put(v5, finish, c, c_at + 5 * c_step)
    put(v6, finish, c, c_at + 6 * c_step)
    put(v7, finish, c, c_at + 7 * c_step)
    put(v8, finish, c, c_at + 8 * c_step)
    put(v9, finish, c, c_at + 9 * c_step)
    put(v10, finish, c, c_at + 10 * c_step)
    put(v11, finish, c, c_at + 11 * c_step)
    put(v12, finish, c, c_at + 12 * c_step)
    put(v13, finish, c, c_at + 13 * c_step)


@njit(nogil=True)
def tile_7(a, a_at, b, b_at, b_step, bias, finish, c, c_at, c_step, ahead, pace):
    """Seven rows, as in images of 7x7."""
    v0, v1, v2, v3, v4, v5, v6 = bias, bias, bias, bias, bias, bias, bias
    soon = ZERO
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            prefetch(ahead, soon)
            soon += pace
            p = load_like(bias, b, b_at)
            v0 = fma(broadcast_like(bias, a.start, k), p, v0)
            v1 = fma(broadcast_like(bias, a.start, k + a.step), p, v1)
            v2 = fma(broadcast_like(bias, a.start, k + 2 * a.step), p, v2)
            v3 = fma(broadcast_like(bias, a.start, k + 3 * a.step), p, v3)
            v4 = fma(broadcast_like(bias, a.start, k + 4 * a.step), p, v4)
            v5 = fma(broadcast_like(bias, a.start, k + 5 * a.step), p, v5)
            v6 = fma(broadcast_like(bias, a.start, k + 6 * a.step), p, v6)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(v1, finish, c, c_at + c_step)
    put(v2, finish, c, c_at + 2 * c_step)
    put(v3, finish, c, c_at + 3 * c_step)
    put(v4, finish, c, c_at + 4 * c_step)
    put(v5, finish, c, c_at + 5 * c_step)
    put(v6, finish, c, c_at + 6 * c_step)


@njit(nogil=True)
def tile_8(a, a_at, b, b_at, b_step, bias, finish, c, c_at, c_step, ahead, pace):
    """Eight rows, which divide every number of channels: for weights' gradients, whose rows are channels."""
    v0, v1, v2, v3, v4, v5, v6, v7 = bias, bias, bias, bias, bias, bias, bias, bias
    soon = ZERO
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            prefetch(ahead, soon)
            soon += pace
            p = load_like(bias, b, b_at)
            v0 = fma(broadcast_like(bias, a.start, k), p, v0)
            v1 = fma(broadcast_like(bias, a.start, k + a.step), p, v1)
            v2 = fma(broadcast_like(bias, a.start, k + 2 * a.step), p, v2)
            v3 = fma(broadcast_like(bias, a.start, k + 3 * a.step), p, v3)
            v4 = fma(broadcast_like(bias, a.start, k + 4 * a.step), p, v4)
            v5 = fma(broadcast_like(bias, a.start, k + 5 * a.step), p, v5)
            v6 = fma(broadcast_like(bias, a.start, k + 6 * a.step), p, v6)
            v7 = fma(broadcast_like(bias, a.start, k + 7 * a.step), p, v7)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(v1, finish, c, c_at + c_step)
    put(v2, finish, c, c_at + 2 * c_step)
    put(v3, finish, c, c_at + 3 * c_step)
    put(v4, finish, c, c_at + 4 * c_step)
    put(v5, finish, c, c_at + 5 * c_step)
    put(v6, finish, c, c_at + 6 * c_step)
    put(v7, finish, c, c_at + 7 * c_step)


@njit(nogil=True)
def tile_6(a, a_at, b, b_at, b_step, bias, finish, c, c_at, c_step, ahead, pace):
    """Six rows, where a register holds eight numbers: sixteen columns are two registers then, and there are sixteen."""
    v0, v1, v2, v3, v4, v5 = bias, bias, bias, bias, bias, bias
    soon = ZERO
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            prefetch(ahead, soon)
            soon += pace
            p = load_like(bias, b, b_at)
            v0 = fma(broadcast_like(bias, a.start, k), p, v0)
            v1 = fma(broadcast_like(bias, a.start, k + a.step), p, v1)
            v2 = fma(broadcast_like(bias, a.start, k + 2 * a.step), p, v2)
            v3 = fma(broadcast_like(bias, a.start, k + 3 * a.step), p, v3)
            v4 = fma(broadcast_like(bias, a.start, k + 4 * a.step), p, v4)
            v5 = fma(broadcast_like(bias, a.start, k + 5 * a.step), p, v5)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(v1, finish, c, c_at + c_step)
    put(v2, finish, c, c_at + 2 * c_step)
    put(v3, finish, c, c_at + 3 * c_step)
    put(v4, finish, c, c_at + 4 * c_step)
    put(v5, finish, c, c_at + 5 * c_step)
