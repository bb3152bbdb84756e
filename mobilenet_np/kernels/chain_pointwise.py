"""A pointwise convolution between two BatchNorms (see `chain`), in blocks of rows that fit into a core's own cache."""

from __future__ import annotations

import numpy as np

from ..memory import empty
from .batch_norm_rows import backward_rows, normalize_rows, statistics_of_rows, sums_of_rows
from .chain import Pending, pitch_of, place, ready, streams, total_of
from .matmul import DEPTH, block_of, multiply
from .meanwhile import ROWS, ROWS_OF_WEIGHTS, nothing, plan, send_all, send_rest, steps_of
from .normalize import Pieces, pieces_of
from .product import pack, whole_product
from .simd import address, forward
from .tiles import ACTS, Finish, Rows
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]

_FEW = 256  # positions: for fewer it is not worth packing w


def pointwise_link(x: Pending, w: np.ndarray, count: bool) -> tuple[np.ndarray, Pieces | None]:
    """``x @ w``, raw, for w (K, N), K and N multiples of 8; and if ``count`` what its statistics are made of."""
    K, N = w.shape
    P = x.raw.size // K
    if P < _FEW:
        y = multiply(x.finished().reshape(P, K), w)
        return y.reshape(*x.raw.shape[:-1], N), pieces_of(y) if count else None
    y = empty((*x.raw.shape[:-1], N))
    rows = block_of(P, K + N)
    blocks = -(-P // rows)
    past = streams(y, rows * N)
    pieces = np.empty((2, blocks if count else 0, N), np.float32)
    given = x.source, pack(w), np.zeros(N, np.float32), y.reshape(-1), P, N, rows, pieces, past
    own = rows * pitch_of(K), 2 * rows * N if past else 0
    take_turns(_pointwise, given, blocks, work=P * K * N // 16, own=own)
    return y, Pieces(pieces, P, rows) if count else None


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
    rows = block_of(P, K + N)
    blocks = -(-P // rows)
    # Each part of dw is written and read once: all together are to be less than a quarter of the tables. Where already
    # few would be more, dw is computed apart.
    apart = 8 * w.size > P * (K + N)
    parts = blocks if apart else min(blocks, 16, max(4, P * (K + N) // (4 * w.size)))
    d_pitch, adds = pitch_of(N), plus is not None
    dx, dw, sums = empty(x.raw.shape), empty((0 if apart else parts, K, N)), np.zeros((blocks, 2, K), np.float32)
    d = empty((P * d_pitch if apart else 0,))
    past = streams(dx, rows * K)
    given = (
        dy.reshape(-1), y.source, x.source, pack(w.T), np.zeros(max(K, N), np.float32),
        (plus if adds else dx).reshape(-1), adds, dx.reshape(-1), dw.reshape(-1), d, sums.reshape(-1), P, rows, parts,
        past,
    )  # fmt: skip
    own = rows * pitch_of(K), rows * d_pitch, 2 * rows * K if past else 0
    take_turns(_backward, given, parts, work=P * K * N // 8, own=own)
    return dx, _gradient_of_weights(x, d, P, K, N) if apart else total_of(dw), sums


def _gradient_of_weights(x, d, P, K, N):
    dw = empty((K, N))
    most = -(-K // (16 * 8)) * 16  # of its rows at a time: eight turns are enough for many threads
    given = x.source, d, np.zeros(N, np.float32), dw.reshape(-1), P, K, N, most
    take_turns(_weights, given, K, work=P * K * N // 16, grain=16, own=(DEPTH * pitch_of(most),))
    return dw


@in_turns
def _pointwise(x, w, zeros, y, P, N, rows, pieces, past, normalized, blocks, b0, b1):
    K = x.C
    onto = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(y), 0)
    going, table, size = address(y), address(y), 0  # the results of the block before
    for b in range(b0, b1):
        count, out = min(rows, P - b * rows), forward(address(y), b * rows * N)
        block = place(blocks, b, rows * N) if past else out
        source, pitch = ready(x, b * rows, count, normalized, pitch_of(K))
        coming, more = forward(address(x.raw), (b + 1) * rows * K), min(rows, P - (b + 1) * rows) * (b + 1 < b1)
        meanwhile = plan(steps_of(count, K, N, ROWS), coming, more * K, coming, 0, coming, 0, going, table, size)
        matrix = Rows(source, pitch, K, 1, 1, 0)
        step = whole_product(matrix, count, address(w), 0, N, address(zeros), onto, block, meanwhile, 0)
        send_rest(meanwhile, step)
        if pieces.shape[1]:
            statistics_of_rows(block, count, N, address(pieces[0, b]), address(pieces[1, b]))
        going, table, size = block, out, count * N * past
    send_all(going, table, size)


@in_turns
def _backward(dy, y, x, w, zeros, plus, adds, dx, dw, d, sums, P, rows, parts, past, normalized, before, both, p0, p1):
    """Parts p0 to p1 of the blocks. Where dw is empty it is computed apart, from what BatchNorm sends back: d."""
    K, N, blocks = x.C, y.C, -(-P // rows)
    d_pitch = pitch_of(N)
    going, table, size = address(dx), address(dx), 0  # the results of the block before
    last = blocks * p1 // parts
    for part in range(p0, p1):
        first = blocks * part // parts
        for b in range(first, blocks * (part + 1) // parts):
            at, count, out = b * rows, min(rows, P - b * rows), forward(address(dx), b * rows * K)
            block = place(both, b, rows * K) if past else out
            behind = before if dw.size else forward(address(d), at * d_pitch)
            backward_rows(
                forward(address(dy), at * N), forward(address(y.raw), at * N), count, N, address(y.columns), y.step,
                y.act, behind, d_pitch,
            )  # fmt: skip
            coming, more = at + rows, min(rows, P - at - rows) * (b + 1 < last)
            meanwhile = plan(
                steps_of(K, count, N, ROWS_OF_WEIGHTS) * (dw.size > 0) + steps_of(count, N, K, ROWS),
                forward(address(dy), coming * N), more * N, forward(address(y.raw), coming * N), more * N,
                forward(address(x.raw), coming * K), more * K, going, table, size,
            )  # fmt: skip
            step = 0
            if dw.size:
                source, pitch = ready(x, at, count, normalized, pitch_of(K))
                share = forward(address(dw), part * K * N)
                onto = Finish(_LOW, _HIGH, _CURVE, _SLOPE, b > first, share, 0)  # adds to what is there
                turned = Rows(source, 1, count, pitch, 1, 0)
                step = whole_product(turned, K, behind, d_pitch, N, address(zeros), onto, share, meanwhile, step)
            # ``plus`` lies as dx does, the block perhaps elsewhere.
            and_plus = Finish(_LOW, _HIGH, _CURVE, _SLOPE, adds, forward(address(plus), at * K), 0)
            matrix = Rows(behind, d_pitch, N, 1, 1, 0)
            step = whole_product(matrix, count, address(w), 0, K, address(zeros), and_plus, block, meanwhile, step)
            send_rest(meanwhile, step)
            if x.pending:
                sums_of_rows(
                    block, forward(address(x.raw), at * K), count, K, address(x.columns), x.step, x.act,
                    forward(address(sums), 2 * b * K),
                )  # fmt: skip
            going, table, size = block, out, count * K * past
    send_all(going, table, size)


@in_turns
def _weights(x, d, zeros, dw, P, K, N, most, normalized, start, stop):
    """Rows start to stop of dw, some at a time, for which some channels of x are normalized."""
    d_pitch = pitch_of(N)
    for k0 in range(start, stop, most):
        k1 = min(stop, k0 + most)
        out = forward(address(dw), k0 * N)
        for p in range(0, P, DEPTH):
            count, source, pitch = min(DEPTH, P - p), forward(address(x.raw), p * K + k0), K
            if x.pending:
                pitch = pitch_of(most)
                normalize_rows(
                    source, K, count, k1 - k0, forward(address(x.columns), k0), x.step, x.act, source, False,
                    normalized, pitch,
                )  # fmt: skip
                source = normalized
            onto = Finish(_LOW, _HIGH, _CURVE, _SLOPE, p > 0, out, 0)  # adds to what is there
            turned, some = Rows(source, 1, count, pitch, 1, 0), forward(address(d), p * d_pitch)
            whole_product(turned, k1 - k0, some, d_pitch, N, address(zeros), onto, out, nothing(out), 0)
