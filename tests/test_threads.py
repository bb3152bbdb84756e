"""Work shared out to threads is done once, whole, and with the same bits."""

import threading
import time

import numpy as np
import pytest
from crew import assert_same_bits

import mobilenet_np as mn
from mobilenet_np import threads as pool
from mobilenet_np.threads import desks, run_on_all, share


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(("count", "grain"), [(1, 1), (10, 1), (10, 16), (33, 16), (1000, 7)])
def test_pieces_are_the_whole(threads, count, grain):
    mn.set_threads(threads)
    done, lock = [], threading.Lock()

    def task(start, stop):
        with lock:
            done.append((start, stop))

    share(task, count, work=10**9, grain=grain)
    done.sort()
    assert [i for start, stop in done for i in range(start, stop)] == list(range(count))
    assert all(start % grain == 0 for start, _ in done)
    assert len(done) == min(threads, -(-count // grain))


def test_nobody_is_without_a_desk():
    mn.set_threads(10**6)
    assert mn.get_threads() * 8 <= desks.size


def test_little_work_wakes_nobody():
    mn.set_threads(4)
    seen = []
    share(lambda start, stop: seen.append((start, stop, threading.current_thread())), 100, work=1000)
    assert seen == [(0, 100, threading.current_thread())]


def test_an_error_in_any_thread_arrives():
    barrier = threading.Barrier(2, timeout=10)

    def task(number):
        barrier.wait()  # both have begun, so neither is called off
        if number == 1:
            raise ArithmeticError("from the other thread")

    with pytest.raises(ArithmeticError, match="from the other thread"):
        run_on_all(task, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_training_has_the_same_bits_for_any_number_of_threads(model, dtype, monkeypatch):
    """Networks as small as this one share out next to nothing: here they share out whatever has two pieces."""
    pytest.importorskip("numba")  # NumPy's chunks are in tests/ops/test_forms.py
    monkeypatch.setattr(pool, "_WORTH_HANDING_OVER", 1)
    monkeypatch.setattr(pool.useful, "__defaults__", (1,))
    x = np.random.default_rng(0).standard_normal((4, 64, 64, 3)).astype(dtype)

    def run():
        net = mn.build(model, 0.5, 8, dtype=dtype, dropout=0)
        y = net.forward(x, train=True)
        return [y, net.backward(y), *net.grads.values(), *net.buffers.values()]

    assert_same_bits(run, monkeypatch, again=1)


def test_an_error_here_leaves_nobody_working():
    def task(number):
        if number == 0:
            raise ArithmeticError("from this thread")

    with pytest.raises(ArithmeticError, match="from this thread"):
        run_on_all(task, 3)
    done = []
    run_on_all(done.append, 3)
    assert 0 in done


def test_a_task_may_share_out_work_itself():
    inner, lock = [], threading.Lock()

    def piece(start, stop):
        with lock:
            inner.append((start, stop))

    mn.set_threads(2)
    run_on_all(lambda number: share(piece, 8, work=10**9), 2)
    assert sorted(set(range(8))) == sorted({i for start, stop in inner for i in range(start, stop)})


def test_several_threads_may_share_out_work_at_once():
    mn.set_threads(3)
    totals = [0] * 6

    def user(n):
        for _ in range(300):
            done = []
            share(lambda start, stop, done=done: done.append(stop - start), 90, work=10**9)
            totals[n] += sum(done)

    users = [threading.Thread(target=user, args=(n,)) for n in range(6)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join(timeout=60)
    assert totals == [27_000] * 6


def test_a_helper_that_fell_asleep_wakes_up():
    barrier = threading.Barrier(2, timeout=10)
    for _ in range(3):
        run_on_all(lambda number: barrier.wait(), 2)
        time.sleep(0.05)  # longer than it spins
