"""As many multiply-adds as the registers can do, with nothing to load and nothing to wait for."""

from __future__ import annotations

import numpy as np

from ..machine_code import cached_njit
from .simd import add, address, broadcast_like, fma, splat8, splat16, store
from .tiles import REGISTERS

SUMS = 12  # that do not wait for each other: enough to hide the latency of one multiply-add
splat, LANES = (splat16, 16) if REGISTERS >= 32 else (splat8, 8)
PER_ROUND = SUMS * LANES
_0 = np.float32(0)


@cached_njit
def multiply_adds(numbers, rounds, out):
    """``t = t * a + b`` with ``rounds`` rounds for all t at once; the sum of all goes to ``out``.

    ``numbers`` holds a, b and the first value of each t. They differ, or a compiler would keep only one.
    """
    start, like = address(numbers), splat(_0)
    a, b = broadcast_like(like, start, 0), broadcast_like(like, start, 1)
    t0, t1, t2, t3 = (
        broadcast_like(like, start, 2),
        broadcast_like(like, start, 3),
        broadcast_like(like, start, 4),
        broadcast_like(like, start, 5),
    )
    t4, t5, t6, t7 = (
        broadcast_like(like, start, 6),
        broadcast_like(like, start, 7),
        broadcast_like(like, start, 8),
        broadcast_like(like, start, 9),
    )
    t8, t9, t10, t11 = (
        broadcast_like(like, start, 10),
        broadcast_like(like, start, 11),
        broadcast_like(like, start, 12),
        broadcast_like(like, start, 13),
    )
    for _ in range(rounds):
        t0, t1, t2, t3 = fma(t0, a, b), fma(t1, a, b), fma(t2, a, b), fma(t3, a, b)
        t4, t5, t6, t7 = fma(t4, a, b), fma(t5, a, b), fma(t6, a, b), fma(t7, a, b)
        t8, t9, t10, t11 = fma(t8, a, b), fma(t9, a, b), fma(t10, a, b), fma(t11, a, b)
    first, second = add(add(t0, t1), add(t2, t3)), add(add(t4, t5), add(t6, t7))
    store(add(add(first, second), add(add(t8, t9), add(t10, t11))), address(out), 0)
