"""Both gradients of a depthwise convolution.

At stride 1 dx is a depthwise convolution of dy, and the weights' gradients are sums that stay in registers along a row
(`depthwise_weights`).

At stride 2 windows meet a pixel in one way of four: as those of even or odd rows and columns, counted with the padding.
A cell is two rows and two columns of the image. With a 3x3 kernel its even row and even column meet the windows (i, j),
(i, j - 1), (i - 1, j) and (i - 1, j - 1); the odd ones meet fewer::

    dx[2i, 2j]         = d[i, j] w[0, 0] + d[i, j-1] w[0, 2] + d[i-1, j] w[2, 0] + d[i-1, j-1] w[2, 2]
    dx[2i, 2j + 1]     = d[i, j] w[0, 1] + d[i-1, j] w[2, 1]
    dx[2i + 1, 2j]     = d[i, j] w[1, 0] + d[i, j-1] w[1, 2]
    dx[2i + 1, 2j + 1] = d[i, j] w[1, 1]

and the same products, with x in the place of w, go into the weights' gradients. So a cell is 18 multiply-adds for two
numbers of d and four of x that are fetched and four of dx that are stored; weights and their sums are kept in
registers. For a 5x5 kernel these are too many, and dx and the weights' gradients are done one row after the other.
"""

from __future__ import annotations

import numpy as np

from ..memory import empty
from ..parts import helper, part
from ..threads import get_threads
from .depthwise import Window, depthwise_of_batch
from .depthwise_columns import add_3, nine, row_of
from .depthwise_weights import add_to_3, add_to_5, weights_of_rows
from .meanwhile import along, nothing
from .simd import address, fma, forward, load_like, splat8, splat16, store
from .tiles import REGISTERS
from .turns import in_turns, take_turns

_0 = np.float32(0)


