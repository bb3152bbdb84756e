"""A job is done by this thread and by whoever comes, and is over when the call returns."""

import itertools
import threading
import time

import numpy as np
import pytest
from crew import run_meet
from numba import njit

from mobilenet_np.atomic import fetch_add, read
from mobilenet_np.jobs import on_all
from mobilenet_np.threads import desks, with_helpers


@njit(nogil=True)
def _fail(job, me):
    who, came, patience = job
    fetch_add(came, 0, 1)
    while read(came, 0) < 2 and patience > 0:
        patience -= 1
    if me == who:
        raise ValueError


fail = njit(nogil=True)(on_all(_fail))


@njit(nogil=True)
def _run_fail(desks, threads, who, came):
    fail(desks, threads, (who, came, 10**7))


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_everybody_comes_at_most_once_and_is_gone_afterwards(threads):
    everybody, deadline = 0, time.monotonic() + 60  # the first that a helper does is to compile its waiting
    patiences = itertools.cycle([0, 10, 10**5])
    while everybody < 20 and time.monotonic() < deadline:
        patience = next(patiences)
        came = np.zeros(40, np.int64)
        with_helpers(lambda n, came=came, patience=patience: run_meet(desks, n, came, threads, patience), threads)
        before = came.copy()
        assert came[8] == 1
        assert set(came[8 : 8 + threads]) <= {0, 1}
        assert came[0] == came[1] == came[8:].sum()
        everybody += came[0] == threads
        np.testing.assert_array_equal(came, before)
    assert everybody == 20
    assert not desks[:64:8].any()


def test_a_helper_that_fell_asleep_comes_again():
    for _ in range(3):
        came = np.zeros(40, np.int64)
        for _ in range(1000):
            if came[9] > 0:
                break
            with_helpers(lambda n, came=came: run_meet(desks, n, came, came[0] + 2, 10**6), 2)
        assert came[9] > 0
        time.sleep(0.1)  # longer than it spins


@pytest.mark.parametrize("who", [0, 1])
def test_a_failure_on_any_thread_arrives_when_all_are_done(who):
    def until_the_helper_comes():
        for _ in range(1000):
            with_helpers(lambda n: _run_fail(desks, n, who, np.zeros(2, np.int64)), 2)

    with pytest.raises(RuntimeError, match="kernel failed"):
        until_the_helper_comes()
    assert not desks[:64:8].any()
    came = np.zeros(40, np.int64)
    with_helpers(lambda n: run_meet(desks, n, came, 2, 10**6), 2)
    assert came[8] == 1


def test_while_helpers_work_for_somebody_else_one_thread_does_it_all():
    inside, leave = threading.Event(), threading.Event()

    def hold(threads):
        inside.set()
        leave.wait(10)

    holder = threading.Thread(target=with_helpers, args=(hold, 2))
    holder.start()
    inside.wait(10)
    counts = []
    with_helpers(counts.append, 3)
    leave.set()
    holder.join()
    with_helpers(counts.append, 3)
    assert counts == [1, 3]
