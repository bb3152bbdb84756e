"""The gradients of a depthwise convolution's weights alone, at stride 1, in sums that stay in registers along a row.

A row of dy meets the rows of its windows; or, for a 3x3 kernel and where registers are left, two rows of dy do at once,
column by column as in `depthwise_columns`.
"""

from __future__ import annotations

import numpy as np

from ..parts import helper, part
from .depthwise_columns import by_columns, row_of
from .meanwhile import along
from .simd import add, fma, forward, load_like, splat8, splat16, store
from .tiles import REGISTERS

_0 = np.float32(0)


@helper
def _one_weight(dy, x, pixel, g, j, b, s):
    """One tap's sum, if column b of window j lies inside."""
    inside = 0 <= j - g.left + b < g.W
    return fma(load_like(s, dy, j * g.y_pixel), load_like(s, x, (j + b) * pixel), s) if inside else s


@part
def _weights_3x3(dy, x0, x1, x2, g, first, last, none, dw):
    """One row of dy and the three rows of its windows: nine sums in registers."""
    pixel, tap = g.x_pixel, g.w_tap
    s00, s01, s02 = none, none, none
    s10, s11, s12 = none, none, none
    s20, s21, s22 = none, none, none
    for j in range(first, last):
        d, a = load_like(none, dy, j * g.y_pixel), j * pixel
        b, c = a + pixel, a + 2 * pixel
        s00, s10, s20 = (
            fma(d, load_like(none, x0, a), s00),
            fma(d, load_like(none, x1, a), s10),
            fma(d, load_like(none, x2, a), s20),
        )
        s01, s11, s21 = (
            fma(d, load_like(none, x0, b), s01),
            fma(d, load_like(none, x1, b), s11),
            fma(d, load_like(none, x2, b), s21),
        )
        s02, s12, s22 = (
            fma(d, load_like(none, x0, c), s02),
            fma(d, load_like(none, x1, c), s12),
            fma(d, load_like(none, x2, c), s22),
        )
    j = 0
    while j < g.Wo:
        if j == first:
            j = last
            if j >= g.Wo:
                break
        s00, s01, s02 = (
            _one_weight(dy, x0, pixel, g, j, 0, s00),
            _one_weight(dy, x0, pixel, g, j, 1, s01),
            _one_weight(dy, x0, pixel, g, j, 2, s02),
        )
        s10, s11, s12 = (
            _one_weight(dy, x1, pixel, g, j, 0, s10),
            _one_weight(dy, x1, pixel, g, j, 1, s11),
            _one_weight(dy, x1, pixel, g, j, 2, s12),
        )
        s20, s21, s22 = (
            _one_weight(dy, x2, pixel, g, j, 0, s20),
            _one_weight(dy, x2, pixel, g, j, 1, s21),
            _one_weight(dy, x2, pixel, g, j, 2, s22),
        )
        j += 1
    add_to_3(dw, 0, tap, s00, s01, s02)
    add_to_3(dw, 3 * tap, tap, s10, s11, s12)
    add_to_3(dw, 6 * tap, tap, s20, s21, s22)


@helper
def _column_of_weights(dy, x0, x1, x2, at, j, g, s0, s1, s2):
    """What a column of the image adds to the three taps that it has in window j, if there is one."""
    if 0 <= j < g.Wo:
        d = load_like(s0, dy, j * g.y_pixel)
        s0, s1, s2 = (
            fma(d, load_like(s0, x0, at), s0),
            fma(d, load_like(s0, x1, at), s1),
            fma(d, load_like(s0, x2, at), s2),
        )
    return s0, s1, s2


@part
def _weights_of_two_rows(dy, x0, x1, x2, x3, g, none, dw, meanwhile, step):
    """Two rows of dy and the four rows of their windows, each column of the image fetched once for all of its windows;
    d0 and d1 belong to the windows that begin with the column, e and f to those one and two before.
    """
    pixel, tap = g.x_pixel, g.w_tap
    s00, s01, s02 = none, none, none
    s10, s11, s12 = none, none, none
    s20, s21, s22 = none, none, none
    below, end, last_step = forward(dy, g.y_row), min(g.Wo, g.W + g.left), step + 2 * g.Wo
    if end > 2:
        f0, e0 = load_like(none, dy, 0), load_like(none, dy, g.y_pixel)
        f1, e1 = load_like(none, below, 0), load_like(none, below, g.y_pixel)
        for t in range(2, end):
            at, d0, d1 = t * pixel, load_like(none, dy, t * g.y_pixel), load_like(none, below, t * g.y_pixel)
            along(meanwhile, step, step + 2)
            step += 2
            a, b, c, d = (
                load_like(none, x0, at),
                load_like(none, x1, at),
                load_like(none, x2, at),
                load_like(none, x3, at),
            )
            s00, s10, s20 = fma(d0, a, s00), fma(d0, b, s10), fma(d0, c, s20)
            s01, s11, s21 = fma(e0, a, s01), fma(e0, b, s11), fma(e0, c, s21)
            s02, s12, s22 = fma(f0, a, s02), fma(f0, b, s12), fma(f0, c, s22)
            s00, s10, s20 = fma(d1, b, s00), fma(d1, c, s10), fma(d1, d, s20)
            s01, s11, s21 = fma(e1, b, s01), fma(e1, c, s11), fma(e1, d, s21)
            s02, s12, s22 = fma(f1, b, s02), fma(f1, c, s12), fma(f1, d, s22)
            e0, f0, e1, f1 = d0, e0, d1, e1
    along(meanwhile, step, last_step)
    t = g.left
    while t < min(g.Wo + 2, g.W + g.left):  # at the sides of the image a column lies in fewer windows
        if t == 2:
            t = max(2, end)
            if t >= min(g.Wo + 2, g.W + g.left):
                break
        at = t * pixel
        s00, s10, s20 = _column_of_weights(dy, x0, x1, x2, at, t, g, s00, s10, s20)
        s01, s11, s21 = _column_of_weights(dy, x0, x1, x2, at, t - 1, g, s01, s11, s21)
        s02, s12, s22 = _column_of_weights(dy, x0, x1, x2, at, t - 2, g, s02, s12, s22)
        s00, s10, s20 = _column_of_weights(below, x1, x2, x3, at, t, g, s00, s10, s20)
        s01, s11, s21 = _column_of_weights(below, x1, x2, x3, at, t - 1, g, s01, s11, s21)
        s02, s12, s22 = _column_of_weights(below, x1, x2, x3, at, t - 2, g, s02, s12, s22)
        t += 1
    add_to_3(dw, 0, tap, s00, s01, s02)
    add_to_3(dw, 3 * tap, tap, s10, s11, s12)
    add_to_3(dw, 6 * tap, tap, s20, s21, s22)


