"""One pool of threads for everything that this package computes.

NumPy's BLAS and Numba each bring a pool of their own, whose threads spin while they wait; interleaved they fight for
the processors. Here kernels are compiled without a pool and release Python's lock, and these few threads run them.
Where arrays are large they run NumPy's forms, too, and BLAS has no thread but theirs meanwhile.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .errors import check_positive
from .machine_code import HAVE_NUMBA
from .memory import LINE, lines

# Numbers: to have a second thread for fewer costs more than it brings. They are more where Python threads hand over to
# each other than where machine code does (`kernels.turns`).
_WORTH_HANDING_OVER, _WORTH_A_TURN = 2**20, 2**14

_SPINS = 4_000_000  # some milliseconds, longer than a network's Python between two layers takes

MOST = 256  # threads; each that helps has a desk

_threads: int | None = None
_helpers: list[_Helper] = []
_taken: dict[str, object] = {}
"""Under "helpers" the call that they work for. A lock would not know who holds it: when Ctrl-C comes between taking it
and the next line, nobody could tell whether to give it back."""
_limiting = threading.Lock()  # held by whoever has BLAS limited to one thread
desks = lines(MOST, LINE).reshape(-1).view(np.int64)
"""Where helpers find what to do without Python (`mobilenet_np.jobs`): eight numbers, a cache line, for each."""


def available() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(count: int | None) -> None:
    """Choose how many threads compute.

    Results do not depend on it, bit for bit.

    Parameters
    ----------
    count : int or None
        None: as many as there are processors. More than 256 are not used.

    Raises
    ------
    ValueError
        If ``count`` is no whole number above 0.

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
    _threads = None if count is None else int(count)  # of NumPy, too


def get_threads() -> int:
    """How many threads compute."""
    return min(MOST, available() if _threads is None else _threads)


def run_on_all(task: Callable[[int], None], threads: int) -> None:
    """Call ``task(0)`` here and ``task(1)``, ..., ``task(threads - 1)`` on other threads; return when all are done.

    The tasks share out their work among themselves. One that has not started when this thread's own is done is not
    needed any more and is called off. And while the others work for somebody else, this thread works alone.
    """
    call, crew = object(), ()
    try:
        crew = _crew(threads - 1, call)
        for helper in crew:
            helper.begin(task)
        task(0)
    finally:
        try:
            errors = [helper.end() for helper in crew]
        finally:  # even if Ctrl-C falls into the waiting
            _give_back(call)
    for error in errors:
        if error is not None:
            raise error


def with_helpers(run: Callable[[int], None], threads: int) -> None:
    """Call ``run(threads)`` while so many threads, this one among them, take what is put on their desks.

    While they work for somebody else it is ``run(1)``.
    """
    call = object()
    try:
        crew = _crew(threads - 1, call)
        for helper in crew:
            helper.listen()
        run(1 + len(crew))
    finally:
        _give_back(call)


