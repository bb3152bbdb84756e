"""Tiles of a matrix product, kept in registers from the first term to the last.

Each number of two matrices that are multiplied is used many times, and how often it must be fetched decides the speed.
A tile of 6 x 16 results is twelve registers; for each k it needs 16 numbers of b and 6 of a: 22 numbers fetched for 96
multiply-adds. b is packed into panels of 16 columns, so that it is read straight through.

Arrays are flat float32 and given by their addresses; a name that ends in ``_at`` is the offset where something begins.
Every result is one chain of fused multiply-adds in the order of k, starting from the bias, whatever the tile that it is
computed in: its bits do not depend on how the work was cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import njit

from .simd import add, broadcast, fma, load, maximum, minimum, mul, splat, store


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
    """Finish eight sums and store them."""
    low, high = splat(finish.low), splat(finish.high)
    if finish.curve:
        gate = mul(splat(finish.slope), minimum(maximum(add(v, splat(_3)), low), high))
        v = mul(v, gate) if finish.curve == 1 else gate
    else:
        v = minimum(maximum(v, low), high)
    if finish.residual:
        v = add(v, load(finish.start, c_at + finish.shift))
    store(v, c, c_at)


@njit(nogil=True)
def tile_6x16(a, a_at, b, b_at, b_step, bias, bias_at, finish, c, c_at, c_step):
    """Six rows, sixteen columns."""
    v0, w0 = load(bias, bias_at), load(bias, bias_at + 8)
    v1, v2, v3, v4, v5 = v0, v0, v0, v0, v0
    w1, w2, w3, w4, w5 = w0, w0, w0, w0, w0
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            p, q = load(b, b_at), load(b, b_at + 8)
            x = broadcast(a.start, k)
            v0, w0 = fma(x, p, v0), fma(x, q, w0)
            x = broadcast(a.start, k + a.step)
            v1, w1 = fma(x, p, v1), fma(x, q, w1)
            x = broadcast(a.start, k + 2 * a.step)
            v2, w2 = fma(x, p, v2), fma(x, q, w2)
            x = broadcast(a.start, k + 3 * a.step)
            v3, w3 = fma(x, p, v3), fma(x, q, w3)
            x = broadcast(a.start, k + 4 * a.step)
            v4, w4 = fma(x, p, v4), fma(x, q, w4)
            x = broadcast(a.start, k + 5 * a.step)
            v5, w5 = fma(x, p, v5), fma(x, q, w5)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(w0, finish, c, c_at + 8)
    put(v1, finish, c, c_at + c_step)
    put(w1, finish, c, c_at + c_step + 8)
    put(v2, finish, c, c_at + 2 * c_step)
    put(w2, finish, c, c_at + 2 * c_step + 8)
    put(v3, finish, c, c_at + 3 * c_step)
    put(w3, finish, c, c_at + 3 * c_step + 8)
    put(v4, finish, c, c_at + 4 * c_step)
    put(w4, finish, c, c_at + 4 * c_step + 8)
    put(v5, finish, c, c_at + 5 * c_step)
    put(w5, finish, c, c_at + 5 * c_step + 8)


@njit(nogil=True)
def tile_7x16(a, a_at, b, b_at, b_step, bias, bias_at, finish, c, c_at, c_step):
    """Seven rows, sixteen columns, for processors with 32 registers. 224 is 7 * 2**5: seven divides the number of
    pixels of every layer of the papers."""
    v0, w0 = load(bias, bias_at), load(bias, bias_at + 8)
    v1, v2, v3, v4, v5, v6 = v0, v0, v0, v0, v0, v0
    w1, w2, w3, w4, w5, w6 = w0, w0, w0, w0, w0, w0
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            p, q = load(b, b_at), load(b, b_at + 8)
            x = broadcast(a.start, k)
            v0, w0 = fma(x, p, v0), fma(x, q, w0)
            x = broadcast(a.start, k + a.step)
            v1, w1 = fma(x, p, v1), fma(x, q, w1)
            x = broadcast(a.start, k + 2 * a.step)
            v2, w2 = fma(x, p, v2), fma(x, q, w2)
            x = broadcast(a.start, k + 3 * a.step)
            v3, w3 = fma(x, p, v3), fma(x, q, w3)
            x = broadcast(a.start, k + 4 * a.step)
            v4, w4 = fma(x, p, v4), fma(x, q, w4)
            x = broadcast(a.start, k + 5 * a.step)
            v5, w5 = fma(x, p, v5), fma(x, q, w5)
            x = broadcast(a.start, k + 6 * a.step)
            v6, w6 = fma(x, p, v6), fma(x, q, w6)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(w0, finish, c, c_at + 8)
    put(v1, finish, c, c_at + c_step)
    put(w1, finish, c, c_at + c_step + 8)
    put(v2, finish, c, c_at + 2 * c_step)
    put(w2, finish, c, c_at + 2 * c_step + 8)
    put(v3, finish, c, c_at + 3 * c_step)
    put(w3, finish, c, c_at + 3 * c_step + 8)
    put(v4, finish, c, c_at + 4 * c_step)
    put(w4, finish, c, c_at + 4 * c_step + 8)
    put(v5, finish, c, c_at + 5 * c_step)
    put(w5, finish, c, c_at + 5 * c_step + 8)
    put(v6, finish, c, c_at + 6 * c_step)
    put(w6, finish, c, c_at + 6 * c_step + 8)


@njit(nogil=True)
def tile_6x8(a, a_at, b, b_at, b_step, bias, bias_at, finish, c, c_at, c_step):
    """Six rows, eight columns: the last panel, where the columns are no multiple of sixteen."""
    v0 = load(bias, bias_at)
    v1, v2, v3, v4, v5 = v0, v0, v0, v0, v0
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            p = load(b, b_at)
            v0 = fma(broadcast(a.start, k), p, v0)
            v1 = fma(broadcast(a.start, k + a.step), p, v1)
            v2 = fma(broadcast(a.start, k + 2 * a.step), p, v2)
            v3 = fma(broadcast(a.start, k + 3 * a.step), p, v3)
            v4 = fma(broadcast(a.start, k + 4 * a.step), p, v4)
            v5 = fma(broadcast(a.start, k + 5 * a.step), p, v5)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v0, finish, c, c_at)
    put(v1, finish, c, c_at + c_step)
    put(v2, finish, c, c_at + 2 * c_step)
    put(v3, finish, c, c_at + 3 * c_step)
    put(v4, finish, c, c_at + 4 * c_step)
    put(v5, finish, c, c_at + 5 * c_step)


@njit(nogil=True)
def one_row(a, a_at, b, b_at, b_step, width, bias, bias_at, finish, c, c_at):
    """One row and one panel of sixteen or eight columns."""
    v, w = load(bias, bias_at), load(bias, bias_at + width - 8)
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            x = broadcast(a.start, k)
            v = fma(x, load(b, b_at), v)
            w = fma(x, load(b, b_at + width - 8), w)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v, finish, c, c_at)
    if width > 8:
        put(w, finish, c, c_at + 8)


@njit(nogil=True)
def one_row_of_four_panels(a, a_at, b, b_at, bias, bias_at, finish, c, c_at):
    """One row, four panels: eight sums under way at once, because each must wait for its own last term."""
    p1, p2, p3 = b_at + 16 * a.K, b_at + 32 * a.K, b_at + 48 * a.K
    v0, w0 = load(bias, bias_at), load(bias, bias_at + 8)
    v1, w1 = load(bias, bias_at + 16), load(bias, bias_at + 24)
    v2, w2 = load(bias, bias_at + 32), load(bias, bias_at + 40)
    v3, w3 = load(bias, bias_at + 48), load(bias, bias_at + 56)
    for k in range(a.K):
        x, n = broadcast(a.start, a_at + k), 16 * k
        v0, w0 = fma(x, load(b, b_at + n), v0), fma(x, load(b, b_at + n + 8), w0)
        v1, w1 = fma(x, load(b, p1 + n), v1), fma(x, load(b, p1 + n + 8), w1)
        v2, w2 = fma(x, load(b, p2 + n), v2), fma(x, load(b, p2 + n + 8), w2)
        v3, w3 = fma(x, load(b, p3 + n), v3), fma(x, load(b, p3 + n + 8), w3)
    put(v0, finish, c, c_at)
    put(w0, finish, c, c_at + 8)
    put(v1, finish, c, c_at + 16)
    put(w1, finish, c, c_at + 24)
    put(v2, finish, c, c_at + 32)
    put(w2, finish, c, c_at + 40)
    put(v3, finish, c, c_at + 48)
    put(w3, finish, c, c_at + 56)


@njit(nogil=True)
def product(a, a_at, M, b, b_at, b_row, n0, n1, bias, bias_at, finish, c, c_at, c_step):
    """Columns n0 to n1 of ``c = finish(a @ b + bias)`` for M rows.

    n0 is a multiple of 16 and so is n1, unless it is the last column (then a multiple of 8). ``b_row`` is the length of
    b's rows, or 0 if b is packed. ``c_at`` is where row 0, column n0 goes.
    """
    depth = a.runs * a.K
    n = n0
    while n < n1:
        done = min(16, n1 - n)
        panel, step = (b_at + n, b_row) if b_row else (b_at + depth * n, done)
        high = 7 if done == 16 and M >= 7 and REGISTERS >= 32 else 6
        m = 0
        if M < 6 and b_row == 0 and a.runs == 1 and a.k_step == 1 and n1 - n >= 64:
            done = 64
            while m < M:
                one_row_of_four_panels(a, a_at + m * a.step, b, panel, bias, bias_at + n, finish, c, c_at + m * c_step)
                m += 1
        while m < M:
            if m + high > M:
                if high > M or finish.residual:
                    one_row(a, a_at + m * a.step, b, panel, step, done, bias, bias_at + n, finish, c, c_at + m * c_step)
                    m += 1
                    continue
                m = M - high  # the last tile goes over some rows again, rather than row by row over the rest
            row, out = a_at + m * a.step, c_at + m * c_step
            if high == 7:
                tile_7x16(a, row, b, panel, step, bias, bias_at + n, finish, c, out, c_step)
            elif done == 16:
                tile_6x16(a, row, b, panel, step, bias, bias_at + n, finish, c, out, c_step)
            else:
                tile_6x8(a, row, b, panel, step, bias, bias_at + n, finish, c, out, c_step)
            m += high
        n += done
        c_at += done


def pack(w: np.ndarray) -> np.ndarray:
    """A matrix (K, N) as flat panels of 16 columns; a last panel of 8, columns of zeros where N is no multiple of 8."""
    K, N = w.shape
    w = np.concatenate([w, np.zeros((K, -N % 8), w.dtype)], axis=1)
    panels = [w[:, n : n + 16].ravel() for n in range(0, w.shape[1], 16)]
    return np.concatenate(panels).astype(np.float32)
