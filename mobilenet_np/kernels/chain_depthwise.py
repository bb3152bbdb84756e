"""A depthwise convolution between two BatchNorms (see `chain`), in bands of rows that fit into a core's own cache."""

from __future__ import annotations

import numpy as np

from ..geometry import Padding, output_size
from ..memory import empty
from ..parts import helper
from .batch_norm_rows import backward_rows, statistics_of_rows, sums_of_rows
from .chain import Pending, pitch_of, place, ready, streams
from .depthwise import Window, depthwise
from .depthwise_backward import cells_of, gather_rows, steps_of_cells
from .depthwise_weights import weights_of_rows
from .meanwhile import CHANNELS, plan, send_all, send_rest
from .normalize import Pieces
from .simd import address, forward
from .tiles import ACTS, Finish
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]

# Numbers of each table, 64 KB: with what comes and what goes, ten tables share a core's own cache.
_BLOCK = 2**14


def band_of(rows: int, numbers: int, least: int) -> int:
    """How many of so many rows are done at a time, which want so many numbers of a table each; in multiples of
    ``least``."""
    return min(rows, max(least, _BLOCK // numbers // least * least))


def _pitch_of(x: Pending) -> int:
    """From one pixel to the next where the rows of x lie that a band works on: in their table if nothing is pending."""
    C = x.raw.shape[-1]
    return C if x.columns is None else pitch_of(C)


def depthwise_link(
    x: Pending, w: np.ndarray, stride: int, padding: Padding, count: bool
) -> tuple[np.ndarray, Pieces | None]:
    """x (N, H, W, C) with w (3, 3, C) or (5, 5, C), raw; and if ``count`` what its statistics are made of."""
    (N, H, W, C), k, (top, left) = x.raw.shape, w.shape[0], (padding[0][0], padding[1][0])
    Ho, Wo = output_size(H, k, stride, padding[0]), output_size(W, k, stride, padding[1])
    y, pixel = empty((N, Ho, Wo, C)), _pitch_of(x)
    g = Window(k, stride, top, left, H, W, Wo, W * pixel, pixel, Wo * C, C, C)
    past = streams(y, Wo * C)
    band = band_of(Ho, stride * W * C, 2)  # two rows are done at once
    bands = -(-Ho // band)
    pieces = np.empty((2, N * bands if count else 0, C), np.float32)
    given = x.source, w.reshape(-1), np.zeros(W * pixel, np.float32), y.reshape(-1), g, Ho, band, bands, pieces, past
    own = ((band - 1) * stride + k) * W * pixel, 2 * band * Wo * C if past else 0
    take_turns(_depthwise, given, N * bands, work=y.size, own=own)
    return y, Pieces(pieces, Ho * Wo, band * Wo) if count else None


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
    pixel, dy_pixel = _pitch_of(x), pitch_of(C)
    g = Window(k, stride, top, left, H, W, Wo, W * pixel, pixel, Wo * dy_pixel, dy_pixel, C)
    past = streams(dx, W * C)
    # At stride 1 every dx gathers what its window of dy sends back: a depthwise convolution with the kernel rotated.
    back = Window(k, 1, k - 1 - top, k - 1 - left, Ho, Wo, W, Wo * dy_pixel, dy_pixel, W * C, C, C)
    taps = np.ascontiguousarray(w[::-1, ::-1] if stride == 1 else w).reshape(-1)
    # What is cut into bands: rows of dx, or at stride 2 of cells, which are two.
    total = H if stride == 1 else cells_of(H, top)
    band = band_of(total, stride * W * C, 2 if stride == 1 else 1)
    given = (
        dy.reshape(-1), y.source, x.source, taps, np.zeros(max(W, 5) * dy_pixel, np.float32), dx.reshape(-1),
        parts.reshape(-1), sums.reshape(-1), g, back, Ho, total, band, past,
    )  # fmt: skip
    rows = (band - 1) * stride + k
    own = rows * W * pixel, (band + k - 1) * Wo * dy_pixel, 2 * rows * W * C if past else 0, max(W, 5) * C
    take_turns(_backward, given, N, work=dx.size, own=own)
    return dx, np.add.reduce(parts, axis=0), sums


@helper
def _wanted(i0, i1, g):
    """Rows r0 to r1 of inputs are what rows i0 to i1 of outputs want."""
    return max(0, i0 * g.stride - g.top), min(g.H, (i1 - 1) * g.stride - g.top + g.kernel)


@helper
def _after(n, i1, Ho, end):
    """Image and first row of the band after the one that ends with row i1, and whether that is still before image
    ``end``."""
    return (n, i1, True) if i1 < Ho else (n + 1, 0, n + 1 < end)


@in_turns
def _depthwise(x, w, zeros, y, g, Ho, band, bands, pieces, past, normalized, blocks, b0, b1):
    """Bands b0 to b1 of all images, counted through."""
    C, raw_row, groups = x.C, g.W * x.C, -(-x.C // CHANNELS)
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(y), 0)
    going, table, size = address(y), address(y), 0  # the results of the band before
    for b in range(b0, b1):
        n, i0 = b // bands, b % bands * band
        i1 = min(Ho, i0 + band)
        r0, r1 = _wanted(i0, i1, g)
        out = forward(address(y), (n * Ho + i0) * g.y_row)
        block = place(blocks, b, band * g.y_row) if past else out
        rows, _ = ready(x, (n * g.H + r0) * g.W, (r1 - r0) * g.W, normalized, g.x_pixel)

        next_n, next_i0, _ = _after(n, i1, Ho, 0)
        next_r0, next_r1 = _wanted(next_i0, min(Ho, next_i0 + band), g)
        next_r0 = max(next_r0, r1) if next_n == n else next_r0
        coming, more = forward(address(x.raw), (next_n * g.H + next_r0) * raw_row), (next_r1 - next_r0) * (b + 1 < b1)
        steps = (i1 - i0) * g.Wo * groups
        meanwhile = plan(steps, coming, more * raw_row, coming, 0, coming, 0, going, table, size)
        step = depthwise(
            rows, -r0 * g.x_row, address(zeros), g, C, i0, i1, address(w), address(zeros), finish, block, meanwhile
        )
        send_rest(meanwhile, step)
        if pieces.shape[1]:
            statistics_of_rows(block, (i1 - i0) * g.Wo, C, address(pieces[0, b]), address(pieces[1, b]))
        going, table, size = block, out, (i1 - i0) * g.y_row * past
    send_all(going, table, size)


@helper
def _rows_of_band(i0, i1, g, back, Ho):
    """Rows s0 to s1 of dy and r0 to r1 of x are what a band wants; rows q0 to q1 of dx are what it makes."""
    if g.stride == 1:
        return *_wanted(i0, i1, back), *_wanted(i0, i1, g), i0, i1
    s0, r0, r1 = max(0, i0 - g.kernel // 2), max(0, 2 * i0 - g.top), min(g.H, 2 * i1 - g.top)
    return min(s0, Ho), min(i1, Ho), r0, r1, r0, r1


@in_turns
def _backward(
    dy, y, x, w, zeros, dx, dw, sums, g, back, Ho, total, band, past, normalized, before, blocks, waste, n0, n1
):
    C, groups = x.C, -(-x.C // CHANNELS)
    row, dy_row = g.W * C, g.Wo * C  # of the tables; those of one's own memory are longer
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(dx), 0)
    none = address(zeros)
    going, table, size = address(dx), address(dx), 0  # the results of the band before
    b, room = 0, ((band - 1) * g.stride + g.kernel) * row
    for n in range(n0, n1):
        shares = forward(address(dw), n * g.kernel * g.kernel * C)
        for i0 in range(0, total, band):
            i1 = min(total, i0 + band)
            s0, s1, r0, r1, q0, q1 = _rows_of_band(i0, i1, g, back, Ho)
            image, out = n * g.H * row, forward(address(dx), (n * g.H + q0) * row)
            block = place(blocks, b, room) if past else out
            at = (n * Ho + s0) * dy_row
            backward_rows(
                forward(address(dy), at), forward(address(y.raw), at), (s1 - s0) * g.Wo, C, address(y.columns), y.step,
                y.act, before, g.y_pixel,
            )  # fmt: skip
            rows, _ = ready(x, (n * g.H + r0) * g.W, (r1 - r0) * g.W, normalized, g.x_pixel)
            rows = forward(rows, -r0 * g.x_row)

            next_n, next_i0, more = _after(n, i1, total, n1)
            next_s0, next_s1, next_r0, next_r1, _, _ = _rows_of_band(next_i0, min(total, next_i0 + band), g, back, Ho)
            if next_n == n:
                next_r0, next_s0 = max(next_r0, r1), max(next_s0, s1)
            coming, dys = (next_n * Ho + next_s0) * dy_row, (next_s1 - next_s0) * dy_row * more
            steps = (i1 - i0) * groups * (g.W + g.Wo) if g.stride == 1 else steps_of_cells(i1 - i0, g, groups)
            meanwhile = plan(
                steps, forward(address(dy), coming), dys, forward(address(y.raw), coming), dys,
                forward(address(x.raw), (next_n * g.H + next_r0) * row), (next_r1 - next_r0) * row * more,
                going, table, size,
            )  # fmt: skip
            if g.stride == 1:
                step = depthwise(
                    before, -s0 * g.y_row, none, back, C, i0, i1, address(w), none, finish, block, meanwhile
                )
                step = weights_of_rows(
                    forward(before, (i0 - s0) * g.y_row), rows, none, g, i0, i1, shares, meanwhile, step
                )
            else:
                step = gather_rows(
                    before, s0, Ho, rows, forward(block, -q0 * row), none, waste, address(w), shares, g, i0, i1,
                    0, C, meanwhile, 0,
                )  # fmt: skip
            send_rest(meanwhile, step)
            if x.pending:
                sums_of_rows(
                    block, forward(address(x.raw), image + q0 * row), (q1 - q0) * g.W, C, address(x.columns), x.step,
                    x.act, forward(address(sums), 2 * n * C),
                )  # fmt: skip
            going, table, size, b = block, out, (q1 - q0) * row * past, b + 1
    send_all(going, table, size)
