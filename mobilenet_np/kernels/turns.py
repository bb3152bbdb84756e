"""Kernels whose loop several threads run together, each taking the next turn when it is done with its last.

To hand work from one Python thread to another costs fifty microseconds, as much as a small layer, if one of them asks
for Python's lock while the other holds it: it is put to sleep then, and must be woken. So all that can be is done
without the lock, in machine code: who takes which turn, and waiting until all turns are done and the others have gone
back to where they wait. And a thread that comes late finds fewer turns left, instead of being waited for.

Each thread begins with its own share of the turns, the same of every table: what it reads it has mostly written itself,
and finds in its own caches. When that is done it takes what is left of the others'.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Sequence

import numpy as np
from numba import njit

from ..atomic import SETTLE, fetch_add, give_way, read
from ..machine_code import cached_njit
from ..memory import scratch
from ..threads import run_and_go, useful

_DONE, _CAME, _WENT, _TAKEN = 0, 8, 16, 24  # eight counters are a cache line; _TAKEN is one for each thread
_own = threading.local()
_EACH = 4  # turns for each thread: enough to even out what a late one leaves


def in_turns(kernel: Callable) -> Callable:
    """Compile ``kernel(*arguments, start, stop)``, which does a part of a loop, for `take_turns`."""
    # A name in the function's globals, not a variable around it: of functions with such, Numba keeps no machine code.
    turns = types.FunctionType(_in_turns.__code__, globals() | {"kernel": njit(nogil=True)(kernel)})
    turns.__name__ = turns.__qualname__ = f"{kernel.__module__.rpartition('.')[2]}_{kernel.__name__}"
    turns.__module__ = __name__
    return cached_njit(turns)


def _in_turns(turns, me, threads, count, size, *arguments):
    if me > 0:
        fetch_add(turns, _CAME, 1)
    last = (count + size - 1) // size
    for nth in range(threads):  # one's own turns first, then those that the others have not come to
        whose = (me + nth) % threads
        end = last * (whose + 1) // threads
        turn = last * whose // threads + fetch_add(turns, _TAKEN + 8 * whose, 1)
        while turn < end:
            kernel(*(arguments + (turn * size, min(count, (turn + 1) * size))))  # noqa: F821
            fetch_add(turns, _DONE, 1)
            turn = last * whose // threads + fetch_add(turns, _TAKEN + 8 * whose, 1)
    if me == 0:
        spins = 0
        while read(turns, _DONE) < last or read(turns, _WENT) < read(turns, _CAME):
            spins += 1
            if spins % 2000 == 0:
                give_way()
        if read(turns, _CAME) > 0:  # who went is about to give Python's lock back
            for _ in range(SETTLE):
                read(turns, _DONE)


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
        Sizes of the scratch arrays that each thread has for itself.
    """
    threads = useful(work, -(-count // grain))
    turns = np.zeros(_TAKEN + 8 * threads, np.int64)
    if threads == 1:
        kernel(turns, 0, 1, count, count, *arguments, *_spaces(own))
        return
    size = -(-count // (threads * _EACH * grain)) * grain

    def task(me: int) -> None:
        kernel(turns, me, threads, count, size, *arguments, *_spaces(own))
        if me > 0:
            turns[_WENT] += 1

    run_and_go(task, threads)


def _spaces(sizes: Sequence[int]) -> list[np.ndarray]:
    """Scratch arrays of this thread's own, at least so large; they are kept for the next kernel."""
    spaces = _own.__dict__.setdefault("spaces", [])
    for number, size in enumerate(sizes):
        if number == len(spaces):
            spaces.append(scratch(size))
        elif spaces[number].size < size:
            spaces[number] = scratch(size)
    return spaces[: len(sizes)]
