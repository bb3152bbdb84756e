"""Every turn is taken once, whoever takes it."""

import threading

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.kernels.turns import in_turns, take_turns


@in_turns
def mark(out, scratch, start, stop):
    for i in range(start, stop):
        scratch[0] = i
        out[i] += scratch[0] + 1


@in_turns
def mark_by_way_of_scratch(out, options, first, second, me_too, start, stop):
    """All of a part goes to one scratch array, then to the next, and is counted only then."""
    adds, (amount, _) = options
    for i in range(start, stop):
        first[i - start] = i
    for i in range(start, stop):
        second[stop - 1 - i] = first[i - start]
    me_too[0] = amount
    for i in range(start, stop):
        out[i] += second[stop - 1 - i] + me_too[0] if adds else 0


@in_turns
def mark_lengths(out, start, stop):
    out[start] = stop - start


@in_turns
def fail_at(where, start, stop):
    for i in range(start, stop):
        if i == where:
            raise ValueError


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(("count", "grain"), [(0, 1), (1, 1), (2, 1), (7, 1), (1000, 1), (1000, 16), (5, 16), (33, 16)])
def test_every_turn_is_taken_once(count, grain, threads):
    mn.set_threads(threads)
    for _ in range(20):
        out = np.zeros(count)
        take_turns(mark, (out,), count, work=2**30, grain=grain, own=[1])
        np.testing.assert_array_equal(out, np.arange(count) + 1)


@pytest.mark.parametrize(("count", "grain"), [(28, 1), (14, 1), (9, 1), (28 * 16, 16), (28 * 16 - 3, 16)])
def test_shares_are_as_equal_as_can_be(count, grain):
    mn.set_threads(2)
    lengths = np.zeros(count, np.int64)
    take_turns(mark_lengths, (lengths,), count, work=2**30, grain=grain)
    starts = np.flatnonzero(lengths)
    assert all(starts % grain == 0)
    grains = -(-lengths[starts] // grain)
    assert len(grains) == 8
    assert grains.max() - grains.min() <= 1
    assert abs(grains[:4].sum() - grains[4:].sum()) <= 1  # what the two threads begin with


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_thread_has_scratch_arrays_of_its_own(threads):
    mn.set_threads(threads)
    count = 10**5
    for _ in range(20):
        out = np.zeros(count)
        take_turns(mark_by_way_of_scratch, (out, (True, (3, 0.5))), count, work=2**30, own=[count, count, 1])
        np.testing.assert_array_equal(out, np.arange(count, dtype=np.float32) + 3.0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("where", [0, 50, 99])
def test_a_kernel_that_fails_says_so_and_leaves_the_threads_usable(where, threads):
    mn.set_threads(threads)
    with pytest.raises(RuntimeError, match="kernel failed"):
        take_turns(fail_at, (where,), 100, work=2**30)
    take_turns(fail_at, (-1,), 100, work=2**30)


def test_from_several_python_threads_at_once():
    mn.set_threads(2)
    results = [np.zeros(500) for _ in range(6)]

    def many(out):
        for _ in range(50):
            take_turns(mark, (out,), len(out), work=2**30, own=[1])

    crowd = [threading.Thread(target=many, args=(out,)) for out in results]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    for out in results:
        np.testing.assert_array_equal(out, 50 * (np.arange(500) + 1))


def test_wrong_arguments_raise_and_leave_the_threads_usable():
    mn.set_threads(2)
    with pytest.raises(Exception, match=r"(?i)argument|typ"):
        take_turns(mark, (), 100, work=2**30)
    out = np.zeros(100)
    take_turns(mark, (out,), 100, work=2**30, own=[1])
    np.testing.assert_array_equal(out, np.arange(100) + 1)


def test_a_helper_keeps_nothing_of_a_task_that_is_over():
    import gc
    import weakref

    class Array(np.ndarray):
        pass

    mn.set_threads(2)
    out = np.zeros(1000).view(Array)
    gone = weakref.ref(out)
    take_turns(mark, (out.view(np.ndarray),), 1000, work=2**30, own=[1])
    del out
    deadline = threading.Event()
    for _ in range(100):  # a helper may need a moment to go back to where it waits
        gc.collect()
        if gone() is None:
            break
        deadline.wait(0.01)
    assert gone() is None
