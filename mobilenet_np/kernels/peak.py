"""As many multiply-adds as the registers can do, with nothing to load and nothing to wait for."""

from __future__ import annotations

from ..machine_code import cached_njit
from .simd import LANES, add, address, broadcast, fma, store

SUMS = 12  # that do not wait for each other: enough to hide the latency of one multiply-add
PER_ROUND = SUMS * LANES


@cached_njit
def multiply_adds(numbers, rounds, out):
    """``t = t * a + b`` with ``rounds`` rounds for all t at once; the sum of all goes to ``out``.

    ``numbers`` holds a, b and the first value of each t. They differ, or a compiler would keep only one.
    """
    start = address(numbers)
    a, b = broadcast(start, 0), broadcast(start, 1)
    t0, t1, t2, t3 = broadcast(start, 2), broadcast(start, 3), broadcast(start, 4), broadcast(start, 5)
    t4, t5, t6, t7 = broadcast(start, 6), broadcast(start, 7), broadcast(start, 8), broadcast(start, 9)
    t8, t9, t10, t11 = broadcast(start, 10), broadcast(start, 11), broadcast(start, 12), broadcast(start, 13)
    for _ in range(rounds):
        t0, t1, t2, t3 = fma(t0, a, b), fma(t1, a, b), fma(t2, a, b), fma(t3, a, b)
        t4, t5, t6, t7 = fma(t4, a, b), fma(t5, a, b), fma(t6, a, b), fma(t7, a, b)
        t8, t9, t10, t11 = fma(t8, a, b), fma(t9, a, b), fma(t10, a, b), fma(t11, a, b)
    first, second = add(add(t0, t1), add(t2, t3)), add(add(t4, t5), add(t6, t7))
    store(add(add(first, second), add(add(t8, t9), add(t10, t11))), address(out), 0)