def useful(work: int, pieces: int, worth: int = _WORTH_A_TURN) -> int:
    """How many threads to use for so many pieces that together are about so many computed numbers."""
    return max(1, min(get_threads(), work // worth, pieces))


def share(task: Callable[[int, int], None], count: int, work: int, grain: int = 1) -> None:
    """Call ``task(start, stop)`` on pieces of ``range(count)`` that together are all of it.

    Parameters
    ----------
    task : callable
        Runs what releases Python's lock: compiled code, or NumPy's on large arrays.
    count : int
    work : int
        About how many numbers are computed altogether: too few, and no second thread is woken for them.
    grain : int
        Pieces begin at multiples of this.
    """
    pieces = useful(work, -(-count // grain), _WORTH_HANDING_OVER)
    if pieces < 2:
        task(0, count)
        return
    edges = [min(count, -(-count * piece // (pieces * grain)) * grain) for piece in range(pieces + 1)]
    ranges = itertools.pairwise(edges)  # one iterator for all threads: each range is taken once

    def take(_: int) -> None:
        for start, stop in ranges:
            task(start, stop)

    run_on_all(take, pieces)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """NumPy's products take the thread that calls them and no other; afterwards as many as before.

    A thread of BLAS spins for tens of milliseconds after its work, on a processor that other threads need. Only one
    Python thread at a time can limit BLAS: who comes while another one does has its limit, for as long as that stays.
    """
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1):
            yield
    finally:
        _limiting.release()


@functools.cache
def _blas():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


class _Helper(threading.Thread):
    """A thread that runs one task after the other.

    To wake a thread that sleeps takes longer than most layers take to compute, so it does not go to sleep at once. It
    spins for a moment, without Python's lock, and looks whether there is a next task; in a network there is.
    """

    def __init__(self, number: int):
        super().__init__(name=f"mobilenet_np {number}", daemon=True)
        self.number = number
        self.counts = np.zeros(16, np.int64)  # [0]: tasks begun, [8]: tasks ended; eight numbers are a cache line
        self.changed = threading.Condition()
        self.asleep = self.called = False
        self.awaited = False  # does anybody wait for the end other than by spinning?
        self.job: tuple[Callable[[int], None], threading.Lock] | None = None  # the task, and the right to run it
        self.error: BaseException | None = None
        self.start()

    def listen(self) -> None:
        """Wake up, if asleep, and look at the desk. That it may have just fallen asleep costs its help this once."""
        if self.asleep:
            with self.changed:
                self.called = True
                self.changed.notify_all()

    def begin(self, task: Callable[[int], None]) -> None:
        self.job, self.error = (task, threading.Lock()), None
        with self.changed:
            self.counts[0] += 1
            self.changed.notify_all()

    def end(self) -> BaseException | None:
        """Wait until the task has ended, or call it off; return the error that it ended with."""
        if self.job is None:  # Ctrl-C came before it was begun
            return None
        _, right = self.job
        if not right.acquire(blocking=False):  # it has begun
            begun, ended = int(self.counts[0]), int(self.counts[8])
            while ended != begun:
                now = _spin(self.counts, 8, ended)
                if now == ended:
                    with self.changed:
                        self.awaited = True
                        while self.counts[8] == ended:
                            self.changed.wait()
                        self.awaited = False
                        now = int(self.counts[8])
                ended = now
        self.job = None
        return self.error

    def run(self) -> None:
        seen = 0
        while True:
            now = _serve(self.number, self.counts, seen)
            if now == seen:
                with self.changed:
                    self.asleep = True
                    while self.counts[0] == seen and not self.called:
                        self.changed.wait()
                    self.asleep = self.called = False
                    now = int(self.counts[0])
            if now == seen:
                continue
            seen, job = now, self.job
            if job is not None and job[1].acquire(blocking=False):
                try:
                    job[0](self.number)
                except BaseException as error:
                    self.error = error
            del job  # and with it everything that the task holds
            self.counts[8] = seen
            if self.awaited:
                with self.changed:
                    self.changed.notify_all()


def _spin(counts: np.ndarray, which: int, value: int) -> int:
    if not HAVE_NUMBA:
        return int(counts[which])
    from .atomic import wait_while

    return wait_while(counts, which, value, _SPINS)


def _serve(helper: int, counts: np.ndarray, seen: int) -> int:
    if not HAVE_NUMBA:
        return int(counts[0])
    from .jobs import serve

    return serve(desks, helper, counts, seen, _SPINS)


def _crew(helpers: int, call: object) -> list[_Helper]:
    """So many threads, for this call alone until `_give_back`; none if they work for another."""
    if helpers < 1 or _taken.setdefault("helpers", call) is not call:
        return []
    for number in range(len(_helpers) + 1, helpers + 1):
        _helpers.append(_Helper(number))
    return _helpers[:helpers]


def _give_back(call: object) -> None:
    if _taken.get("helpers") is call:
        del _taken["helpers"]


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and perhaps a lock that nobody will release."""
    global _limiting
    _limiting = threading.Lock()
    _taken.clear()
    _helpers.clear()
    desks[:] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
