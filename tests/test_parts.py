"""Parts of compiled functions are compiled in them, helpers once for all."""

import numpy as np
import pytest

pytest.importorskip("numba")
from numba import njit, types

from mobilenet_np import parts
from mobilenet_np.parts import helper, part


@helper
def twice(x):
    return 2 * x


@part
def add(x, i, amount):
    if i >= len(x):
        raise IndexError("too far")
    x[i] += twice(amount)


@njit
def add_some(x):
    add(x, 0, 1)
    add(x, 1, 2.5)
    for i in range(2, len(x)):
        add(x, i, i)


@njit
def add_beyond(x):
    add(x, len(x), 1)


def test_parts_do_what_they_say():
    x = np.zeros(4)
    add_some(x)
    np.testing.assert_array_equal(x, [2, 5, 4, 6])


def test_an_error_in_a_part_arrives():
    with pytest.raises(IndexError, match="too far"):
        add_beyond(np.zeros(3))


def test_a_helper_is_compiled_once_for_all_integers_that_are_written_down():
    @helper
    def plus(x, y):
        return x + y

    @njit
    def sums(x):
        return plus(x, 0) + plus(x, 1) + plus(2, x) + plus(x, y=3)

    assert sums(10) == 46
    assert plus.signatures == [(types.int64, types.int64)]


def test_a_part_is_compiled_once_for_each_caller(monkeypatch):
    @part
    def note(x, i):
        x[i] = i

    @njit
    def first(x):
        note(x, 0)
        note(x, 1)
        note(x, len(x) - 1)

    @njit
    def second(x):
        note(x, 0)

    compiled = []
    compile_internal = parts.compile_internal
    monkeypatch.setattr(parts, "compile_internal", lambda *a: compiled.append(a[3]) or compile_internal(*a))
    x = np.full(3, -1)
    first(x)
    np.testing.assert_array_equal(x, [0, 1, 2])
    assert len(compiled) == 1
    second(x)
    assert len(compiled) == 2


def test_called_by_python_a_helper_is_python():
    assert twice("a") == "aa"
