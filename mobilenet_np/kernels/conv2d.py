"""Gradients of a standard convolution as matrix products, without copying the windows out of the image first; for its
forward pass, which is one too, see `chain_conv2d`.

A row of a kh x kw window is kw * C_in numbers that lie side by side in memory, and the next window begins stride * C_in
numbers further on. So the windows of one row of outputs are a matrix already, whose rows overlap in memory, and the
product kernel takes it as it is. All images are padded; C_out is a multiple of 8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..memory import zeros
from ..parts import helper
from .meanwhile import nothing
from .product import pack, product, whole_product
from .simd import address, forward
from .tiles import ACTS, Finish, Rows
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]


class Sizes(NamedTuple):
    """Of padded images, of kernels and of outputs."""

    Hp: int
    Wp: int
    C_in: int
    kh: int
    kw: int
    stride: int
    Ho: int
    Wo: int
    C_out: int


def convolve_backward(dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of a convolution of padded images with respect to them and to w."""
    N, Hp, Wp, C_in = x.shape
    kh, kw, _, C_out = w.shape
    _, Ho, Wo, _ = dy.shape
    dx, dw = zeros(x.shape, np.float32), np.zeros(w.shape, np.float32)
    dy, x, bias = np.ascontiguousarray(dy).reshape(-1), x.reshape(-1), np.zeros(C_out, np.float32)
    s = Sizes(Hp, Wp, C_in, kh, kw, stride, Ho, Wo, C_out)
    take_turns(_weights, (dy, x, N, *s, bias, dw.reshape(-1)), C_out, work=dy.size, grain=16)
    window = kh * kw * C_in
    packed, none = pack(w.reshape(window, C_out).T), np.zeros(window + 8, np.float32)
    take_turns(_scatter, (dy, packed, none, s, dx), N, work=dy.size)
    return dx, dw


@in_turns
def _weights(dy, x, N, Hp, Wp, C_in, kh, kw, stride, Ho, Wo, C_out, zeros, dw, n0, n1):
    """dw for output channels n0 to n1: for each row of the window, windows.T @ dy."""
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, True, address(dw), 0)  # adds to what is there
    line = kw * C_in
    taps = Rows(address(x), 1, Wo, stride * C_in, 1, 0)
    for r in range(N * Ho):
        for a in range(kh):
            at = ((r // Ho) * Hp + (r % Ho) * stride + a) * Wp * C_in
            product(
                taps, at, line, address(dy), r * Wo * C_out, C_out, n0, n1, address(zeros), 0, finish,
                address(dw), a * line * C_out + n0, C_out, nothing(address(dw)), 0,
            )  # fmt: skip


@helper
def scatter_row(dy, packed, zeros, s, i, dx):
    """Add what row i of dy sends back to a padded image's dx, both at addresses: dy @ w.T gives every window's share,
    which is added where the window lay."""
    line, wide = s.kw * s.C_in, (s.kh * s.kw * s.C_in + 7) // 8 * 8
    windows = np.empty(s.Wo * wide, np.float32)
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(windows), 0)
    rows = Rows(dy, s.C_out, s.C_out, 1, 1, 0)
    out = address(windows)
    whole_product(rows, s.Wo, address(packed), 0, wide, address(zeros), finish, out, nothing(out), 0)
    for a in range(s.kh):
        at = (i * s.stride + a) * s.Wp * s.C_in
        for j in range(s.Wo):
            for b in range(line):
                dx[at + j * s.stride * s.C_in + b] += windows[j * wide + a * line + b]


@in_turns
def _scatter(dy, packed, zeros, s, dx, n0, n1):
    for n in range(n0, n1):
        image = address(dx[n].reshape(-1))
        for i in range(s.Ho):
            scatter_row(forward(address(dy), (n * s.Ho + i) * s.Wo * s.C_out), packed, zeros, s, i, image)
