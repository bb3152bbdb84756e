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
from numba.core.registry import cpu_target

from ..parts import helper, part
from .rows import fma_rows, for_rows
from .simd import add, load_like, maximum, minimum, mul, prefetch, splat_like, store


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


# AVX-512 brought sixteen more vector registers, for short vectors too. (Numba says for which processor it compiles.)
REGISTERS = 32 if "+avx512vl" in cpu_target.target_context.codegen().magic_tuple()[2] else 16

_INFINITE, _3 = np.float32(np.inf), np.float32(3)
# The first four fields of Finish.
ACTS = {
    "": (-_INFINITE, _INFINITE, 0, np.float32(1)),
    "relu": (np.float32(0), _INFINITE, 0, np.float32(1)),
    "relu6": (np.float32(0), np.float32(6), 0, np.float32(1)),
    "hard_swish": (np.float32(0), np.float32(6), 1, np.float32(1 / 6)),
    "hard_sigmoid": (np.float32(0), np.float32(6), 2, np.float32(1 / 6)),
}


@helper
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


@part
def tile(sums, m, a, a_at, b, b_at, b_step, finish, c, c_at, c_step, ahead, pace):
    """As many rows as there are ``sums``, from row m on. Sums begin as the bias; the columns are theirs."""
    a_at += m * a.step
    soon = 0
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            prefetch(ahead, soon)
            soon += pace
            sums = fma_rows(a.start, k, a.step, load_like(sums[0], b, b_at), sums)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    for_rows(put, sums, finish, c, c_at + m * c_step, c_step)
