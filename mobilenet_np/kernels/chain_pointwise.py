"""A pointwise convolution between two BatchNorms (see `chain`), in blocks of rows that fit into a core's own cache."""

from __future__ import annotations

import numpy as np

from ..memory import empty
from .batch_norm_rows import backward_rows, statistics_of_rows, sums_of_rows
from .chain import Pending, pitch_of, ready, streams, total_of, write_back
from .matmul import multiply, multiply_transposed
from .normalize import backward_with, parts_of_sums, pieces_of, statistics, together
from .product import pack, whole_product
from .simd import address, forward
from .tiles import ACTS, ZERO, Finish, Rows
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]

_BLOCK = 3 * 2**16  # numbers, 768 KB: three quarters of a core's own cache
_ROWS = 14  # of a tile
_FEW = 256  # positions: for fewer it is not worth packing w
_PART = 144  # positions at least whose share of dw has a place of its own


def block_of(positions: int, channels: int) -> int:
    """How many rows are done at a time, of tables with so many channels together.

    So few that they fit into the cache, an even number of equal blocks, so that two threads or four have the same to
    do, and of those the one that leaves the fewest rows over in its last tiles.
    """
    least = max(1, -(-positions // 320), -(-positions * channels // _BLOCK))
    least += least % 2

    def computed(blocks: int) -> int:
        return blocks * -(-positions // (blocks * _ROWS))

    return -(-positions // min(range(least, least + 8, 2), key=computed))


def pointwise_link(x: Pending, w: np.ndarray, count: bool) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """``x @ w``, raw, for w (K, N), K and N multiples of 8; and if ``count`` its mean and variance (N,)."""
    K, N = w.shape
    P = x.raw.size // K
    if P < _FEW:
        y = multiply(x.finished().reshape(P, K), w)
        return y.reshape(*x.raw.shape[:-1], N), statistics(y) if count else None
    y = empty((*x.raw.shape[:-1], N))
    past = streams(y)
    rows = block_of(P, K + N)
    blocks = -(-P // rows)
    pieces = np.empty((2, blocks if count else 0, N), np.float32)
    given = x.source, pack(w), np.zeros(N, np.float32), y.reshape(-1), P, N, rows, pieces, past
    own = rows * pitch_of(K), rows * N if past else 0
    take_turns(_pointwise, given, blocks, work=P * K * N // 16, own=own)
    return y, together(pieces, pieces_of(P, rows)) if count else None


def pointwise_link_backward(
    dy: np.ndarray, y: Pending, x: Pending, w: np.ndarray, plus: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backward through y's nonlinearity and BatchNorm and through the convolution.

    Parameters
    ----------
    dy : (..., N)
        The gradient behind y's nonlinearity.
    y, x : Pending
        y's columns are those for backward.
    w : (K, N)
    plus : (..., K), optional
        Is added to dx.

    Returns
    -------
    dx : (..., K)
        Behind x's nonlinearity.
    dw : (K, N)
    sums : (blocks, 2, K)
        Of dx, for x's BatchNorm; of no meaning where x is not pending.
    """
    K, N = w.shape
    P = x.raw.size // K
    if 8 * w.size > P * (K + N):
        return _of_large_weights(dy, y, x, w, plus)
    rows = block_of(P, K + N)
    blocks = -(-P // rows)
    parts = max(1, min(blocks, 16, P // _PART))
    dx, dw, sums = empty(x.raw.shape), empty((parts, K, N)), np.zeros((blocks, 2, K), np.float32)
    adds = plus is not None
    past = streams(dx)
    given = (
        dy.reshape(-1), y.source, x.source, pack(w.T), np.zeros(max(K, N), np.float32),
        (plus if adds else dx).reshape(-1), adds, dx.reshape(-1), dw.reshape(-1), sums.reshape(-1), P, rows, parts,
        past,
    )  # fmt: skip
    own = rows * pitch_of(K), rows * pitch_of(N), rows * K if past else 0
    take_turns(_backward, given, parts, work=P * K * N // 8, own=own)
    return dx, total_of(dw), sums


def _of_large_weights(dy, y, x, w, plus):
    """The same in one pass after the other: the tables fit into the caches, several parts of dw would not."""
    (K, N), shape = w.shape, x.raw.shape
    d = backward_with(dy.reshape(-1, N), y.raw.reshape(-1, N), y.columns, y.act)
    dx = multiply(d, w.T)
    dw = multiply_transposed(x.finished().reshape(-1, K), d)
    if plus is not None:
        dx += plus.reshape(-1, K)
    sums = parts_of_sums(dx, x.raw.reshape(-1, K), x.columns, x.act) if x.columns is not None else None
    return dx.reshape(shape), dw, sums


@in_turns
def _pointwise(x, w, zeros, y, P, N, rows, pieces, past, normalized, block, b0, b1):
    K = x.C
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(y), 0)
    for b in range(b0, b1):
        count, at = min(rows, P - b * rows), b * rows * N
        out = address(block) if past else forward(address(y), at)
        source, pitch = ready(x, b * rows, count, address(normalized), pitch_of(K))
        whole_product(Rows(source, pitch, K, 1, 1, 0), count, address(w), ZERO, N, address(zeros), finish, out)
        if pieces.shape[1]:
            statistics_of_rows(out, count, N, address(pieces[0, b]), address(pieces[1, b]))
        if past:
            write_back(out, count * N, True, y, at)


@in_turns
def _backward(dy, y, x, w, zeros, plus, adds, dx, dw, sums, P, rows, parts, past, normalized, before, block, p0, p1):
    K, N, blocks = x.C, y.C, -(-P // rows)
    d, d_pitch = address(before), pitch_of(N)
    for part in range(p0, p1):
        first, last = blocks * part // parts, blocks * (part + 1) // parts
        for b in range(first, last):
            count = min(rows, P - b * rows)
            at, out = b * rows, address(block) if past else forward(address(dx), b * rows * K)
            backward_rows(
                forward(address(dy), at * N), forward(address(y.raw), at * N), count, N, address(y.columns), y.step,
                y.act, d, d_pitch,
            )  # fmt: skip
            source, pitch = ready(x, at, count, address(normalized), pitch_of(K))
            share = forward(address(dw), part * K * N)
            onto = Finish(_LOW, _HIGH, _CURVE, _SLOPE, b > first, share, 0)  # adds to what is there
            whole_product(Rows(source, 1, count, pitch, 1, 0), K, d, d_pitch, N, address(zeros), onto, share)
            and_plus = Finish(_LOW, _HIGH, _CURVE, _SLOPE, adds, forward(address(plus), at * K), 0)
            whole_product(Rows(d, d_pitch, N, 1, 1, 0), count, address(w), ZERO, K, address(zeros), and_plus, out)
            if x.pending:
                sums_of_rows(
                    out, forward(address(x.raw), at * K), count, K, address(x.columns), x.step, x.act,
                    forward(address(sums), 2 * b * K),
                )  # fmt: skip
            if past:
                write_back(out, count * K, True, dx, at * K)
