"""What squeeze-and-excite does with whole images, image by image, on all threads.

The work on the gate itself, which is small, is done by the ops that it consists of.
"""

from __future__ import annotations

import numpy as np

from ..memory import empty
from .turns import in_turns, take_turns


def sums_of_positions(x: np.ndarray) -> np.ndarray:
    """The sum of every channel over the positions of every image: (N, H, W, C) -> (N, C)."""
    y = np.zeros((x.shape[0], x.shape[3]), x.dtype)
    take_turns(_sums, (_rows(x), y), len(x), work=x.size)
    return y


def gated(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """x (N, H, W, C) times the gates g (N, C)."""
    y = empty(x.shape, x.dtype)
    take_turns(_gated, (_rows(x), g, _rows(y)), len(x), work=x.size)
    return y


def gated_backward(dy: np.ndarray, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of `gated`: (N, H, W, C) and (N, C)."""
    dx, dg = empty(x.shape, x.dtype), np.zeros_like(g)
    take_turns(_gated_backward, (_rows(dy), _rows(x), g, _rows(dx), dg), len(x), work=x.size)
    return dx, dg


def add_everywhere(y: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Add ``row`` (N, C) at every position of y (N, H, W, C): in y's own memory, if that is in C order."""
    y = np.ascontiguousarray(y)
    take_turns(_add_everywhere, (_rows(y), row), len(y), work=y.size)
    return y


def _rows(x):
    N, H, W, C = x.shape
    return np.ascontiguousarray(x).reshape(N, H * W, C)


@in_turns
def _sums(x, y, n0, n1):
    for n in range(n0, n1):
        for p in range(x.shape[1]):
            for c in range(x.shape[2]):
                y[n, c] += x[n, p, c]


@in_turns
def _gated(x, g, y, n0, n1):
    for n in range(n0, n1):
        for p in range(x.shape[1]):
            for c in range(x.shape[2]):
                y[n, p, c] = x[n, p, c] * g[n, c]


@in_turns
def _gated_backward(dy, x, g, dx, dg, n0, n1):
    for n in range(n0, n1):
        for p in range(x.shape[1]):
            for c in range(x.shape[2]):
                dx[n, p, c] = dy[n, p, c] * g[n, c]
                dg[n, c] += dy[n, p, c] * x[n, p, c]


@in_turns
def _add_everywhere(y, row, n0, n1):
    for n in range(n0, n1):
        for p in range(y.shape[1]):
            for c in range(y.shape[2]):
                y[n, p, c] += row[n, c]
