"""Rows of a depthwise convolution, with the weights of some channels kept in registers along the whole row.

A depthwise convolution does little with each number that it fetches: nine multiply-adds for nine inputs and nine
weights. With the weights in registers only the inputs are left to fetch, one for each multiply-add, which is what a
processor can do at full speed. Sixteen channels are taken at a time, a whole cache line, where there are 32 registers
for their weights, and eight elsewhere. The sums of neighbouring outputs do not depend on each other, so the processor
works on several at once by itself. Where registers are left for sums of several windows, each input is fetched once for
all of them: `depthwise_columns`.

Arrays are given by address and offset, as in `tiles`. Rows above and below the image are rows of zeros that the caller
keeps somewhere; columns beside it are left out. Every result is one chain of fused multiply-adds over the taps, column
by column, starting from the bias.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..parts import helper, part
from .depthwise_columns import add_3, add_5, by_columns, nine, row_of, row_of_5, two_rows_of_3, two_rows_of_3_apart
from .meanwhile import along, nothing
from .simd import address, forward, load8, load16, load_like
from .tiles import ACTS, REGISTERS, Finish, put
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]


class Window(NamedTuple):
    """The window's geometry, and how the arrays that it meets lie in memory.

    Attributes
    ----------
    kernel, stride, top, left : int
    H, W, Wo : int
        Rows and columns of x, columns of y.
    x_row, x_pixel, y_row, y_pixel : int
        Steps from one row or pixel to the next.
    w_tap : int
        Step from one tap's weights to the next tap's.
    """

    kernel: int
    stride: int
    top: int
    left: int
    H: int
    W: int
    Wo: int
    x_row: int
    x_pixel: int
    y_row: int
    y_pixel: int
    w_tap: int


@helper
def _column_of_3(x0, x1, x2, at, w0, w1, w2, v):
    return add_3(v, load_like(v, x0, at), load_like(v, x1, at), load_like(v, x2, at), w0, w1, w2)


@part
def _row_3x3(x0, x1, x2, g, first, last, w, bias, finish, y):
    """One row of outputs for as many channels as ``bias`` has; the leftmost window's rows begin at x0, x1, x2."""
    pixel, step = g.x_pixel, g.stride * g.x_pixel
    w00, w01, w02, w10, w11, w12, w20, w21, w22 = nine(bias, w, g.w_tap)
    for j in range(first, last):
        a = j * step
        b, c = a + pixel, a + 2 * pixel
        v = _column_of_3(x0, x1, x2, a, w00, w10, w20, bias)
        v = _column_of_3(x0, x1, x2, b, w01, w11, w21, v)
        v = _column_of_3(x0, x1, x2, c, w02, w12, w22, v)
        put(v, finish, y, j * g.y_pixel)
    j = 0
    while j < g.Wo:  # at the sides of the image some columns of the window lie outside
        if j == first:
            j = last
            if j >= g.Wo:
                break
        a, v = j * step, bias
        b, c = a + pixel, a + 2 * pixel
        inside = g.left - j * g.stride, g.W + g.left - j * g.stride
        if inside[0] <= 0 < inside[1]:
            v = _column_of_3(x0, x1, x2, a, w00, w10, w20, v)
        if inside[0] <= 1 < inside[1]:
            v = _column_of_3(x0, x1, x2, b, w01, w11, w21, v)
        if inside[0] <= 2 < inside[1]:
            v = _column_of_3(x0, x1, x2, c, w02, w12, w22, v)
        put(v, finish, y, j * g.y_pixel)
        j += 1


@helper
def _column_of_5(x0, x1, x2, x3, x4, at, w0, w1, w2, w3, w4, v):
    a, b, c = load_like(v, x0, at), load_like(v, x1, at), load_like(v, x2, at)
    return add_5(v, a, b, c, load_like(v, x3, at), load_like(v, x4, at), w0, w1, w2, w3, w4)


