"""NumPy forms run in chunks: on every thread under the caller's conditions, and BLAS on none but these."""

import threading

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import threads
from mobilenet_np.ops._common import CHUNK, in_chunks

ROWS = np.arange(8 * CHUNK // 8, dtype=float).reshape(8, -1)  # eight chunks, and enough numbers for a second thread


@pytest.fixture(autouse=True)
def two_threads():
    mn.set_threads(2)


def blas_threads():
    """Of NumPy's BLAS; whoever is imported later may bring another one."""
    counts = [pool["num_threads"] for pool in threads._blas().info()]
    if set(counts) <= {1} and not threads._limiting.locked():
        pytest.skip("this NumPy's BLAS has no threads that could be limited")
    return counts


def on_both_threads(compute):
    """A form that two threads run at the same time; ``compute`` is called by each of them."""
    here, both = set(), threading.Barrier(2, timeout=30)

    def numpy_form(x):
        if len(here) < 2 and not np.array_equal(x, ROWS[:1]):  # the first row tells the shape, before there are threads
            here.add(threading.get_ident())
            both.wait()
        return compute(x)

    return here, in_chunks(numpy_form)


def test_two_threads_fill_one_result():
    here, double = on_both_threads(lambda x: 2 * x)
    np.testing.assert_array_equal(double(ROWS), 2 * ROWS)
    assert len(here) == 2


def test_what_errstate_says_holds_on_every_thread():
    here, divide = on_both_threads(lambda x: x / np.zeros_like(x))
    with np.errstate(all="ignore"):
        divide(ROWS)
    assert len(here) == 2
    seen = []

    def complain(*what):
        seen.append(threading.get_ident())

    here, divide = on_both_threads(lambda x: x / np.zeros_like(x))
    with np.errstate(divide="call", invalid="ignore", call=complain):
        divide(ROWS)
    assert set(seen) == here


def test_an_error_on_any_thread_arrives():
    def fail(x):
        if threading.current_thread() is not threading.main_thread():
            raise ArithmeticError("from the other thread")
        return x

    _, form = on_both_threads(fail)
    with pytest.raises(ArithmeticError, match="from the other thread"):
        form(ROWS)


def test_blas_has_one_thread_meanwhile_and_afterwards_what_it_had():
    before, seen = blas_threads(), []

    def look(x):
        seen.extend(blas_threads())
        return x

    here, form = on_both_threads(look)
    form(ROWS)
    assert len(here) == 2
    assert set(seen) == {1}
    assert blas_threads() == before


def test_blas_keeps_its_one_thread_while_somebody_else_comes_and_goes():
    before, seen = blas_threads(), []

    def look(x):
        other = threading.Thread(target=in_chunks(np.negative), args=(ROWS[:1],))
        other.start()
        other.join(30)
        seen.extend(blas_threads())
        return x

    in_chunks(look)(ROWS[:1])
    assert set(seen) == {1}
    assert blas_threads() == before
