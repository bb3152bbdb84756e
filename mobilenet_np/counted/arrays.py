"""The same count without a compiler: make the products of a row of outputs as an array, and ask how many they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def forward(x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int, y: np.ndarray) -> int:
    """Add the convolution of x (N, H, W, C) with w to y; return how many products that took.

    Parameters
    ----------
    x, w, stride
        As for `mobilenet_np.counted.count_forward`, w (kh, kw, C) or (kh, kw, C_in, C_out).
    top, left : int
        Rows and columns of padding.
    y : (N, Ho, Wo, C) float
    """
    count = 0
    for out, tap, seen in _rows(x, w, stride, top, left, y):
        products = x[seen] * w[tap] if w.ndim == 3 else x[seen][:, :, None] * w[tap]
        y[out] += products if w.ndim == 3 else products.sum(axis=1)
        count += products.size
    return count


def backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int, dx: np.ndarray, dw: np.ndarray
) -> tuple[int, int]:
    """Add both gradients to dx and dw; return the products of each."""
    count_dx, count_dw = 0, 0
    for out, tap, seen in _rows(x, w, stride, top, left, dy):
        if w.ndim == 3:
            for_dx, for_dw = dy[out] * w[tap], dy[out] * x[seen]
            dx[seen] += for_dx
        else:
            for_dx, for_dw = dy[out][:, None] * w[tap], dy[out][:, None] * x[seen][:, :, None]
            dx[seen] += for_dx.sum(axis=2)
        dw[tap] += for_dw.sum(axis=0)
        count_dx, count_dw = count_dx + for_dx.size, count_dw + for_dw.size
    return count_dx, count_dw


def _rows(
    x: np.ndarray, w: np.ndarray, stride: int, top: int, left: int, y: np.ndarray
) -> Iterator[tuple[tuple, tuple, tuple]]:
    """For each row of y and each tap of w: those outputs for which the tap lies inside the image, and what it sees."""
    (_, H, W, _), Wo = x.shape, y.shape[2]
    for n, i, a, b in np.ndindex(*y.shape[:2], *w.shape[:2]):
        r = i * stride + a - top
        j0, j1 = max(0, -((b - left) // stride)), min(Wo, (W - 1 - b + left) // stride + 1)
        if 0 <= r < H and j0 < j1:
            s0, s1 = j0 * stride + b - left, (j1 - 1) * stride + b - left
            yield (n, i, slice(j0, j1)), (a, b), (n, r, slice(s0, s1 + 1, stride))
