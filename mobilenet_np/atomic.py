"""Counters that several threads may change at once, for kernels that run without Python's lock."""

from __future__ import annotations

import os

from numba import njit, types
from numba.extending import intrinsic
from numba.np import arrayobj

from .machine_code import cached_njit

SETTLE = 20000  # reads: a few microseconds


def _pointer(context, builder, array_type, array, index):
    return builder.gep(arrayobj.make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def fetch_add(typing_context, counters, index, amount):
    """Add to ``counters[index]`` (int64) and return what it was before, as one indivisible step."""

    def generate(context, builder, signature, arguments):
        counters, index, amount = arguments
        pointer = _pointer(context, builder, signature.args[0], counters, index)
        return builder.atomic_rmw("add", pointer, amount, "seq_cst")

    return types.int64(counters, types.intp, types.int64), generate


@intrinsic
def read(typing_context, counters, index):
    """``counters[index]`` as the other threads left it, and with it everything that they wrote before."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(counters, types.intp), generate


@intrinsic
def write(typing_context, counters, index, value):
    """``counters[index] = value``, after everything that was written before."""

    def generate(context, builder, signature, arguments):
        counters, index, value = arguments
        pointer = _pointer(context, builder, signature.args[0], counters, index)
        builder.store_atomic(value, pointer, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(counters, types.intp, types.int64), generate


@intrinsic
def exchange_if(typing_context, counters, index, expected, value):
    """If ``counters[index]`` is ``expected``, make it ``value``, as one indivisible step; whether it was."""

    def generate(context, builder, signature, arguments):
        counters, index, expected, value = arguments
        pointer = _pointer(context, builder, signature.args[0], counters, index)
        result = builder.cmpxchg(pointer, expected, value, "seq_cst", "seq_cst")
        return builder.extract_value(result, 1)

    return types.boolean(counters, types.intp, types.int64, types.int64), generate


if hasattr(os, "sched_yield"):
    _sched_yield = types.ExternalFunction("sched_yield", types.int32())

    @njit(nogil=True)
    def give_way():
        """Let another thread have the processor."""
        _sched_yield()

else:

    @njit(nogil=True)
    def give_way():
        """This system has no such call: go on spinning."""


@cached_njit
def wait_while(counters, index, value, spins):
    """Spin as long as ``counters[index]`` is ``value``, at most so many times; return what it is then.

    Who changed it holds Python's lock for a few microseconds more. To ask for the lock meanwhile is to be put to sleep
    and to be woken, which takes fifty. So a change is believed only after those few microseconds.
    """
    now = read(counters, index)
    while now == value and spins > 0:
        spins -= 1
        if spins % 2000 == 0:
            give_way()
        now = read(counters, index)
    if now != value:
        for _ in range(SETTLE):
            now = read(counters, index)
    return now


@njit(nogil=True)
def wait_for(counters, index, value):
    """Spin until ``counters[index]`` reaches ``value``; now and then give way, in case the others have no processor."""
    spins = 0
    while read(counters, index) < value:
        spins += 1
        if spins % 2000 == 0:
            give_way()