def depthwise_of_batch_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int
) -> tuple[np.ndarray, np.ndarray]:
    """dx (N, H, W, C) and dw (3, 3, C) or (5, 5, C), of contiguous arrays, C a multiple of 8, stride 1 or 2."""
    N, H, W, C = x.shape
    k, Ho, Wo = w.shape[0], *dy.shape[1:3]
    g = Window(k, stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    dx, parts, none = empty(x.shape), np.zeros((N, *w.shape), np.float32), np.zeros(max(W, Wo, 5) * C, np.float32)
    flat = [array.reshape(-1) for array in (dy, x, w, dx, parts)]
    if stride == 1:
        # Every dx gathers what its window of dy sends back: a depthwise convolution again, with the kernel rotated.
        depthwise_of_batch(dy, np.ascontiguousarray(w[::-1, ::-1]), 1, k - 1 - top, k - 1 - left, dx)
        take_turns(_weights, (flat[0], flat[1], none, flat[4], g, Ho), N, work=dy.size)
    else:
        # Some images for every thread, or if there are too few some channels of each.
        by_images = 2 * get_threads() <= N
        count, grain = (N, 1) if by_images else (C, 16)
        given = *flat, none, g, N, Ho, C, by_images
        take_turns(_gather, given, count, work=dy.size, grain=grain, own=(none.size,))
    return dx, np.add.reduce(parts, axis=0)  # one image after the other


@in_turns
def _weights(dy, x, zeros, dw, g, Ho, n0, n1):
    for n in range(n0, n1):
        image, out = forward(address(x), n * g.H * g.x_row), forward(address(dw), n * g.kernel * g.kernel * g.w_tap)
        rows = forward(address(dy), n * Ho * g.y_row)
        weights_of_rows(rows, image, address(zeros), g, 0, Ho, out, nothing(out), 0)


@in_turns
def _gather(dy, x, w, dx, dw, zeros, g, N, Ho, C, by_images, waste, start, stop):
    n0, n1, c0, c1 = (start, stop, 0, C) if by_images else (0, N, start, stop)
    for n in range(n0, n1):
        image, taps = n * g.H * g.x_row, n * g.kernel * g.kernel * g.w_tap
        gather_rows(
            forward(address(dy), n * Ho * g.y_row), 0, Ho, forward(address(x), image), forward(address(dx), image),
            address(zeros), waste, address(w), forward(address(dw), taps), g, 0, cells_of(g.H, g.top), c0, c1,
            nothing(address(dw)), 0,
        )  # fmt: skip


@helper
def cells_of(size, before):
    """How many cells a row or column of the image has, with so much padding before it."""
    return (size + before + 1) // 2


@helper
def steps_of_cells(rows, g, groups):
    """How many steps of a plan for ``meanwhile`` so many rows of cells are."""
    return rows * groups * cells_of(g.W, g.left) * (1 if g.kernel == 3 else 4)


@helper
def _at(row, j, g, none):
    """Pixel j of a row of d, or zeros beyond its end."""
    return load_like(none, row, j * g.y_pixel) if j < g.Wo else none


@helper
def _three(d0, d1, d2, j, g, none):
    return _at(d0, j, g, none), _at(d1, j, g, none), _at(d2, j, g, none)


@part
def _cells_of_3(d0, d1, x0, x1, y0, y1, g, none, w, dw, meanwhile, step):
    """A row of cells: d0 and d1 are rows i and i - 1 of d; x0, x1 and y0, y1 are rows of x and of dx."""
    tap, pixel = g.w_tap, g.x_pixel
    w00, w01, w02, w10, w11, w12, w20, w21, w22 = nine(none, w, g.w_tap)
    s00, s01, s02 = none, none, none
    s10, s11, s12 = none, none, none
    s20, s21, s22 = none, none, none
    e0, e1 = none, none  # the column of d before
    for j in range(cells_of(g.W, g.left)):
        along(meanwhile, step, step + 1)
        step += 1
        f0, f1, c = _at(d0, j, g, none), _at(d1, j, g, none), 2 * j - g.left
        if c >= 0:
            a, b = load_like(none, x0, c * pixel), load_like(none, x1, c * pixel)
            store(fma(f0, w00, fma(e0, w02, fma(f1, w20, fma(e1, w22, none)))), y0, c * tap)
            store(fma(f0, w10, fma(e0, w12, none)), y1, c * tap)
            s00, s02, s20, s22 = fma(f0, a, s00), fma(e0, a, s02), fma(f1, a, s20), fma(e1, a, s22)
            s10, s12 = fma(f0, b, s10), fma(e0, b, s12)
        c += 1
        if 0 <= c < g.W:
            a, b = load_like(none, x0, c * pixel), load_like(none, x1, c * pixel)
            store(fma(f0, w01, fma(f1, w21, none)), y0, c * tap)
            store(fma(f0, w11, none), y1, c * tap)
            s01, s21, s11 = fma(f0, a, s01), fma(f1, a, s21), fma(f0, b, s11)
        e0, e1 = f0, f1
    add_to_3(dw, 0, tap, s00, s01, s02)
    add_to_3(dw, 3 * tap, tap, s10, s11, s12)
    add_to_3(dw, 6 * tap, tap, s20, s21, s22)


@part
def _dx_of_5(d0, d1, d2, y, g, none, wa, wb, wc, meanwhile, step):
    """A row of dx, which meets rows d0, d1 and d2 of d with three rows of weights."""
    t = g.w_tap
    a0, a1, a2 = load_like(none, wa, 0), load_like(none, wa, t), load_like(none, wa, 2 * t)
    a3, a4, b0 = load_like(none, wa, 3 * t), load_like(none, wa, 4 * t), load_like(none, wb, 0)
    b1, b2, b3 = load_like(none, wb, t), load_like(none, wb, 2 * t), load_like(none, wb, 3 * t)
    b4, c0, c1 = load_like(none, wb, 4 * t), load_like(none, wc, 0), load_like(none, wc, t)
    c2, c3, c4 = load_like(none, wc, 2 * t), load_like(none, wc, 3 * t), load_like(none, wc, 4 * t)
    e0, e1, e2 = none, none, none  # the column of d before, and the one before that
    h0, h1, h2 = none, none, none
    for j in range(cells_of(g.W, g.left)):
        along(meanwhile, step, step + 1)
        step += 1
        (f0, f1, f2), c = _three(d0, d1, d2, j, g, none), 2 * j - g.left
        if c >= 0:
            v = add_3(add_3(none, h2, h1, h0, c4, b4, a4), e2, e1, e0, c2, b2, a2)
            store(add_3(v, f2, f1, f0, c0, b0, a0), y, c * t)
        if 0 <= c + 1 < g.W:
            store(add_3(add_3(none, e2, e1, e0, c3, b3, a3), f2, f1, f0, c1, b1, a1), y, (c + 1) * t)
        h0, h1, h2 = e0, e1, e2
        e0, e1, e2 = f0, f1, f2


@part
def _weights_of_5(d0, d1, d2, x, g, none, dwa, dwb, dwc, meanwhile, step):
    """What a row of x adds to the three rows of weights with which d0, d1 and d2 meet it."""
    tap, pixel = g.w_tap, g.x_pixel
    a0, a1, a2, a3, a4 = none, none, none, none, none
    b0, b1, b2, b3, b4 = none, none, none, none, none
    c0, c1, c2, c3, c4 = none, none, none, none, none
    e0, e1, e2 = none, none, none
    h0, h1, h2 = none, none, none
    for j in range(cells_of(g.W, g.left)):
        along(meanwhile, step, step + 1)
        step += 1
        (f0, f1, f2), c = _three(d0, d1, d2, j, g, none), 2 * j - g.left
        if c >= 0:
            v = load_like(none, x, c * pixel)
            a0, b0, c0 = fma(f0, v, a0), fma(f1, v, b0), fma(f2, v, c0)
            a2, b2, c2 = fma(e0, v, a2), fma(e1, v, b2), fma(e2, v, c2)
            a4, b4, c4 = fma(h0, v, a4), fma(h1, v, b4), fma(h2, v, c4)
        if 0 <= c + 1 < g.W:
            v = load_like(none, x, (c + 1) * pixel)
            a1, b1, c1 = fma(f0, v, a1), fma(f1, v, b1), fma(f2, v, c1)
            a3, b3, c3 = fma(e0, v, a3), fma(e1, v, b3), fma(e2, v, c3)
        h0, h1, h2 = e0, e1, e2
        e0, e1, e2 = f0, f1, f2
    add_to_5(dwa, tap, a0, a1, a2, a3, a4)
    add_to_5(dwb, tap, b0, b1, b2, b3, b4)
    add_to_5(dwc, tap, c0, c1, c2, c3, c4)


@helper
def _cells(d0, d1, d2, x0, x1, y0, y1, g, c, none, zeros, w, dw, waste, meanwhile, step):
    """A row of cells for channels c, c + 1, ...; as many as ``none`` has."""
    d0, d1, d2, x0, x1 = forward(d0, c), forward(d1, c), forward(d2, c), forward(x0, c), forward(x1, c)
    y0, y1, zeros, w, dw = forward(y0, c), forward(y1, c), forward(zeros, c), forward(w, c), forward(dw, c)
    if g.kernel == 3:
        _cells_of_3(d0, d1, x0, x1, y0, y1, g, none, w, dw, meanwhile, step)
        return
    row, each = 5 * g.w_tap, cells_of(g.W, g.left)
    w1, w2, w3, w4 = forward(w, row), forward(w, 2 * row), forward(w, 3 * row), forward(w, 4 * row)
    dw1, dw2, dw3, dw4 = forward(dw, row), forward(dw, 2 * row), forward(dw, 3 * row), forward(dw, 4 * row)
    _dx_of_5(d0, d1, d2, y0, g, none, w, w2, w4, meanwhile, step)
    _dx_of_5(d0, d1, zeros, y1, g, none, w1, w3, zeros, meanwhile, step + each)
    _weights_of_5(d0, d1, d2, x0, g, none, dw, dw2, dw4, meanwhile, step + 2 * each)
    _weights_of_5(d0, d1, zeros, x1, g, none, dw1, dw3, forward(waste, c), meanwhile, step + 3 * each)


@helper
def gather_rows(d, s0, Ho, x, dx, zeros, waste, w, dw, g, i0, i1, c0, c1, meanwhile, step):
    """dx of rows i0 to i1 of cells, and what they add to dw, for channels c0 to c1; the step in the plan for
    ``meanwhile`` after the last.

    d is the address of its row ``s0``, and has the rows that these cells meet; x and dx are those of the image's row 0,
    which need not exist; dx lies without gaps, so from one of its pixels to the next it is ``g.w_tap``, all channels.
    ``zeros`` are as many as a row of x or d has, and as five taps of w; ``waste`` is memory for rows that are not in
    the image, of as many numbers as a row, or five pixels, of dx.
    """
    none = forward(zeros, 0)
    row, first = g.W * g.w_tap, forward(d, -s0 * g.y_row)
    for i in range(i0, i1):
        d0 = forward(first, i * g.y_row) if i < Ho else none
        d1 = forward(first, (i - 1) * g.y_row) if 0 <= i - 1 < Ho else none
        d2 = forward(first, (i - 2) * g.y_row) if 0 <= i - 2 < Ho else none
        r = 2 * i - g.top
        x0, x1 = row_of(x, r, g, none), row_of(x, r + 1, g, none)
        y0 = forward(dx, r * row) if 0 <= r < g.H else waste
        y1 = forward(dx, (r + 1) * row) if 0 <= r + 1 < g.H else waste
        c = c0
        while c < c1:
            if REGISTERS >= 32 and c + 16 <= c1:
                _cells(d0, d1, d2, x0, x1, y0, y1, g, c, splat16(_0), zeros, w, dw, waste, meanwhile, step)
                c += 16
            else:
                _cells(d0, d1, d2, x0, x1, y0, y1, g, c, splat8(_0), zeros, w, dw, waste, meanwhile, step)
                c += 8
            step += steps_of_cells(1, g, 1)
    return step
