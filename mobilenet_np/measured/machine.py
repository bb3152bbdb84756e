"""What the machine can multiply and what it can move: the two lines of a roofline, measured.

A layer can be no faster than its multiplications, and no faster than its bytes come and go (Williams, Waterman and
Patterson, Roofline, Communications of the ACM 52(4), 2009). Where its bytes are makes a difference: a tensor of a
MobileNet mostly fits in the cache.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..forms import check_numba
from ..threads import get_threads, run_on_all

_REPEATS = 7
_ROUNDS = 500_000  # about 10 ms
_CACHED, _UNCACHED = 2**19, 2**24  # numbers in each of three arrays: 6 MB as a large layer, 200 MB


@dataclass(frozen=True)
class Machine:
    """The roofline of a machine; MACs are float32.

    Attributes
    ----------
    threads : int
        That it was measured with.
    macs_per_second : float
    cache_bytes_per_second, memory_bytes_per_second : float
        Read and written, for arrays of a layer's size that are used again and again, and for large ones.
    """

    threads: int
    macs_per_second: float
    cache_bytes_per_second: float
    memory_bytes_per_second: float

    def attainable(self, intensity: float, cache: bool = False) -> float:
        """MACs a second at ``intensity`` MACs a byte, from memory or from the cache: the roof.

        Examples
        --------
        >>> machine = Machine(2, 100e9, 80e9, 20e9)
        >>> machine.attainable(4), machine.attainable(8), machine.attainable(1, cache=True)
        (80000000000.0, 100000000000.0, 80000000000.0)
        """
        bytes_per_second = self.cache_bytes_per_second if cache else self.memory_bytes_per_second
        return min(self.macs_per_second, intensity * bytes_per_second)

    def __str__(self) -> str:
        return (
            f"{self.macs_per_second / 1e9:.0f} * 10^9 MACs a second with {self.threads} "
            f"thread{'s' if self.threads > 1 else ''}, {self.cache_bytes_per_second / 1e9:.0f} GB/s in the cache, "
            f"{self.memory_bytes_per_second / 1e9:.0f} GB/s from memory"
        )


def machine() -> Machine:
    """Measure this machine with as many threads as `mobilenet_np.get_threads` says, once in a process.

    The best of a few tries, since whatever else runs can only take away from it.

    Raises
    ------
    ValueError
        Where Numba is not installed.

    Examples
    --------
    >>> here = machine()
    >>> here.macs_per_second > 0 and here is machine()
    True
    """
    check_numba("machine")
    return _measured(get_threads())


@functools.cache
def _measured(threads: int) -> Machine:
    return Machine(threads, _multiplications(threads), _moved(threads, _CACHED), _moved(threads, _UNCACHED))


def _multiplications(threads: int) -> float:
    """MACs a second in registers."""
    from ..kernels.peak import PER_ROUND, SUMS, multiply_adds

    numbers = np.array([0.5, 1.0, *np.linspace(0, 1, SUMS)], np.float32)
    sums = np.empty((threads, PER_ROUND // SUMS), np.float32)

    def work(thread: int) -> int:
        multiply_adds(numbers, _ROUNDS, sums[thread])
        return _ROUNDS * PER_ROUND

    return _best_rate(work, threads)


def _moved(threads: int, size: int) -> float:
    """Bytes a second that ``z = x + y`` reads and writes, each thread in its part of the arrays."""
    x, y, z = (np.ones(size, np.float32) for _ in range(3))
    parts = [slice(size * thread // threads, size * (thread + 1) // threads) for thread in range(threads)]
    times = max(1, 2**22 // size)

    def work(thread: int) -> int:
        part = parts[thread]
        for _ in range(times):
            np.add(x[part], y[part], out=z[part])
        return times * 3 * z[part].nbytes

    return _best_rate(work, threads)


def _best_rate(work: Callable[[int], int], threads: int) -> float:
    """The most that all threads together do in a second; ``work(thread)`` returns how much it did."""
    rates = []
    for _ in range(_REPEATS):
        done = [0] * threads  # stays 0 for a thread that did not start in time

        def task(thread: int, done: list[int] = done) -> None:
            done[thread] = work(thread)

        start = time.perf_counter()
        run_on_all(task, threads)
        rates.append(sum(done) / (time.perf_counter() - start))
    return max(rates)
