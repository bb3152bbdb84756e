"""Rows of a depthwise convolution, column by column: each number is fetched once for all the windows that it lies in.

Window by window, a 3x3 convolution fetches nine numbers for nine multiply-adds, as many as a processor can, and it can
multiply and add no faster than it fetches. But at stride 1 a number lies in nine windows. So a column of the image goes
into the sums of all windows that have it, before the next column comes; for a 3x3 kernel two rows of outputs are done
at once, for which four numbers are fetched for eighteen multiply-adds, or ten at stride 2.

The sums that have begun stay in registers, beside the weights: only where there are 32 of them for sixteen numbers
each. Every result is the same chain of multiply-adds as in `depthwise`: the taps column by column, starting from the
bias.
"""

from __future__ import annotations

from ..parts import helper, part
from .meanwhile import along
from .simd import fma, forward, load_like
from .tiles import REGISTERS, put


@helper
def by_columns(g, rows, C):
    """How many rows of outputs the kernels here do at once, how many of so many they do, and of how many channels.

    The first window must reach ``stride`` columns or more beyond the padding, as windows do with "same" padding, and
    the image may lack no more than the last of them.
    """
    most = 1 if g.kernel == 5 else 2  # rows at once, and the largest stride
    usual = g.left <= g.kernel - g.stride and g.W + g.left >= g.kernel - 1
    if REGISTERS < 32 or not usual or g.stride > most:
        return 1, 0, 0
    return most, rows // most * most, C // 16 * 16


@helper
def row_of(image, r, g, none):
    """Where row r of an image begins, if there is one."""
    return forward(image, r * g.x_row) if 0 <= r < g.H else none


@helper
def nine(like, w, tap):
    """The weights of a 3x3 kernel, for as many channels as ``like`` has; ``tap`` from one tap to the next."""
    w00, w01, w02 = load_like(like, w, 0), load_like(like, w, tap), load_like(like, w, 2 * tap)
    w10, w11, w12 = load_like(like, w, 3 * tap), load_like(like, w, 4 * tap), load_like(like, w, 5 * tap)
    w20, w21, w22 = load_like(like, w, 6 * tap), load_like(like, w, 7 * tap), load_like(like, w, 8 * tap)
    return w00, w01, w02, w10, w11, w12, w20, w21, w22


@helper
def add_3(v, a, b, c, wa, wb, wc):
    """A column of three numbers and their weights go into a sum."""
    return fma(c, wc, fma(b, wb, fma(a, wa, v)))


@part
def two_rows_of_3(x0, x1, x2, x3, g, w, bias, finish, y, meanwhile, step):
    """Two rows of outputs at stride 1; the leftmost windows' rows begin at x0, x1, x2, x3.

    Of the first row ``p0`` is the output that lacks one column, ``q0`` the one that lacks two.
    """
    pixel = g.x_pixel
    w00, w01, w02, w10, w11, w12, w20, w21, w22 = nine(bias, w, g.w_tap)
    p0, q0, p1, q1 = bias, bias, bias, bias
    for t in range(g.left, 2):
        at = t * pixel
        a, b, c, d = load_like(bias, x0, at), load_like(bias, x1, at), load_like(bias, x2, at), load_like(bias, x3, at)
        p0, q0 = add_3(q0, a, b, c, w01, w11, w21), add_3(bias, a, b, c, w00, w10, w20)
        p1, q1 = add_3(q1, b, c, d, w01, w11, w21), add_3(bias, b, c, d, w00, w10, w20)
    until = min(g.Wo + 2, g.W + g.left)
    for t in range(2, until):
        at, to = t * pixel, (t - 2) * g.y_pixel
        a, b, c, d = load_like(bias, x0, at), load_like(bias, x1, at), load_like(bias, x2, at), load_like(bias, x3, at)
        along(meanwhile, step, step + 2)
        step += 2
        v0, v1 = add_3(p0, a, b, c, w02, w12, w22), add_3(p1, b, c, d, w02, w12, w22)
        p0, q0 = add_3(q0, a, b, c, w01, w11, w21), add_3(bias, a, b, c, w00, w10, w20)
        p1, q1 = add_3(q1, b, c, d, w01, w11, w21), add_3(bias, b, c, d, w00, w10, w20)
        put(v0, finish, y, to)
        put(v1, finish, y, to + g.y_row)
    for t in range(until, g.Wo + 2):  # to the right of the image there is nothing to add
        to = (t - 2) * g.y_pixel
        along(meanwhile, step, step + 2)
        step += 2
        put(p0, finish, y, to)
        put(p1, finish, y, to + g.y_row)
        p0, q0, p1, q1 = q0, bias, q1, bias


