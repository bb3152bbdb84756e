"""Kernels whose loop several threads run together, each taking the next turn when it is done with its last.

Who takes which turn is settled in machine code, as is who helps (`mobilenet_np.jobs`). A thread that comes late finds
fewer turns left, instead of being waited for.

Each thread begins with its own share of the turns, the same of every table: what it reads it has mostly written itself,
and finds in its own caches. When that is done it takes what is left of the others'.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Sequence

import numpy as np
from numba import njit
from numba.extending import overload

from ..atomic import fetch_add
from ..jobs import on_all
from ..machine_code import cached_njit
from ..memory import LINE, scratch
from ..threads import desks, useful, with_helpers

_COUNTER = 8  # numbers, a cache line
_EACH = 4  # turns for each thread: enough to even out what a late one leaves
_own = threading.local()


def in_turns(kernel: Callable) -> Callable:
    """Compile ``kernel(*arguments, *own, start, stop)``, which does a part of a loop, for `take_turns`."""
    compiled = njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)  # Python does not call them
    # A name in the function's globals, as in `on_all`.
    take = compiled(types.FunctionType(_take.__code__, globals() | {"kernel": compiled(kernel)}))
    turns = on_all(take)
    turns.__name__ = turns.__qualname__ = f"{kernel.__module__.rpartition('.')[2]}_{kernel.__name__}"
    turns.__module__ = __name__
    return cached_njit(turns)


def _take(job, me):
    taken, threads, count, size, spaces, arguments = job
    last = (count + size - 1) // size
    for nth in range(threads):  # one's own turns first, then those that the others have not come to
        whose = (me + nth) % threads
        end = last * (whose + 1) // threads
        turn = last * whose // threads + fetch_add(taken, _COUNTER * whose, 1)
        while turn < end:
            kernel(*(arguments + _rows(spaces, me) + (turn * size, min(count, (turn + 1) * size))))  # noqa: F821
            turn = last * whose // threads + fetch_add(taken, _COUNTER * whose, 1)


def _rows(spaces, me):
    """Row ``me`` of each of up to three arrays."""


@overload(_rows)
def _rows_of_so_many(spaces, me):
    return (
        lambda spaces, me: (),
        lambda spaces, me: (spaces[0][me],),
        lambda spaces, me: (spaces[0][me], spaces[1][me]),
        lambda spaces, me: (spaces[0][me], spaces[1][me], spaces[2][me]),
    )[len(spaces)]


def take_turns(
    kernel: Callable, arguments: tuple, count: int, work: int, grain: int = 1, own: Sequence[int] = ()
) -> None:
    """Run a kernel made by `in_turns` over ``range(count)``.

    Parameters
    ----------
    kernel : callable
    arguments : tuple
        What it takes before start and stop, but for the scratch memory.
    count : int
    work : int
        About how many numbers are computed altogether: too few, and no second thread is asked.
    grain : int
        Parts begin at multiples of this.
    own : sequence of int
        Sizes of the scratch arrays, three at most, that each thread has for itself.
    """

    def run(threads: int) -> None:
        size = count if threads == 1 else -(-count // (threads * _EACH * grain)) * grain
        taken = np.zeros(_COUNTER * threads, np.int64)
        kernel(desks, threads, (taken, threads, count, size, _spaces(own, threads), arguments))

    with_helpers(run, useful(work, -(-count // grain)))


def _spaces(sizes: Sequence[int], threads: int) -> tuple[np.ndarray, ...]:
    """Arrays with a row for each thread, at least so long; they are kept for the next kernel."""
    spaces = _own.__dict__.setdefault("spaces", [])
    for number, size in enumerate(sizes):
        if number == len(spaces):
            spaces.append(np.empty((0, 0), np.float32))
        rows, length = spaces[number].shape
        if rows < threads or length < size:
            rows, length = max(rows, threads), -(-max(length, size) // LINE) * LINE
            spaces[number] = scratch(rows * length)[: rows * length].reshape(rows, length)
    return tuple(spaces[: len(sizes)])
