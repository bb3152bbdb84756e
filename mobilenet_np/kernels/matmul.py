"""Products of whole float32 matrices, cut into tiles and shared out to the threads."""

from __future__ import annotations

import functools

import numpy as np

from ..memory import empty
from .meanwhile import ROWS, nothing
from .product import pack, product
from .simd import address
from .tiles import ACTS, Finish, Rows
from .turns import in_turns, take_turns

_FEW_ROWS = 256  # fewer, and threads share out the columns, not the rows
DEPTH = 256  # positions whose products are summed in registers before they are added to the result
_BLOCK = 2**17  # numbers, 512 KB: half of a core's own cache, the other is for the block that comes next

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]


def block_of(positions: int, channels: int) -> int:
    """How many rows are done at a time, of tables with so many channels together.

    So few that they fit into the cache; equal blocks, where near there is one an even number of them, so that two
    threads have the same to do, and of those the one that leaves the fewest rows over in its last tiles. An even
    number of rows, which are whole cache lines.
    """
    return _block_of(positions, channels, _BLOCK)


@functools.cache
def _block_of(positions, channels, size):
    least = max(1, -(-positions // 320), -(-positions * channels // size))
    least += least % 2

    def rows_of(blocks: int) -> int:
        rows = -(-positions // blocks)
        return rows + rows % 2

    def cost(blocks: int) -> tuple[bool, int]:
        blocks = -(-positions // rows_of(blocks))  # rounded up to an even number of rows, they may be fewer
        return blocks % 2 == 1, blocks * -(-positions // (blocks * ROWS))

    return rows_of(min(range(least, least + 8, 2), key=cost))


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
        take_turns(_multiply, (*given, True), M, M * K * N // 16, grain=block_of(M, K + N))
    return c


def multiply_transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (P, K).T @ b (P, N), for N a multiple of 8: how a pointwise convolution's weights get their gradient."""
    (P, K), N = a.shape, b.shape[1]
    c, zeros = empty((K, N)), np.zeros(N, np.float32)
    flat = (np.ascontiguousarray(table).reshape(-1) for table in (a, b))
    given = *flat, P, N, zeros, c.reshape(-1)
    take_turns(_multiply_transposed, given, K, P * K * N // 16, grain=8)
    return c


@in_turns
def _multiply(a, M, K, b, b_row, N, zeros, c, by_rows, start, stop):
    """Rows start to stop of the product, or if not ``by_rows`` columns."""
    m0, m1, n0, n1 = (start, stop, 0, N) if by_rows else (0, M, start, stop)
    rows = Rows(address(a), K, K, 1, 1, 0)
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(c), 0)
    product(
        rows, m0 * K, m1 - m0, address(b), 0, b_row, n0, n1, address(zeros), 0, finish,
        address(c), m0 * N + n0, N, nothing(address(c)), 0,
    )  # fmt: skip


@in_turns
def _multiply_transposed(a, b, P, N, zeros, c, k0, k1):
    K = len(a) // P
    for p in range(0, P, DEPTH):
        finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, p > 0, address(c), 0)  # adds to what is there already
        rows = Rows(address(a), 1, min(DEPTH, P - p), K, 1, 0)
        product(
            rows, p * K + k0, k1 - k0, address(b), p * N, N, 0, N, address(zeros), 0, finish,
            address(c), k0 * N, N, nothing(address(c)), 0,
        )  # fmt: skip
