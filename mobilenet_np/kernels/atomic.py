"""Counters that several threads may change at once, for kernels that run without Python's lock."""

from __future__ import annotations

import os

from numba import njit, types
from numba.extending import intrinsic
from numba.np import arrayobj


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


@njit(nogil=True)
def wait_for(counters, index, value):
    """Spin until ``counters[index]`` reaches ``value``; now and then give way, in case the others have no processor."""
    spins = 0
    while read(counters, index) < value:
        spins += 1
        if spins % 2000 == 0:
            give_way()
