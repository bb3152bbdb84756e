"""Several threads at one kernel: helpers that are awake when it begins, and how many were asked for.

A test that compares one thread with two shows nothing where too little work asks for one, or where the helper is still
asleep when this thread is done.
"""

import time

import numpy as np

from mobilenet_np import threads as pool
from mobilenet_np.machine_code import HAVE_NUMBA

if HAVE_NUMBA:
    from numba import njit

    from mobilenet_np.atomic import fetch_add, read
    from mobilenet_np.jobs import on_all
    from mobilenet_np.kernels import turns

    @njit(nogil=True)
    def _meet(job, me):
        """Wait a moment for the others; note who came, and who left."""
        came, threads, patience = job
        fetch_add(came, 0, 1)
        fetch_add(came, 8 + me, 1)
        while read(came, 0) < threads and patience > 0:
            patience -= 1
        fetch_add(came, 1, 1)

    _on_all = njit(nogil=True)(on_all(_meet))

    @njit(nogil=True)
    def run_meet(desks, threads, came, wanted, patience):
        """``came``: [0] how many came, [1] how many left, from [8] on who came."""
        _on_all(desks, threads, (came, wanted, patience))


def wake(threads):
    """Return when so many threads have met: for some milliseconds they look for what comes next.

    Without Numba they sleep between any two tasks.
    """
    if not HAVE_NUMBA:
        return
    deadline = time.monotonic() + 60  # the first that a helper does is to compile its waiting
    came = np.zeros(8 + threads, np.int64)
    while came[0] < threads:
        assert time.monotonic() < deadline
        came[:] = 0
        pool.with_helpers(lambda n: run_meet(pool.desks, n, came, n, 10**6), threads)


def asked_for(monkeypatch):
    """A list that gets, for each piece of work from now on, how many threads it is shared out to."""
    found, useful = [], pool.useful

    def watched(*arguments):
        found.append(useful(*arguments))
        return found[-1]

    monkeypatch.setattr(pool, "useful", watched)
    if HAVE_NUMBA:
        monkeypatch.setattr(turns, "useful", watched)
    return found


def assert_same_bits(run, monkeypatch, counts=(1, 2, 4), again=3):
    """``run()``, a list of arrays, gives the same on so many threads, and more than one are really asked each time.

    Where there are several they are awake, and it is done some times, so that now this one and now that one is late.
    Returned is what one thread gives.
    """
    expected = None
    asked = asked_for(monkeypatch)
    for threads in counts:
        pool.set_threads(threads)
        for _ in range(1 if threads == 1 else again):
            wake(threads)
            asked.clear()
            results = run()
            assert max(asked) == threads
            expected = results if expected is None else expected
            for one, other in zip(expected, results, strict=True):
                np.testing.assert_array_equal(other, one)
    pool.set_threads(None)
    return expected
