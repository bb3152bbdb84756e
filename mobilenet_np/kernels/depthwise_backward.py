"""Both gradients of a depthwise convolution in one sweep over x, dy and dx.

One row of dy meets one row of the window: each dy is multiplied with the weights of the row, which lie in registers,
into a row of dx, and with a row of x into their gradients, which lie in registers too until the row is done. Threads
take some channels each, so that every sum is one thread's.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..machine_code import cached_njit
from ..threads import share
from .depthwise import Window
from .simd import add, address, fma, forward, load, splat, store

_0 = np.float32(0)


def depthwise_of_batch_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int, dx: np.ndarray, dw: np.ndarray
) -> None:
    """Add both gradients to dx (N, H, W, C) and dw (3, 3, C) or (5, 5, C); all arrays contiguous, C a multiple of 8."""
    N, H, W, C = x.shape
    Ho, Wo = dy.shape[1:3]
    g = Window(w.shape[0], stride, top, left, H, W, Wo, W * C, C, Wo * C, C, C)
    flat = [array.reshape(-1) for array in (dy, x, w, dx, dw)]
    share(lambda c0, c1: _channels(*flat, g, N, Ho, c0, c1), C, work=dy.size, grain=16)


@njit(nogil=True)
def _one_of_3(dy, dy_at, x, dx, at, g, j, w0, w1, w2, s0, s1, s2):
    """One dy, of which some columns of the window may lie outside."""
    d, b = load(dy, dy_at), j * g.stride - g.left
    if 0 <= b < g.W:
        store(fma(d, w0, load(dx, at)), dx, at)
        s0 = fma(d, load(x, at), s0)
    at += g.x_pixel
    if 0 <= b + 1 < g.W:
        store(fma(d, w1, load(dx, at)), dx, at)
        s1 = fma(d, load(x, at), s1)
    at += g.x_pixel
    if 0 <= b + 2 < g.W:
        store(fma(d, w2, load(dx, at)), dx, at)
        s2 = fma(d, load(x, at), s2)
    return s0, s1, s2


@njit(nogil=True)
def _row_of_3(dy, x, dx, g, first, last, w, dw):
    """One row of dy and one row of a 3x3 window; x and dx are where the leftmost window begins."""
    w0, w1, w2 = load(w, 0), load(w, g.w_tap), load(w, 2 * g.w_tap)
    s0 = splat(_0)
    s1, s2 = s0, s0
    pixel, step = g.x_pixel, g.stride * g.x_pixel
    for j in range(first):
        s0, s1, s2 = _one_of_3(dy, j * g.y_pixel, x, dx, j * step, g, j, w0, w1, w2, s0, s1, s2)
    for j in range(first, last):
        d, a = load(dy, j * g.y_pixel), j * step
        b, c = a + pixel, a + 2 * pixel
        store(fma(d, w0, load(dx, a)), dx, a)
        s0 = fma(d, load(x, a), s0)
        store(fma(d, w1, load(dx, b)), dx, b)
        s1 = fma(d, load(x, b), s1)
        store(fma(d, w2, load(dx, c)), dx, c)
        s2 = fma(d, load(x, c), s2)
    for j in range(last, g.Wo):
        s0, s1, s2 = _one_of_3(dy, j * g.y_pixel, x, dx, j * step, g, j, w0, w1, w2, s0, s1, s2)
    store(add(load(dw, 0), s0), dw, 0)
    store(add(load(dw, g.w_tap), s1), dw, g.w_tap)
    store(add(load(dw, 2 * g.w_tap), s2), dw, 2 * g.w_tap)


@njit(nogil=True)
def _row_of_2(dy, x, dx, g, b0, w, dw):
    """The same for columns b0 and b0 + 1 of a 5x5 window, which is three columns and two."""
    w0, w1 = load(w, b0 * g.w_tap), load(w, (b0 + 1) * g.w_tap)
    s0 = splat(_0)
    s1 = s0
    for j in range(g.Wo):
        d, b = load(dy, j * g.y_pixel), j * g.stride - g.left + b0
        at = (j * g.stride + b0) * g.x_pixel
        if 0 <= b < g.W:
            store(fma(d, w0, load(dx, at)), dx, at)
            s0 = fma(d, load(x, at), s0)
        at += g.x_pixel
        if 0 <= b + 1 < g.W:
            store(fma(d, w1, load(dx, at)), dx, at)
            s1 = fma(d, load(x, at), s1)
    store(add(load(dw, b0 * g.w_tap), s0), dw, b0 * g.w_tap)
    store(add(load(dw, (b0 + 1) * g.w_tap), s1), dw, (b0 + 1) * g.w_tap)


@cached_njit
def _channels(dy, x, w, dx, dw, g, N, Ho, c0, c1):
    first = min(g.Wo, -(-g.left // g.stride))  # from here to last the first three columns of the window lie inside
    last = max(first, min(g.Wo, (g.W - 3 + g.left) // g.stride + 1))
    for n in range(N):
        for i in range(Ho):
            for a in range(g.kernel):
                r = i * g.stride - g.top + a
                if not 0 <= r < g.H:
                    continue
                line = (n * g.H + r) * g.x_row - g.left * g.x_pixel
                for c in range(c0, c1, 8):
                    dy_row = forward(address(dy), (n * Ho + i) * g.y_row + c)
                    x_row, dx_row = forward(address(x), line + c), forward(address(dx), line + c)
                    taps = a * g.kernel * g.w_tap + c
                    w_row, dw_row = forward(address(w), taps), forward(address(dw), taps)
                    _row_of_3(dy_row, x_row, dx_row, g, first, last, w_row, dw_row)
                    if g.kernel == 5:
                        _row_of_2(dy_row, x_row, dx_row, g, 3, w_row, dw_row)
