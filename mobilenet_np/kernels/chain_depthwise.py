"""A depthwise convolution between two BatchNorms (see `chain`), in bands of rows that fit into a core's own cache."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..geometry import Padding, output_size
from ..memory import empty
from .batch_norm_rows import backward_rows, statistics_of_rows, sums_of_rows
from .chain import Pending, ready, streams, write_back
from .depthwise import Window, depthwise
from .depthwise_backward import sweep_rows, weights_of_rows
from .normalize import together
from .simd import address, forward, load8, splat8, store
from .tiles import ACTS, Finish
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]
_0 = np.float32(0)

_BLOCK = 3 * 2**16  # numbers, 768 KB: three quarters of a core's own cache


def band_of(rows: int, row: int, kernel: int, stride: int, tables: int) -> int:
    """How many of so many rows of outputs are done at a time, where a row of inputs has ``row`` numbers and so many
    tables of that width are in use at once."""
    fits = max(1, (_BLOCK // (tables * row) - kernel) // stride + 1)
    return -(-rows // -(-rows // fits))


def depthwise_link(
    x: Pending, w: np.ndarray, stride: int, padding: Padding, count: bool
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """x (N, H, W, C) with w (3, 3, C) or (5, 5, C), raw; and if ``count`` its mean and variance (C,)."""
    (N, H, W, C), k, (top, left) = x.raw.shape, w.shape[0], (padding[0][0], padding[1][0])
    Ho, Wo = output_size(H, k, stride, padding[0]), output_size(W, k, stride, padding[1])
    y = empty((N, Ho, Wo, C))
    g = Window(k, stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    past = streams(y)
    band = band_of(Ho, W * C, k, stride, 1 + past)
    bands = -(-Ho // band)
    pieces = np.empty((2, N * bands if count else 0, C), np.float32)
    given = x.source, w.reshape(-1), np.zeros(W * C, np.float32), y.reshape(-1), g, Ho, band, bands, pieces, past
    own = ((band - 1) * stride + k) * W * C, band * Wo * C if past else 0
    take_turns(_depthwise, given, N * bands, work=y.size, own=own)
    counts = np.tile(np.minimum(band, Ho - np.arange(0, Ho, band)) * Wo, N)
    return y, together(pieces, counts) if count else None


def depthwise_link_backward(
    dy: np.ndarray, y: Pending, x: Pending, w: np.ndarray, stride: int, padding: Padding
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backward through y's nonlinearity and BatchNorm and through the convolution, with "same" padding.

    Parameters
    ----------
    dy : (N, Ho, Wo, C)
        The gradient behind y's nonlinearity.
    y, x : Pending
        y's columns are those for backward.

    Returns
    -------
    dx : (N, H, W, C)
        Behind x's nonlinearity.
    dw : (kh, kw, C)
    sums : (N, 2, C)
        Of dx, for x's BatchNorm; of no meaning where x is not pending.
    """
    (N, H, W, C), (_, Ho, Wo, _), k = x.raw.shape, dy.shape, w.shape[0]
    top, left = padding[0][0], padding[1][0]
    dx, parts, sums = empty(x.raw.shape), np.zeros((N, *w.shape), np.float32), np.zeros((N, 2, C), np.float32)
    g = Window(k, stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    past = streams(dx)
    band = band_of(Ho, W * C, k, stride, 3 if past or stride > 1 else 2)
    # At stride 1 every dx gathers what its window of dy sends back: a depthwise convolution with the kernel rotated.
    back = Window(k, 1, k - 1 - top, k - 1 - left, Ho, Wo, W, Wo * C, C, W * C, C, C)
    taps = np.ascontiguousarray(w[::-1, ::-1] if stride == 1 else w).reshape(-1)
    given = (
        dy.reshape(-1), y.source, x.source, taps, np.zeros(max(W, Wo) * C, np.float32), dx.reshape(-1),
        parts.reshape(-1), sums.reshape(-1), g, back, Ho, band, past,
    )  # fmt: skip
    inputs = ((band - 1) * stride + k) * W * C
    own = inputs, (band + k - 1) * Wo * C, inputs if past or stride > 1 else 0
    take_turns(_backward, given, N, work=dx.size, own=own)
    return dx, np.add.reduce(parts, axis=0), sums


@in_turns
def _depthwise(x, w, zeros, y, g, Ho, band, bands, pieces, past, normalized, block, b0, b1):
    C = x.C
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(y), 0)
    for b in range(b0, b1):
        n, i0 = b // bands, b % bands * band
        i1, at = min(Ho, i0 + band), (n * Ho + i0) * g.y_row
        out = address(block) if past else forward(address(y), at)
        r0, r1 = max(0, i0 * g.stride - g.top), min(g.H, (i1 - 1) * g.stride - g.top + g.kernel)
        rows, _ = ready(x, (n * g.H + r0) * g.W, (r1 - r0) * g.W, address(normalized), C)
        depthwise(rows, -r0 * g.x_row, address(zeros), g, C, i0, i1, address(w), address(zeros), finish, out)
        if pieces.shape[1]:
            statistics_of_rows(out, (i1 - i0) * g.Wo, C, address(pieces[0, b]), address(pieces[1, b]))
        if past:
            write_back(out, (i1 - i0) * g.y_row, True, y, at)


