"""Memory comes back when the last view of an array is gone, and not before."""

import gc
import threading

import numpy as np
import pytest

from mobilenet_np import memory
from mobilenet_np.memory import LARGE, empty, lines, zeros

SIZE = 1_234_567  # float32 numbers


@pytest.fixture
def where():
    """The address of an array that has just been given back, and that is all there is."""
    gc.collect()
    memory._returned.clear()
    memory._idle.clear()
    array = empty(SIZE)
    at = array.ctypes.data
    del array
    gc.collect()
    return at


def test_memory_is_used_again(where):
    assert empty(SIZE).ctypes.data == where
    assert empty((SIZE, 1)).ctypes.data == where


def test_it_serves_another_size_if_little_is_wasted(where):
    assert empty(SIZE - 1000).ctypes.data == where
    assert empty(SIZE // 2).ctypes.data != where
    assert empty(SIZE + 1000).ctypes.data != where


@pytest.mark.parametrize(
    "view", [lambda a: a[5:], lambda a: a.reshape(-1, 1), lambda a: a.view(np.int32)[::2], lambda a: memoryview(a)]
)
def test_a_view_keeps_it(where, view):
    array = empty(SIZE)
    assert array.ctypes.data == where
    kept = view(array)
    del array
    gc.collect()
    assert empty(SIZE).ctypes.data != where
    del kept
    gc.collect()
    assert empty(SIZE).ctypes.data == where


def test_two_arrays_never_share():
    arrays = [empty(SIZE) for _ in range(4)]
    for number, array in enumerate(arrays):
        array[...] = number
    assert [array.min() for array in arrays] == [array.max() for array in arrays] == [0, 1, 2, 3]


def test_threads_never_share():
    wrong = []

    def work(number):
        for _ in range(200):
            array = empty((LARGE // 4,))
            array[...] = number
            if not (array == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_zeros_are_zeros_in_used_memory(where):
    array = empty(SIZE)
    array[...] = np.nan
    del array
    assert not zeros(SIZE).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_it_gives_is_an_array_like_any_other(dtype):
    array = empty((300, 400), dtype)
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.ctypes.data % 64 == 0
    assert empty((), dtype).shape == ()
    assert empty(0, dtype).size == 0


def test_memory_that_nobody_wants_is_given_back(where, monkeypatch):
    monkeypatch.setattr(memory, "PATIENCE", 8)
    for _ in range(12):
        empty(LARGE)
    assert memory._idle
    assert all(size < 4 * SIZE for size in memory._idle)


def test_lines_begin_at_cache_lines():
    array = lines(3, 21)
    assert array.shape == (3, 21)
    assert [row.ctypes.data % 64 for row in array] == [0, 0, 0]
    assert not array.any()
