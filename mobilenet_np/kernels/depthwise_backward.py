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
from .simd import add, address, fma, forward, load_like, splat8, splat16, store
from .tiles import REGISTERS

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


@njit(nogil=True)
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
    store(add(load_like(none, dw, 0), s0), dw, 0)
    store(add(load_like(none, dw, g.w_tap), s1), dw, g.w_tap)
    store(add(load_like(none, dw, 2 * g.w_tap), s2), dw, 2 * g.w_tap)


@njit(nogil=True)
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


@njit(nogil=True)
def _row(dy, x, dx, g, first, last, c, w, dw, none):
    """One row of dy and one row of the window, for channels c, c + 1, ...; as many as ``none`` has."""
    dy, x, dx, w, dw = forward(dy, c), forward(x, c), forward(dx, c), forward(w, c), forward(dw, c)
    _row_of_3(dy, x, dx, g, first, last, w, dw, none)
    if g.kernel == 5:
        _row_of_2(dy, x, dx, g, 3, w, dw, none)


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
                dy_row = forward(address(dy), (n * Ho + i) * g.y_row)
                x_row, dx_row = forward(address(x), line), forward(address(dx), line)
                taps = a * g.kernel * g.w_tap
                w_row, dw_row = forward(address(w), taps), forward(address(dw), taps)
                c = c0
                while REGISTERS >= 32 and c + 16 <= c1:
                    _row(dy_row, x_row, dx_row, g, first, last, c, w_row, dw_row, splat16(_0))
                    c += 16
                while c < c1:
                    _row(dy_row, x_row, dx_row, g, first, last, c, w_row, dw_row, splat8(_0))
                    c += 8