@part
def two_rows_of_3_apart(x0, x1, x2, x3, x4, g, w, bias, finish, y, meanwhile, step):
    """The same at stride 2: the windows' last column is the next ones' first.

    ``p0`` and ``p1`` are the outputs that have their first column, if it lies in the image.
    """
    pixel = g.x_pixel
    w00, w01, w02, w10, w11, w12, w20, w21, w22 = nine(bias, w, g.w_tap)
    p0, p1 = bias, bias
    if g.left == 0:
        a, b, c = load_like(bias, x0, 0), load_like(bias, x1, 0), load_like(bias, x2, 0)
        d, e = load_like(bias, x3, 0), load_like(bias, x4, 0)
        p0, p1 = add_3(bias, a, b, c, w00, w10, w20), add_3(bias, c, d, e, w00, w10, w20)
    for j in range(g.Wo):
        at, to = (2 * j + 1) * pixel, j * g.y_pixel
        along(meanwhile, step, step + 2)
        step += 2
        if 2 * j + 1 < g.W + g.left:
            a, b, c = load_like(bias, x0, at), load_like(bias, x1, at), load_like(bias, x2, at)
            d, e = load_like(bias, x3, at), load_like(bias, x4, at)
            p0, p1 = add_3(p0, a, b, c, w01, w11, w21), add_3(p1, c, d, e, w01, w11, w21)
        v0, v1 = p0, p1
        p0, p1 = bias, bias
        at += pixel
        if 2 * j + 2 < g.W + g.left:
            a, b, c = load_like(bias, x0, at), load_like(bias, x1, at), load_like(bias, x2, at)
            d, e = load_like(bias, x3, at), load_like(bias, x4, at)
            v0, v1 = add_3(v0, a, b, c, w02, w12, w22), add_3(v1, c, d, e, w02, w12, w22)
            p0, p1 = add_3(bias, a, b, c, w00, w10, w20), add_3(bias, c, d, e, w00, w10, w20)
        put(v0, finish, y, to)
        put(v1, finish, y, to + g.y_row)


@helper
def add_5(v, a, b, c, d, e, wa, wb, wc, wd, we):
    """The same of five."""
    return fma(e, we, fma(d, wd, add_3(v, a, b, c, wa, wb, wc)))


@part
def row_of_5(x0, x1, x2, x3, x4, g, w, bias, finish, y, meanwhile, step):
    """One row of outputs of a 5x5 kernel at stride 1; p, q, r and s lack one column, two, three and four."""
    t, pixel = g.w_tap, g.x_pixel
    w00, w01, w02 = load_like(bias, w, 0), load_like(bias, w, t), load_like(bias, w, 2 * t)
    w03, w04, w10 = load_like(bias, w, 3 * t), load_like(bias, w, 4 * t), load_like(bias, w, 5 * t)
    w11, w12, w13 = load_like(bias, w, 6 * t), load_like(bias, w, 7 * t), load_like(bias, w, 8 * t)
    w14, w20, w21 = load_like(bias, w, 9 * t), load_like(bias, w, 10 * t), load_like(bias, w, 11 * t)
    w22, w23, w24 = load_like(bias, w, 12 * t), load_like(bias, w, 13 * t), load_like(bias, w, 14 * t)
    w30, w31, w32 = load_like(bias, w, 15 * t), load_like(bias, w, 16 * t), load_like(bias, w, 17 * t)
    w33, w34, w40 = load_like(bias, w, 18 * t), load_like(bias, w, 19 * t), load_like(bias, w, 20 * t)
    w41, w42, w43 = load_like(bias, w, 21 * t), load_like(bias, w, 22 * t), load_like(bias, w, 23 * t)
    w44 = load_like(bias, w, 24 * t)
    p, q, r, s = bias, bias, bias, bias
    for column in range(g.left, g.Wo + 4):
        at, v = column * pixel, p
        if column < g.W + g.left:
            a, b, c = load_like(bias, x0, at), load_like(bias, x1, at), load_like(bias, x2, at)
            d, e = load_like(bias, x3, at), load_like(bias, x4, at)
            v = add_5(p, a, b, c, d, e, w04, w14, w24, w34, w44)
            p = add_5(q, a, b, c, d, e, w03, w13, w23, w33, w43)
            q = add_5(r, a, b, c, d, e, w02, w12, w22, w32, w42)
            r = add_5(s, a, b, c, d, e, w01, w11, w21, w31, w41)
            s = add_5(bias, a, b, c, d, e, w00, w10, w20, w30, w40)
        else:  # to the right of the image there is nothing to add
            p, q, r, s = q, r, s, bias
        if column >= 4:
            along(meanwhile, step, step + 1)
            step += 1
            put(v, finish, y, (column - 4) * g.y_pixel)