@part
def _row_5x5(x0, x1, x2, x3, x4, g, first, last, w, bias, finish, y):
    """The same for 25 taps."""
    t, pixel, step = g.w_tap, g.x_pixel, g.stride * g.x_pixel
    w00, w01, w02, w03, w04 = (
        load_like(bias, w, 0),
        load_like(bias, w, t),
        load_like(bias, w, 2 * t),
        load_like(bias, w, 3 * t),
        load_like(bias, w, 4 * t),
    )
    w10, w11, w12, w13, w14 = (
        load_like(bias, w, 5 * t),
        load_like(bias, w, 6 * t),
        load_like(bias, w, 7 * t),
        load_like(bias, w, 8 * t),
        load_like(bias, w, 9 * t),
    )
    w20, w21, w22, w23, w24 = (
        load_like(bias, w, 10 * t),
        load_like(bias, w, 11 * t),
        load_like(bias, w, 12 * t),
        load_like(bias, w, 13 * t),
        load_like(bias, w, 14 * t),
    )
    w30, w31, w32, w33, w34 = (
        load_like(bias, w, 15 * t),
        load_like(bias, w, 16 * t),
        load_like(bias, w, 17 * t),
        load_like(bias, w, 18 * t),
        load_like(bias, w, 19 * t),
    )
    w40, w41, w42, w43, w44 = (
        load_like(bias, w, 20 * t),
        load_like(bias, w, 21 * t),
        load_like(bias, w, 22 * t),
        load_like(bias, w, 23 * t),
        load_like(bias, w, 24 * t),
    )
    for j in range(first, last):
        a = j * step
        v = _column_of_5(x0, x1, x2, x3, x4, a, w00, w10, w20, w30, w40, bias)
        v = _column_of_5(x0, x1, x2, x3, x4, a + pixel, w01, w11, w21, w31, w41, v)
        v = _column_of_5(x0, x1, x2, x3, x4, a + 2 * pixel, w02, w12, w22, w32, w42, v)
        v = _column_of_5(x0, x1, x2, x3, x4, a + 3 * pixel, w03, w13, w23, w33, w43, v)
        v = _column_of_5(x0, x1, x2, x3, x4, a + 4 * pixel, w04, w14, w24, w34, w44, v)
        put(v, finish, y, j * g.y_pixel)
    j = 0
    while j < g.Wo:
        if j == first:
            j = last
            if j >= g.Wo:
                break
        a, v = j * step, bias
        inside = g.left - j * g.stride, g.W + g.left - j * g.stride
        if inside[0] <= 0 < inside[1]:
            v = _column_of_5(x0, x1, x2, x3, x4, a, w00, w10, w20, w30, w40, v)
        if inside[0] <= 1 < inside[1]:
            v = _column_of_5(x0, x1, x2, x3, x4, a + pixel, w01, w11, w21, w31, w41, v)
        if inside[0] <= 2 < inside[1]:
            v = _column_of_5(x0, x1, x2, x3, x4, a + 2 * pixel, w02, w12, w22, w32, w42, v)
        if inside[0] <= 3 < inside[1]:
            v = _column_of_5(x0, x1, x2, x3, x4, a + 3 * pixel, w03, w13, w23, w33, w43, v)
        if inside[0] <= 4 < inside[1]:
            v = _column_of_5(x0, x1, x2, x3, x4, a + 4 * pixel, w04, w14, w24, w34, w44, v)
        put(v, finish, y, j * g.y_pixel)
        j += 1


@part
def _row(x0, x1, x2, x3, x4, g, first, last, c, w, bias, finish, y):
    """One row of outputs for channels c, c + 1, ...; as many as ``bias`` has."""
    x0, x1, x2, w, y = forward(x0, c), forward(x1, c), forward(x2, c), forward(w, c), forward(y, c)
    if g.kernel == 3:
        _row_3x3(x0, x1, x2, g, first, last, w, bias, finish, y)
    else:
        _row_5x5(x0, x1, x2, forward(x3, c), forward(x4, c), g, first, last, w, bias, finish, y)


