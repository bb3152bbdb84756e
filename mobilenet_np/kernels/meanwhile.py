"""What can go on while a product is computed: fetching what comes next, and sending off what came last.

Work that is done in blocks waits for memory twice: each block must be fetched before it is multiplied, and its results
written before the next one. But a processor that multiplies has little to fetch, and one that fetches has nothing to
multiply. So the next block is asked for, line by line, while this one is multiplied, and the results of the last one,
which lie in the fast cache, go to memory at the same time, past the caches.

A product counts its steps, one for each term of the sums in each tile; a depthwise convolution has one for each
register of results, and its backward pass at stride 2 for each cell. A plan says what goes with a step. Where it is
None there is nothing to do but to multiply, and the compiler leaves all of this out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from numba import types
from numba.extending import overload

from ..memory import LINE
from ..parts import helper
from .simd import fence, forward, load16, prefetch, stream
from .tiles import REGISTERS

ROWS = 14 if REGISTERS >= 32 else 6  # of most tiles
ROWS_OF_WEIGHTS = 8 if REGISTERS >= 32 else 6  # of most tiles of weights' gradients
COLUMNS = 16
CHANNELS = 16 if REGISTERS >= 32 else 8  # of a step of a depthwise convolution


class Meanwhile(NamedTuple):
    """What to do along with each step of a product; see `plan`.

    Attributes
    ----------
    first, second, third : address
        Of what to fetch, in this order.
    first_size, second_size, third_size : int
        How many numbers.
    pace : int
        How many of them are fetched for each step.
    going, table : address
        Of what to send, and where to.
    size : int
        How many numbers, a multiple of 16.
    send_pace : int
        How many of them are sent for each step.
    """

    first: int
    first_size: int
    second: int
    second_size: int
    third: int
    third_size: int
    pace: int
    going: int
    table: int
    size: int
    send_pace: int


@helper
def steps_of(M, K, N, rows):
    """About how many steps a product (M, K) @ (K, N) takes, in tiles of so many rows."""
    return ((M + rows - 1) // rows) * ((N + COLUMNS - 1) // COLUMNS) * K


@helper
def plan(steps, first, first_size, second, second_size, third, third_size, going, table, size):
    """Fetch three tables and send one, in so many steps."""
    pace = (first_size + second_size + third_size + steps - 1) // steps
    return Meanwhile(
        first, first_size, second, second_size, third, third_size, pace, going, table, size, (size + steps - 1) // steps
    )


@helper
def nothing(start):
    """A plan to do nothing but to multiply; ``start`` is any address. Less code to compile than None where a kernel has
    other plans too, and a hundredth slower."""
    return Meanwhile(start, 0, start, 0, start, 0, 0, start, start, 0, 0)


def of_a_plan(otherwise: Callable) -> Callable:
    """Make a function for kernels whose first argument is a plan; where that is None, ``otherwise`` is compiled."""

    def choose(function):
        overload(function, strict=False)(lambda m, *_: otherwise if m is None or m is types.none else function)
        return function

    return choose


@helper
def _coming(m, at):
    """Where number ``at`` of the three tables is, or the first one again, which is there already."""
    if at < m.first_size:
        return forward(m.first, at)
    at -= m.first_size
    if at < m.second_size:
        return forward(m.second, at)
    at -= m.second_size
    return forward(m.third, at) if at < m.third_size else m.first


@of_a_plan(lambda m, step: (None, 0))
def soon(m, step):
    """Where to begin to fetch at this step, and how much further on at each of the next."""
    at = step * m.pace
    more = at < m.first_size + m.second_size + m.third_size
    return _coming(m, at), m.pace * more


@helper
def _send_lines(going, table, at, end):
    while at < end:
        stream(load16(going, at), table, at)
        at += LINE


@of_a_plan(lambda m, step, until: None)
def send(m, step, until):
    """Send what goes with the steps from ``step`` to ``until``, in whole lines."""
    at, end = min(m.size, step * m.send_pace), min(m.size, until * m.send_pace)
    _send_lines(m.going, m.table, at // LINE * LINE, end // LINE * LINE)


@of_a_plan(lambda m, step, until: None)
def along(m, step, until):
    """What goes with the steps from ``step`` to ``until``, in whole lines, for what has no tiles.

    Few steps: a processor that is asked for more lines than it can wait for forgets them.
    """
    at, end = step * m.pace // LINE * LINE, until * m.pace // LINE * LINE
    if at < end:
        start = _coming(m, at)
        for line in range(0, end - at, LINE):
            prefetch(start, line)
    send(m, step, until)


@helper
def send_rest(m, step):
    """Send what has not gone before ``step``, when the product is done."""
    _send_lines(m.going, m.table, min(m.size, step * m.send_pace) // LINE * LINE, m.size)


@helper
def send_all(going, table, size):
    """Send what there is no product for any more; then everything that was sent is there."""
    _send_lines(going, table, 0, size)
    fence()
