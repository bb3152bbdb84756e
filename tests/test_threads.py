"""Work shared out to threads is done once, whole, and with the same bits."""

import threading

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.threads import run_on_all, share


@pytest.fixture(autouse=True)
def default_threads():
    yield
    mn.set_threads(None)


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
def test_training_has_the_same_bits_for_any_number_of_threads(model, dtype):
    x = np.random.default_rng(0).standard_normal((4, 64, 64, 3)).astype(dtype)
    results = []
    for threads in (1, 2, 4):
        mn.set_threads(threads)
        net = mn.build(model, 0.5, 8, dtype=dtype, dropout=0)
        y = net.forward(x, train=True)
        results.append({"y": y, "dx": net.backward(y), **net.grads, **net.buffers})
    for name, one in results[0].items():
        assert all(np.array_equal(one, other[name]) for other in results[1:]), name
