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
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .atomic import SETTLE, exchange_if, give_way, read, write
from .machine_code import cached_njit

DESK = 8  # numbers, a cache line
_STATE, _FUNCTION, _JOB = range(3)
_FREE, _OFFERED, _TAKEN, _DONE, _FAILED = (np.int64(state) for state in range(5))


def _addresses_of(function):
    @intrinsic
    def addresses(typing_context, job):
        """Where a compiled function lies that calls ``function(job, me)`` and tells whether it failed, and where the
        job does. The job is gone when the caller returns."""

        def generate(context, builder, signature, arguments):
            kind = context.get_value_type(job)
            place = cgutils.alloca_once(builder, kind)
            builder.store(arguments[0], place)

            called = types.Dispatcher(function).get_call_type(typing_context, (job, types.intp), {})
            compiled = function.get_compile_result(called)
            context.add_linking_libs([compiled.library])
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(64)
            of_two = ir.FunctionType(number, [byte, number])
            entry = ir.Function(builder.module, of_two, builder.module.get_unique_name("job"))
            entry.linkage = "internal"
            inside = ir.IRBuilder(entry.append_basic_block())
            value = inside.load(inside.bitcast(entry.args[0], kind.as_pointer()))
            status, _ = context.call_internal_no_propagate(inside, compiled.fndesc, called, [value, entry.args[1]])
            inside.ret(inside.zext(status.is_error, number))

            both = [builder.ptrtoint(entry, number), builder.ptrtoint(place, number)]
            return context.make_tuple(builder, signature.return_type, both)

        return types.UniTuple(types.int64, 2)(job), generate

    return addresses


@intrinsic
def _call(typing_context, function, job, me):
    """Call what lies at two such addresses; whether it failed."""

    def generate(context, builder, signature, arguments):
        function, job, me = arguments
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(number, [byte, number]).as_pointer()
        return builder.call(builder.inttoptr(function, kind), [builder.inttoptr(job, byte), me])

    return types.int64(types.int64, types.int64, types.int64), generate


def on_all(function: Callable) -> Callable:
    """The function ``call(desks, threads, job)``, to be compiled.

    It calls ``function(job, 0)`` here and, as far as they come, ``function(job, 1)`` to ``function(job, threads - 1)``
    on other threads; all have returned when it does.
    """
    # A name in the function's globals, not a variable around it: of functions with such, Numba keeps no machine code.
    return FunctionType(_on_all.__code__, globals() | {"addresses": _addresses_of(function)})


def _on_all(desks, threads, job):
    function, at = addresses(job)  # noqa: F821
    for desk in range(0, (threads - 1) * DESK, DESK):
        desks[desk + _FUNCTION], desks[desk + _JOB] = function, at
        write(desks, desk + _STATE, _OFFERED)
    failed = _call(function, at, 0) != 0
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
            failed = _call(desks[desk + _FUNCTION], desks[desk + _JOB], me)
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
