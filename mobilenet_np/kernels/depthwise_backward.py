"""Both gradients of a depthwise convolution.

At stride 1 dx is a depthwise convolution of dy, and the weights' gradients are sums that stay in registers along a row.
At stride 2 three of four dx meet fewer taps, so it goes the other way: one row of dy meets one row of its windows, and
each dy is multiplied with the weights, which lie in registers, into a row of dx, and with a row of x into their
gradients.
"""

from __future__ import annotations

import numpy as np

from ..memory import empty, zeros
from ..parts import helper, part
from ..threads import get_threads
from .depthwise import Window, depthwise_of_batch
from .depthwise_weights import add_3, weights_of_rows
from .meanwhile import along, nothing
from .simd import add, address, fma, forward, load_like, splat8, splat16, store
from .tiles import REGISTERS
from .turns import in_turns, take_turns

_0 = np.float32(0)


def depthwise_of_batch_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int
) -> tuple[np.ndarray, np.ndarray]:
    """dx (N, H, W, C) and dw (3, 3, C) or (5, 5, C), of contiguous arrays, C a multiple of 8."""
    N, H, W, C = x.shape
    k, Ho, Wo = w.shape[0], *dy.shape[1:3]
    g = Window(k, stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    parts = np.zeros((N, *w.shape), np.float32)
    dx = empty(x.shape) if stride == 1 else zeros(x.shape)
    flat = [array.reshape(-1) for array in (dy, x, w, dx, parts)]
    if stride == 1:
        # Every dx gathers what its window of dy sends back: a depthwise convolution again, with the kernel rotated.
        depthwise_of_batch(dy, np.ascontiguousarray(w[::-1, ::-1]), 1, k - 1 - top, k - 1 - left, dx)
        take_turns(_weights, (flat[0], flat[1], np.zeros(W * C, np.float32), flat[4], g, Ho), N, work=dy.size)
    else:
        # Some images for every thread, or if there are too few some channels of each.
        by_images = 2 * get_threads() <= N
        count, grain = (N, 1) if by_images else (C, 16)
        take_turns(_sweep, (*flat, g, N, Ho, C, by_images), count, work=dy.size, grain=grain)
    return dx, np.add.reduce(parts, axis=0)  # one image after the other


@in_turns
def _weights(dy, x, zeros, dw, g, Ho, n0, n1):
    for n in range(n0, n1):
        image, out = forward(address(x), n * g.H * g.x_row), forward(address(dw), n * g.kernel * g.kernel * g.w_tap)
        rows = forward(address(dy), n * Ho * g.y_row)
        weights_of_rows(rows, image, address(zeros), g, 0, Ho, out, nothing(out), 0)


@helper
def _one_of_3(dy, dy_at, x, dx, at, g, j, w0, w1, w2, s0, s1, s2):
    """One dy, of which some columns of the window may lie outside."""
    d, b = load_like(s0, dy, dy_at), j * g.stride - g.left
    if 0 <= b < g.W:
        store(fma(d, w0, load_like(s0, dx, at)), dx, at)
        s0 = fma(d, load_like(s0, x, at), s0)
    at += g.x_pixel
    if 0 <= b + 1 < g.W:
        store(fma(d, w1, load_like(s0, dx, at)), dx, at)
        s1 = fma(d, load_like(s0, x, at), s1)
    at += g.x_pixel
    if 0 <= b + 2 < g.W:
        store(fma(d, w2, load_like(s0, dx, at)), dx, at)
        s2 = fma(d, load_like(s0, x, at), s2)
    return s0, s1, s2


@part
def _row_of_3(dy, x, dx, g, first, last, w, dw, none):
    """One row of dy and one row of a 3x3 window; x and dx are where the leftmost window begins, and
    ``none`` is zeros for as many channels as are taken at once."""
    w0, w1, w2 = load_like(none, w, 0), load_like(none, w, g.w_tap), load_like(none, w, 2 * g.w_tap)
    s0, s1, s2 = none, none, none
    pixel, step = g.x_pixel, g.stride * g.x_pixel
    for j in range(first):
        s0, s1, s2 = _one_of_3(dy, j * g.y_pixel, x, dx, j * step, g, j, w0, w1, w2, s0, s1, s2)
    for j in range(first, last):
        d, a = load_like(none, dy, j * g.y_pixel), j * step
        b, c = a + pixel, a + 2 * pixel
        store(fma(d, w0, load_like(none, dx, a)), dx, a)
        s0 = fma(d, load_like(none, x, a), s0)
        store(fma(d, w1, load_like(none, dx, b)), dx, b)
        s1 = fma(d, load_like(none, x, b), s1)
        store(fma(d, w2, load_like(none, dx, c)), dx, c)
        s2 = fma(d, load_like(none, x, c), s2)
    for j in range(last, g.Wo):
        s0, s1, s2 = _one_of_3(dy, j * g.y_pixel, x, dx, j * step, g, j, w0, w1, w2, s0, s1, s2)
    add_3(dw, 0, g.w_tap, s0, s1, s2)


@part
def _row_of_2(dy, x, dx, g, b0, w, dw, none):
    """The same for columns b0 and b0 + 1 of a 5x5 window, which is three columns and two."""
    w0, w1 = load_like(none, w, b0 * g.w_tap), load_like(none, w, (b0 + 1) * g.w_tap)
    s0, s1 = none, none
    for j in range(g.Wo):
        d, b = load_like(none, dy, j * g.y_pixel), j * g.stride - g.left + b0
        at = (j * g.stride + b0) * g.x_pixel
        if 0 <= b < g.W:
            store(fma(d, w0, load_like(none, dx, at)), dx, at)
            s0 = fma(d, load_like(none, x, at), s0)
        at += g.x_pixel
        if 0 <= b + 1 < g.W:
            store(fma(d, w1, load_like(none, dx, at)), dx, at)
            s1 = fma(d, load_like(none, x, at), s1)
    store(add(load_like(none, dw, b0 * g.w_tap), s0), dw, b0 * g.w_tap)
    store(add(load_like(none, dw, (b0 + 1) * g.w_tap), s1), dw, (b0 + 1) * g.w_tap)


@part
def _row(dy, x, dx, g, first, last, c, w, dw, none):
    """One row of dy and one row of the window, for channels c, c + 1, ...; as many as ``none`` has."""
    dy, x, dx, w, dw = forward(dy, c), forward(x, c), forward(dx, c), forward(w, c), forward(dw, c)
    _row_of_3(dy, x, dx, g, first, last, w, dw, none)
    if g.kernel == 5:
        _row_of_2(dy, x, dx, g, 3, w, dw, none)


@helper
def sweep_rows(dy, x, w, dx, dw, g, i0, i1, c0, c1, meanwhile):
    """Add what rows i0 to i1 of dy send back to dx and to dw, for channels c0 to c1; the step in the plan for
    ``meanwhile`` after the last.

    dy is the address of its row i0; x and dx are those of the image's row 0, which need not exist.
    """
    first = min(g.Wo, -(-g.left // g.stride))  # from here to last the first three columns of the window lie inside
    last = max(first, min(g.Wo, (g.W - 3 + g.left) // g.stride + 1))
    step = 0
    for i in range(i0, i1):
        row = forward(dy, (i - i0) * g.y_row)
        for a in range(g.kernel):
            r = i * g.stride - g.top + a
            if not 0 <= r < g.H:
                continue
            line, taps = r * g.x_row - g.left * g.x_pixel, a * g.kernel * g.w_tap
            x_row, dx_row = forward(x, line), forward(dx, line)
            w_row, dw_row = forward(w, taps), forward(dw, taps)
            c = c0
            while c < c1:
                along(meanwhile, step, step + g.Wo)
                step += g.Wo
                if REGISTERS >= 32 and c + 16 <= c1:
                    _row(row, x_row, dx_row, g, first, last, c, w_row, dw_row, splat16(_0))
                    c += 16
                else:
                    _row(row, x_row, dx_row, g, first, last, c, w_row, dw_row, splat8(_0))
                    c += 8
    return step


@in_turns
def _sweep(dy, x, w, dx, dw, g, N, Ho, C, by_images, start, stop):
    n0, n1, c0, c1 = (start, stop, 0, C) if by_images else (0, N, start, stop)
    for n in range(n0, n1):
        image, taps = n * g.H * g.x_row, n * g.kernel * g.kernel * g.w_tap
        sweep_rows(
            forward(address(dy), n * Ho * g.y_row), forward(address(x), image), address(w),
            forward(address(dx), image), forward(address(dw), taps), g, 0, Ho, c0, c1, nothing(address(dw)),
        )  # fmt: skip
