"""One pool of threads for everything that this package computes.

NumPy's BLAS and Numba each bring a pool of their own, whose threads spin while they wait; interleaved they fight for
the processors. Here kernels are compiled without a pool and release Python's lock, and these few threads run them.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from .errors import check_positive

_WORTH_A_THREAD = 2**15  # numbers; waking a thread costs about as much as computing so many

_lock = threading.Lock()
_threads: int | None = None
_pool: ThreadPoolExecutor | None = None


def available() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(count: int | None) -> None:
    """Choose how many threads compute.

    Results do not depend on it, bit for bit.

    Parameters
    ----------
    count : int or None
        None: as many as there are processors.

    Examples
    --------
    >>> set_threads(1)
    >>> get_threads()
    1
    >>> set_threads(None)
    """
    global _threads
    if count is not None:
        check_positive("set_threads", "count", count, integer=True)
    _threads = count


def get_threads() -> int:
    """How many threads compute."""
    return available() if _threads is None else _threads


def run_on_all(task: Callable[[int], None], threads: int) -> None:
    """Call ``task(0)`` here and ``task(1)``, ..., ``task(threads - 1)`` on other threads; return when all are done.

    The tasks share out their work among themselves. One that has not started when this thread's own is done is not
    needed any more and is called off.
    """
    helpers = [_submit(task, number, threads - 1) for number in range(1, threads)]
    try:
        task(0)
    finally:
        errors = [helper.exception() for helper in helpers if not helper.cancel()]
    for error in errors:
        if error is not None:
            raise error


def share(task: Callable[[int, int], None], count: int, work: int, grain: int = 1) -> None:
    """Call ``task(start, stop)`` on pieces of ``range(count)`` that together are all of it.

    Parameters
    ----------
    task : callable
        Runs compiled code that releases Python's lock.
    count : int
    work : int
        About how many numbers are computed altogether: too few, and no second thread is woken for them.
    grain : int
        Pieces begin at multiples of this.
    """
    pieces = min(get_threads(), work // _WORTH_A_THREAD, -(-count // grain))
    if pieces < 2:
        task(0, count)
        return
    edges = [min(count, -(-count * piece // (pieces * grain)) * grain) for piece in range(pieces + 1)]
    ranges = itertools.pairwise(edges)  # one iterator for all threads: each range is taken once

    def take(_: int) -> None:
        for start, stop in ranges:
            task(start, stop)

    run_on_all(take, pieces)


def _submit(task: Callable[[int], None], number: int, wanted: int) -> Future:
    global _pool
    with _lock:
        if _pool is None or _pool._max_workers < wanted:
            _pool = ThreadPoolExecutor(wanted, thread_name_prefix="mobilenet_np")
        return _pool.submit(task, number)


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and perhaps a lock that nobody will release."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
