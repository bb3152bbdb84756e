"""Registers one below the other: a tile's rows, in a tuple.

How many there are is known when a kernel is compiled, and each is a value of its own: what is done for all of them is
written out, and the compiler keeps them in the processor's registers.
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import build_fma, build_splat


@intrinsic(prefer_literal=True)
def repeat(typing_context, row, count):
    """The same row so many times, a number that is written down."""

    def generate(context, builder, signature, arguments):
        return context.make_tuple(builder, signature.return_type, arguments[:1] * count.literal_value)

    return types.UniTuple(row, count.literal_value)(row, count), generate


@intrinsic
def fma_rows(typing_context, start, at, step, b, rows):
    """``start[at + i * step] * b + rows[i]`` for all i."""

    def generate(context, builder, signature, arguments):
        start, at, step, b, rows = arguments
        sums, register = [], signature.args[3]
        for row in cgutils.unpack_tuple(builder, rows):
            number = build_splat(builder, register, builder.load(builder.gep(start, [at])))
            sums.append(build_fma(builder, register, number, b, row))
            at = builder.add(at, step)
        return context.make_tuple(builder, signature.return_type, sums)

    return rows(start, types.intp, types.intp, b, rows), generate


@intrinsic
def for_rows(typing_context, function, rows, finish, c, at, step):
    """``function(rows[i], finish, c, at + i * step)`` for all i."""
    called = function.get_call_type(typing_context, (rows.dtype, finish, c, types.intp), {})

    def generate(context, builder, signature, arguments):
        _, rows, finish, c, at, step = arguments
        call = context.get_function(function, called)
        for row in cgutils.unpack_tuple(builder, rows):
            call(builder, [row, finish, c, at])
            at = builder.add(at, step)
        return context.get_dummy_value()

    return types.void(function, rows, finish, c, types.intp, types.intp), generate
