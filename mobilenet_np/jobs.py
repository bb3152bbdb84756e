"""Have other threads run a part of a kernel, from machine code to machine code.

To ask another Python thread costs fifty microseconds: it must get Python's lock, and then finds the interpreter's own
code gone from its caches. A small layer takes as long. So the threads that help (`mobilenet_np.threads`) wait in
machine code, each at a desk of its own, a cache line in memory. Whoever has work puts the address of a compiled
function and of its arguments there, and takes them back when its own part is done and nobody has come.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

import numpy as np
from llvmlite import ir
from llvmlite.ir import IRBuilder, Value
from numba import types
from numba.core import cgutils
from numba.core.base import BaseContext
from numba.extending import intrinsic

from .atomic import SETTLE, exchange_if, give_way, read, write
from .machine_code import cached_njit
from .parts import part_of_caller

DESK = 8  # numbers, a cache line
_STATE, _FUNCTION, _JOB = range(3)
_BYTES, _NUMBER = ir.IntType(8).as_pointer(), ir.IntType(64)
_FREE, _OFFERED, _TAKEN, _DONE, _FAILED = (np.int64(state) for state in range(5))


def entry(context: BaseContext, builder: IRBuilder, job: Value, numbers: int, call: Callable) -> tuple[Value, Value]:
    """The address of a new function of the address of such a job and so many integers, which tells whether what
    ``call(builder, job, integers)`` generates has failed; and the address of this job, until the caller returns or
    comes here again."""
    place = cgutils.alloca_once(builder, job.type)
    builder.store(job, place)
    kind = ir.FunctionType(_NUMBER, [_BYTES] + [_NUMBER] * numbers)
    function = ir.Function(builder.module, kind, builder.module.get_unique_name("entry"))
    function.linkage = "internal"
    inside = IRBuilder(function.append_basic_block())
    given = inside.load(inside.bitcast(function.args[0], job.type.as_pointer()))
    inside.ret(inside.zext(call(inside, given, function.args[1:]).is_error, _NUMBER))
    return builder.ptrtoint(function, _NUMBER), builder.ptrtoint(place, _NUMBER)


def _addresses_of(function):
    @intrinsic
    def addresses(typing_context, job):
        """Where a compiled function lies that calls ``function(job, me)``, and where the job does."""

        def generate(context, builder, signature, arguments):
            called = part_of_caller(context, function, [job, types.intp])

            def call(inside, job_there, me):
                kind = types.none(job, types.intp)
                return context.call_internal_no_propagate(inside, called, kind, [job_there, *me])[0]

            return context.make_tuple(builder, signature.return_type, entry(context, builder, *arguments, 1, call))

        return types.UniTuple(types.int64, 2)(job), generate

    return addresses


@intrinsic
def call(typing_context, function, job, *numbers):
    """Call what lies at two such addresses; whether it failed."""

    def generate(context, builder, signature, arguments):
        function, job, numbers = arguments
        numbers = cgutils.unpack_tuple(builder, numbers)
        kind = ir.FunctionType(_NUMBER, [_BYTES] + [_NUMBER] * len(numbers)).as_pointer()
        return builder.call(builder.inttoptr(function, kind), [builder.inttoptr(job, _BYTES), *numbers])

    return types.int64(types.int64, types.int64, types.StarArgTuple([types.int64] * len(numbers))), generate


def on_all(function: Callable) -> Callable:
    """The function ``call(desks, threads, job)``, to be compiled.

    It calls ``function(job, 0)`` here and, as far as they come, ``function(job, 1)`` to ``function(job, threads - 1)``
    on other threads; all have returned when it does. The function is Python, and compiled as a part of ``call``.
    """
    # A name in the function's globals, not a variable around it: of functions with such, Numba keeps no machine code.
    return FunctionType(_on_all.__code__, globals() | {"addresses": _addresses_of(function)})


def _on_all(desks, threads, job):
    function, at = addresses(job)  # noqa: F821
    for desk in range(0, (threads - 1) * DESK, DESK):
        desks[desk + _FUNCTION], desks[desk + _JOB] = function, at
        write(desks, desk + _STATE, _OFFERED)
    failed = call(function, at, 0) != 0
    for desk in range(0, (threads - 1) * DESK, DESK):
        if not exchange_if(desks, desk + _STATE, _OFFERED, _FREE):
            spins = 0
            while read(desks, desk + _STATE) == _TAKEN:
                spins += 1
                if spins % 2000 == 0:
                    give_way()
            failed = failed or read(desks, desk + _STATE) == _FAILED
            write(desks, desk + _STATE, _FREE)
    if failed:
        raise RuntimeError("a kernel failed: out of memory, or a defect")


@cached_njit
def serve(desks, me, counts, seen, spins):
    """Run what is put on this helper's desk, until ``counts[0]`` is not ``seen`` any more or nothing has come for so
    many spins; return what it is.

    Who changed ``counts`` holds Python's lock for a few microseconds more. To ask for the lock meanwhile is to be put
    to sleep and to be woken, which takes fifty. So a change is believed only after those few microseconds.
    """
    desk, left = (me - 1) * DESK, spins
    while left > 0:
        if read(desks, desk + _STATE) == _OFFERED and exchange_if(desks, desk + _STATE, _OFFERED, _TAKEN):
            failed = call(desks[desk + _FUNCTION], desks[desk + _JOB], me)
            write(desks, desk + _STATE, _FAILED if failed else _DONE)
            left = spins
        if read(counts, 0) != seen:
            for _ in range(SETTLE):
                read(counts, 0)
            break
        left -= 1
        if left % 2000 == 0:
            give_way()
    return read(counts, 0)
