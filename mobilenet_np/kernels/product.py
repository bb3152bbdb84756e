"""A matrix product, cut into the tiles of `tiles`.

b is packed into panels of sixteen columns, so that a tile reads it straight through; or it is taken as it lies, where
it is used only once.
"""

from __future__ import annotations

import numpy as np

from ..memory import empty
from ..parts import helper, part
from .meanwhile import send, soon
from .rows import repeat
from .simd import address, broadcast_like, fma, is_eight, load8, load16, load_like, store
from .tiles import REGISTERS, put, tile
from .turns import in_turns, take_turns


@part
def one_row(a, a_at, b, b_at, b_step, bias, finish, c, c_at):
    """One row; the columns are those of ``bias``."""
    v = bias
    for _ in range(a.runs):
        k = a_at
        for _ in range(a.K):
            v = fma(broadcast_like(bias, a.start, k), load_like(bias, b, b_at), v)
            b_at += b_step
            k += a.k_step
        a_at += a.run_step
    put(v, finish, c, c_at)


@part
def one_row_of_four_panels(a, a_at, b, b_at, b_step, apart, bias, bias_at, finish, c, c_at):
    """One row, four panels that are ``apart``: four sums at once, because each must wait for its own last term."""
    p1, p2, p3 = b_at + apart, b_at + 2 * apart, b_at + 3 * apart
    v0, v1 = load16(bias, bias_at), load16(bias, bias_at + 16)
    v2, v3 = load16(bias, bias_at + 32), load16(bias, bias_at + 48)
    for k in range(a.K):
        x, n = broadcast_like(v0, a.start, a_at + k), b_step * k
        v0 = fma(x, load16(b, b_at + n), v0)
        v1 = fma(x, load16(b, p1 + n), v1)
        v2 = fma(x, load16(b, p2 + n), v2)
        v3 = fma(x, load16(b, p3 + n), v3)
    put(v0, finish, c, c_at)
    put(v1, finish, c, c_at + 16)
    put(v2, finish, c, c_at + 32)
    put(v3, finish, c, c_at + 48)


@helper
def panel(a, a_at, M, b, b_at, b_step, bias, finish, c, c_at, c_step, meanwhile, step):
    """M rows of as many columns as ``bias`` has; the step after the last.

    In tiles of fourteen rows where there are so many: 224 is 7 * 2**5, and fourteen divides the number of pixels of
    nearly every layer of the papers. Seven are for images of 7x7, eight for gradients of weights, whose rows are
    channels, and six fill what registers AVX2 has.
    """
    # The last tile goes over some rows again, rather than row by row over the rest: but not where results are added to
    # what is there already.
    again = not finish.residual or finish.shift != 0
    narrow = REGISTERS >= 32 or is_eight(bias)
    m, depth = 0, a.runs * a.K
    while m < M:
        left = M - m
        ahead, pace = soon(meanwhile, step)
        if narrow and again and (left >= 14 or (left > 7 and M >= 14)):
            m = min(m, M - 14)
            tile(repeat(bias, 14), m, a, a_at, b, b_at, b_step, finish, c, c_at, c_step, ahead, pace)
            m += 14
        elif narrow and left >= 8 and not again:
            tile(repeat(bias, 8), m, a, a_at, b, b_at, b_step, finish, c, c_at, c_step, ahead, pace)
            m += 8
        elif narrow and (left >= 7 or (M >= 7 and again)):
            m = min(m, M - 7)
            tile(repeat(bias, 7), m, a, a_at, b, b_at, b_step, finish, c, c_at, c_step, ahead, pace)
            m += 7
        elif not narrow and (left >= 6 or (M >= 6 and again)):
            m = min(m, M - 6)
            tile(repeat(bias, 6), m, a, a_at, b, b_at, b_step, finish, c, c_at, c_step, ahead, pace)
            m += 6
        else:
            one_row(a, a_at + m * a.step, b, b_at, b_step, bias, finish, c, c_at + m * c_step)
            m += 1
        send(meanwhile, step, step + depth)
        step += depth
    return step


@helper
def product(a, a_at, M, b, b_at, b_row, n0, n1, bias, bias_at, finish, c, c_at, c_step, meanwhile, step):
    """Columns n0 to n1 of ``c = finish(a @ b + bias)`` for M rows.

    n0 is a multiple of 16 and so is n1, unless it is the last column (then a multiple of 8). ``b_row`` is the length of
    b's rows, or 0 if b is packed. ``c_at`` is where row 0, column n0 goes. ``step`` is where in the plan for
    ``meanwhile`` this product begins; returned is where it ends.
    """
    depth = a.runs * a.K
    n = n0
    while n < n1:
        done = min(16, n1 - n)
        start, apart = (b_at + n, b_row) if b_row else (b_at + depth * n, done)
        if M < 6 and a.runs == 1 and a.k_step == 1 and n1 - n >= 64:
            done, next_panel = 64, (16 if b_row else 16 * depth)
            for m in range(M):
                row, out = a_at + m * a.step, c_at + m * c_step
                one_row_of_four_panels(a, row, b, start, apart, next_panel, bias, bias_at + n, finish, c, out)
        elif done == 16:
            sixteen = load16(bias, bias_at + n)
            step = panel(a, a_at, M, b, start, apart, sixteen, finish, c, c_at, c_step, meanwhile, step)
        else:
            eight = load8(bias, bias_at + n)
            step = panel(a, a_at, M, b, start, apart, eight, finish, c, c_at, c_step, meanwhile, step)
        n += done
        c_at += done
    return step


@helper
def whole_product(a, M, b, b_row, N, zeros, finish, c, meanwhile, step):
    """All N columns of ``c = finish(a @ b)`` for M rows, everything where its address is; ``zeros`` are N zeros."""
    return product(a, 0, M, b, 0, b_row, 0, N, zeros, 0, finish, c, 0, N, meanwhile, step)


def pack(w: np.ndarray) -> np.ndarray:
    """A matrix (K, N) as flat panels of 16 columns; a last panel of 8, columns of zeros where N is no multiple of 8."""
    K, N = w.shape
    w, packed = w.astype(np.float32, copy=False), empty(K * (-(-N // 8) * 8))
    if w.flags.c_contiguous:
        take_turns(_pack_rows, (w.reshape(-1), K, N, packed), -(-N // 16), work=packed.size)
    else:
        take_turns(_pack, (w, packed), -(-N // 16), work=packed.size)
    return packed


@in_turns
def _pack_rows(w, K, N, packed, p0, p1):
    """Sixteen columns are a register."""
    for p in range(p0, p1):
        n = 16 * p
        if n + 16 <= N:
            for k in range(K):
                store(load16(address(w), k * N + n), address(packed), K * n + k * 16)
        else:
            _last_panel(w.reshape(K, N), n, packed)


@helper
def _last_panel(w, n, packed):
    K, N = w.shape
    width = 16 if n + 8 < N else 8
    for k in range(K):
        for i in range(width):
            packed[K * n + k * width + i] = w[k, n + i] if n + i < N else np.float32(0)


@in_turns
def _pack(w, packed, p0, p1):
    K, N = w.shape
    for p in range(p0, p1):
        n = 16 * p
        if n + 16 <= N:
            for k in range(K):
                for i in range(16):
                    packed[K * n + k * 16 + i] = w[k, n + i]
        else:
            _last_panel(w, n, packed)