@helper
def _columns(x0, x1, x2, x3, x4, g, c, w, bias, finish, y, meanwhile, step):
    """Two rows, or one if the kernel is 5x5, in the way of `depthwise_columns`."""
    x0, x1, x2, x3, x4 = forward(x0, c), forward(x1, c), forward(x2, c), forward(x3, c), forward(x4, c)
    w, y = forward(w, c), forward(y, c)
    if g.kernel == 5:
        row_of_5(x0, x1, x2, x3, x4, g, w, bias, finish, y, meanwhile, step)
    elif g.stride == 1:
        two_rows_of_3(x0, x1, x2, x3, g, w, bias, finish, y, meanwhile, step)
    else:
        two_rows_of_3_apart(x0, x1, x2, x3, x4, g, w, bias, finish, y, meanwhile, step)


@helper
def depthwise(x, x_at, zeros, g, C, i0, i1, w, bias, finish, y, meanwhile):
    """Output rows i0 to i1 for C channels (a multiple of 8), kernel 3x3 or 5x5; the step in the plan for ``meanwhile``
    after the last.

    ``x_at`` is the offset in x of the image's row 0, column 0, which need not exist where only some rows are kept;
    ``zeros`` is the address of a row of zeros; y is the address of output row i0.
    """
    first = min(g.Wo, max(0, -(-g.left // g.stride)))  # from here to last the windows lie inside
    last = max(first, min(g.Wo, (g.W - g.kernel + g.left) // g.stride + 1))
    image, none, step = forward(x, x_at - g.left * g.x_pixel), forward(zeros, -g.left * g.x_pixel), 0
    at_once, together, wide = by_columns(g, i1 - i0, C)
    for i in range(i0, i0 + together, at_once):
        r, out = i * g.stride - g.top, forward(y, (i - i0) * g.y_row)  # r: the window's first row
        x0, x1, x2 = row_of(image, r, g, none), row_of(image, r + 1, g, none), row_of(image, r + 2, g, none)
        x3, x4 = row_of(image, r + 3, g, none), row_of(image, r + 4, g, none)
        for c in range(0, wide, 16):
            _columns(x0, x1, x2, x3, x4, g, c, w, load16(bias, c), finish, out, meanwhile, step)
            step += at_once * g.Wo
    for i in range(i0, i1):
        r, out = i * g.stride - g.top, forward(y, (i - i0) * g.y_row)
        x0, x1, x2 = row_of(image, r, g, none), row_of(image, r + 1, g, none), row_of(image, r + 2, g, none)
        x3, x4 = row_of(image, r + 3, g, none), row_of(image, r + 4, g, none)
        c = wide if i < i0 + together else 0
        while c < C:
            along(meanwhile, step, step + g.Wo)
            step += g.Wo
            if REGISTERS >= 32 and c + 16 <= C:
                _row(x0, x1, x2, x3, x4, g, first, last, c, w, load16(bias, c), finish, out)
                c += 16
            else:
                _row(x0, x1, x2, x3, x4, g, first, last, c, w, load8(bias, c), finish, out)
                c += 8
    return step


def depthwise_of_batch(x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int, y: np.ndarray) -> None:
    """Depthwise convolution of x (N, H, W, C) with w (3, 3, C) or (5, 5, C) into y (N, Ho, Wo, C), on all threads."""
    N, H, W, C = x.shape
    Ho, Wo = y.shape[1:3]
    g = Window(w.shape[0], stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    zeros = np.zeros(W * C, np.float32)
    flat = x.reshape(-1), w.reshape(-1), y.reshape(-1)
    take_turns(_rows_of_batch, (*flat, zeros, g, C, Ho), N * Ho, work=y.size)


@in_turns
def _rows_of_batch(x, w, y, zeros, g, C, Ho, r0, r1):
    """Rows r0 to r1 of all images' output rows, counted through."""
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(y), 0)
    while r0 < r1:
        n, i = r0 // Ho, r0 % Ho
        i1 = min(Ho, i + r1 - r0)
        depthwise(
            address(x), n * g.H * g.x_row, address(zeros), g, C, i, i1, address(w), address(zeros), finish,
            forward(address(y), r0 * g.y_row), nothing(address(y)),
        )  # fmt: skip
        r0 += i1 - i
