"""Products of whole float32 matrices, cut into tiles and shared out to the threads."""

from __future__ import annotations

import numpy as np

from ..memory import empty
from .product import pack, product
from .simd import address
from .tiles import ACTS, ZERO, Finish, Rows
from .turns import in_turns, take_turns

_FEW_ROWS = 256  # fewer, and threads share out the columns, not the rows
_BLOCK = 256  # positions whose products are summed in registers before they are added to the result

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (M, K) @ b (K, N), for N a multiple of 8."""
    (M, K), N = a.shape, b.shape[1]
    c = empty((M, N))
    flat, out, zeros = np.ascontiguousarray(a).reshape(-1), c.reshape(-1), np.zeros(N, np.float32)
    # What is read once or twice is not worth packing.
    direct = M < _FEW_ROWS and b.flags.c_contiguous
    panels, b_row = (b.reshape(-1), N) if direct else (pack(b), 0)
    given = flat, M, K, panels, b_row, N, zeros, out
    if M < _FEW_ROWS:
        take_turns(_multiply, (*given, False), N, b.size, grain=64)
    else:
        take_turns(_multiply, (*given, True), M, M * K * N // 16, grain=42)
    return c


def multiply_transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (P, K).T @ b (P, N), for N a multiple of 8: how a pointwise convolution's weights get their gradient."""
    (P, K), N = a.shape, b.shape[1]
    c = empty((K, N))
    flat_a, flat_b = np.ascontiguousarray(a).reshape(-1), np.ascontiguousarray(b).reshape(-1)
    zeros = np.zeros(N, np.float32)
    take_turns(_multiply_transposed, (flat_a, P, K, flat_b, N, zeros, c.reshape(-1)), K, P * K * N // 16, grain=8)
    return c


@in_turns
def _multiply(a, M, K, b, b_row, N, zeros, c, by_rows, start, stop):
    """Rows start to stop of the product, or if not ``by_rows`` columns."""
    m0, m1, n0, n1 = (start, stop, 0, N) if by_rows else (0, M, start, stop)
    rows = Rows(address(a), K, K, 1, 1, 0)
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(c), 0)
    product(
        rows, m0 * K, m1 - m0, address(b), ZERO, b_row, n0, n1, address(zeros), ZERO, finish, address(c), m0 * N + n0, N
    )  # fmt: skip


@in_turns
def _multiply_transposed(a, P, K, b, N, zeros, c, k0, k1):
    for p in range(0, P, _BLOCK):
        finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, p > 0, address(c), 0)  # adds to what is there already
        rows = Rows(address(a), 1, min(_BLOCK, P - p), K, 1, 0)
        product(
            rows, p * K + k0, k1 - k0, address(b), p * N, N, ZERO, N, address(zeros), ZERO, finish,
            address(c), k0 * N, N,
        )  # fmt: skip