@njit(nogil=True)
def _before(dy, y, row, rows, d):
    """Some positions of the gradient before y's BatchNorm, in ``d``."""
    at = row * y.C
    dy, raw = forward(address(dy), at), forward(address(y.raw), at)
    backward_rows(dy, raw, rows, y.C, address(y.columns), y.step, y.act, d, y.C)


@in_turns
def _backward(dy, y, x, w, zeros, dx, dw, sums, g, back, Ho, band, past, normalized, before, block, n0, n1):
    C = x.C
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(dx), 0)
    d, nothing = address(before), address(zeros)
    for n in range(n0, n1):
        image, shares = n * g.H * g.x_row, forward(address(dw), n * g.kernel * g.kernel * C)
        done = met = 0  # rows of dx that are complete, and that some row of dy has met
        for i0 in range(0, Ho, band):
            i1 = min(Ho, i0 + band)
            r0, r1 = max(0, i0 * g.stride - g.top), min(g.H, (i1 - 1) * g.stride - g.top + g.kernel)
            rows, _ = ready(x, (n * g.H + r0) * g.W, (r1 - r0) * g.W, address(normalized), C)
            rows = forward(rows, -r0 * g.x_row)
            out = forward(address(dx), image + done * g.x_row)
            if g.stride == 1:
                s0, s1 = max(0, i0 - back.top), min(Ho, i1 - 1 - back.top + g.kernel)
                _before(dy, y, (n * Ho + s0) * g.Wo, (s1 - s0) * g.Wo, d)
                own, complete = forward(d, (i0 - s0) * g.y_row), i1
                if past:
                    out = address(block)
                depthwise(d, -s0 * g.y_row, nothing, back, C, i0, i1, address(w), nothing, finish, out)
                weights_of_rows(own, rows, nothing, g, i0, i1, shares)
            else:
                _before(dy, y, (n * Ho + i0) * g.Wo, (i1 - i0) * g.Wo, d)
                out = address(block)
                # What the band before has begun comes first, and then rows that nobody has met.
                for at in range((met - done) * g.x_row, (max(r1, met) - done) * g.x_row, 8):
                    store(splat8(_0), out, at)
                sweep_rows(d, rows, address(w), forward(out, -done * g.x_row), shares, g, i0, i1, 0, C)
                met = max(r1, met)
                complete = min(met, max(0, i1 * g.stride - g.top)) if i1 < Ho else met
            if x.pending:
                raw = forward(address(x.raw), image + done * g.x_row)
                sums_of_rows(
                    out, raw, (complete - done) * g.W, C, address(x.columns), x.step, x.act,
                    forward(address(sums), 2 * n * C),
                )  # fmt: skip
            if past or g.stride > 1:
                write_back(out, (complete - done) * g.x_row, past, dx, image + done * g.x_row)
                for at in range(0, (met - complete) * g.x_row, 8):
                    store(load8(out, (complete - done) * g.x_row + at), out, at)
            done = complete
        for at in range(image + done * g.x_row, image + g.H * g.x_row):  # rows that no window has met
            dx[at] = 0
