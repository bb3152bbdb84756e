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
from numba import types as nb
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from ..atomic import fetch_add
from ..jobs import call, entry, on_all
from ..machine_code import cached_njit
from ..memory import LINE, scratch
from ..parts import helper, part_of_caller
from ..threads import desks, useful, with_helpers
from .simd import pointer

_COUNTER = 8  # numbers, a cache line
_EACH = 4  # turns for each thread: enough to even out what a late one leaves
_own = threading.local()


def in_turns(kernel: Callable) -> Callable:
    """Compile ``kernel(*arguments, *own, start, stop)``, which does a part of a loop, for `take_turns`.

    ``own`` are the addresses of scratch arrays.
    """
    # A name in the function's globals, as in `on_all`.
    turns = types.FunctionType(_turns.__code__, globals() | {"turn_of": _turn_of(kernel)})
    turns.__name__ = turns.__qualname__ = f"{kernel.__module__.rpartition('.')[2]}_{kernel.__name__}"
    turns.__module__ = __name__
    return cached_njit(turns, source=kernel)


def _turns(desks, threads, taken, turns, count, grain, spaces, arguments):
    turn, job = turn_of((spaces, arguments))  # noqa: F821
    _on_all(desks, threads, (turn, job, taken, threads, turns, count, grain))


def _turn_of(kernel):
    @intrinsic
    def turn_of(typing_context, job):
        """Where a compiled function lies that calls the kernel from the addresses of a job and ``me, start, stop``, and
        where this job does."""

        def generate(context, builder, signature, arguments):
            spaces, given = job.types
            called = [*given, *[pointer] * len(spaces), nb.intp, nb.intp]
            compiled = part_of_caller(context, kernel, called)

            def call(inside, job_there, numbers):
                me, *range_ = numbers
                own, values = (cgutils.unpack_tuple(inside, inside.extract_value(job_there, i)) for i in (0, 1))
                rows = [_row(context, inside, kind, space, me) for kind, space in zip(spaces, own, strict=True)]
                arguments = [*values, *rows, *range_]
                return context.call_internal_no_propagate(inside, compiled, nb.none(*called), arguments)[0]

            return context.make_tuple(builder, signature.return_type, entry(context, builder, *arguments, 3, call))

        return nb.UniTuple(nb.int64, 2)(job), generate

    return turn_of


def _row(context, builder, kind, array, row):
    """For an intrinsic: where a row of a two-dimensional array begins."""
    made = arrayobj.make_array(kind)(context, builder, array)
    start = builder.ptrtoint(made.data, row.type)
    at = builder.add(start, builder.mul(row, builder.extract_value(made.strides, 0)))
    return builder.inttoptr(at, made.data.type)


def _take(job, me):
    turn, arguments, taken, threads, turns, count, grain = job
    grains = (count + grain - 1) // grain
    for nth in range(threads):  # one's own turns first, then those that the others have not come to
        whose = (me + nth) % threads
        end = turns * (whose + 1) // threads
        mine = turns * whose // threads + fetch_add(taken, _COUNTER * whose, 1)
        while mine < end:
            # Turns as equal as can be: 28 blocks in turns of 4 would be 12 for one thread and 16 for the other.
            start, stop = grains * mine // turns * grain, min(count, grains * (mine + 1) // turns * grain)
            if call(turn, arguments, me, start, stop) != 0:
                raise RuntimeError
            mine = turns * whose // threads + fetch_add(taken, _COUNTER * whose, 1)


_on_all = helper(on_all(_take))


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

    def run(threads: int) -> None:
        turns = min(grains, 1 if threads == 1 else threads * _EACH)
        taken = np.zeros(_COUNTER * threads, np.int64)
        kernel(desks, threads, taken, turns, count, grain, _spaces(own, threads), arguments)

    grains = -(-count // grain)
    with_helpers(run, useful(work, grains))


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