@helper
def add_to_3(dw, at, tap, s0, s1, s2):
    store(add(load_like(s0, dw, at), s0), dw, at)
    store(add(load_like(s0, dw, at + tap), s1), dw, at + tap)
    store(add(load_like(s0, dw, at + 2 * tap), s2), dw, at + 2 * tap)


@helper
def add_to_5(dw, tap, s0, s1, s2, s3, s4):
    add_to_3(dw, 0, tap, s0, s1, s2)
    store(add(load_like(s3, dw, 3 * tap), s3), dw, 3 * tap)
    store(add(load_like(s4, dw, 4 * tap), s4), dw, 4 * tap)


@part
def _weights_row_of_5(dy, x, g, none, dw):
    """One row of dy and one row of its 5x5 windows."""
    pixel, tap = g.x_pixel, g.w_tap
    s0, s1, s2, s3, s4 = none, none, none, none, none
    for j in range(g.Wo):
        if j - g.left >= 0 and j - g.left + 4 < g.W:
            d, a = load_like(none, dy, j * g.y_pixel), j * pixel
            s0 = fma(d, load_like(none, x, a), s0)
            s1 = fma(d, load_like(none, x, a + pixel), s1)
            s2 = fma(d, load_like(none, x, a + 2 * pixel), s2)
            s3 = fma(d, load_like(none, x, a + 3 * pixel), s3)
            s4 = fma(d, load_like(none, x, a + 4 * pixel), s4)
        else:
            s0, s1 = _one_weight(dy, x, pixel, g, j, 0, s0), _one_weight(dy, x, pixel, g, j, 1, s1)
            s2, s3 = _one_weight(dy, x, pixel, g, j, 2, s2), _one_weight(dy, x, pixel, g, j, 3, s3)
            s4 = _one_weight(dy, x, pixel, g, j, 4, s4)
    add_to_5(dw, tap, s0, s1, s2, s3, s4)


@part
def _weights_of_row(dy, image, zeros, r, g, first, last, c, dw, none):
    """One row of dy, whose windows begin in row r of the image, for channels c, c + 1, ..."""
    dy, image, zeros, dw = forward(dy, c), forward(image, c), forward(zeros, c), forward(dw, c)
    if g.kernel == 3:
        x0, x1, x2 = row_of(image, r, g, zeros), row_of(image, r + 1, g, zeros), row_of(image, r + 2, g, zeros)
        _weights_3x3(dy, x0, x1, x2, g, first, last, none, dw)
    else:
        for a in range(5):
            if 0 <= r + a < g.H:
                _weights_row_of_5(dy, forward(image, (r + a) * g.x_row), g, none, forward(dw, 5 * a * g.w_tap))


@helper
def weights_of_rows(dy, x, zeros, g, i0, i1, dw, meanwhile, step):
    """Add the share of rows i0 to i1 of dy to dw, at stride 1, one or two rows after the other.

    Returned is the step in the plan for ``meanwhile`` after the last.

    dy is the address of its row i0, x that of the image's row 0, which need not exist where only some rows are kept,
    ``zeros`` that of a row of zeros.
    """
    C = g.w_tap
    first = min(g.Wo, g.left)  # from here to last the windows lie inside
    last = max(first, min(g.Wo, g.W - g.kernel + g.left + 1))
    image, none = forward(x, -g.left * g.x_pixel), forward(zeros, -g.left * g.x_pixel)
    at_once, together, wide = by_columns(g, i1 - i0, C)
    if g.kernel == 5:  # for which this is not written
        together = 0
    for i in range(i0, i0 + together, at_once):
        r, row = i - g.top, forward(dy, (i - i0) * g.y_row)
        x0, x1, x2 = row_of(image, r, g, none), row_of(image, r + 1, g, none), row_of(image, r + 2, g, none)
        x3 = row_of(image, r + 3, g, none)
        for c in range(0, wide, 16):
            _weights_of_two_rows(
                forward(row, c), forward(x0, c), forward(x1, c), forward(x2, c), forward(x3, c), g, splat16(_0),
                forward(dw, c), meanwhile, step,
            )  # fmt: skip
            step += at_once * g.Wo
    for i in range(i0, i1):
        row = forward(dy, (i - i0) * g.y_row)
        c = wide if i < i0 + together else 0
        while c < C:
            along(meanwhile, step, step + g.Wo)
            step += g.Wo
            if REGISTERS >= 32 and c + 16 <= C:
                _weights_of_row(row, image, none, i - g.top, g, first, last, c, dw, splat16(_0))
                c += 16
            else:
                _weights_of_row(row, image, none, i - g.top, g, first, last, c, dw, splat8(_0))
                c += 8
    return step
