"""Eight float32 numbers as one value inside a Numba kernel.

A processor's vector register holds eight float32 numbers, and one instruction multiplies and adds all of them. A
compiler finds such instructions in simple loops by itself. In the loops that decide the speed of a network it does not
find the best ones, because it does not keep a whole tile of results in registers. So here is the register as a type;
with it a kernel says what it wants, in Python::

    a, b, c = address(a), address(b), address(c)
    total = splat(np.float32(0))
    for k in range(K):
        total = fma(broadcast(a, k), load(b, 8 * k), total)  # total += a[k] * b[8 * k : 8 * k + 8]
    store(total, c, 0)

An address is where a flat float32 array begins; offsets count its numbers. Nothing is checked: an offset beyond the end
reads or writes foreign memory, and the array must outlive its address.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import PrimitiveModel
from numba.extending import intrinsic, register_model
from numba.np import arrayobj

LANES = 8
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


class Float32x8(types.Type):
    """Numba's type of the register."""

    def __init__(self):
        super().__init__(name="Float32x8")


float32x8 = Float32x8()


@register_model(Float32x8)
class _RegisterModel(PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _VECTOR)


pointer = types.CPointer(types.float32)


@intrinsic
def address(typing_context, array):
    """Where a flat float32 array begins."""

    def generate(context, builder, signature, arguments):
        return arrayobj.make_array(signature.args[0])(context, builder, arguments[0]).data

    return pointer(array), generate


@intrinsic
def forward(typing_context, start, offset):
    """The address of ``start[offset]``."""

    def generate(context, builder, signature, arguments):
        start, offset = arguments
        return builder.gep(start, [offset])

    return pointer(start, types.intp), generate


def _vectors(builder, start, offset):
    return builder.bitcast(builder.gep(start, [offset]), _VECTOR.as_pointer())


def _spread(builder, number):
    """The same number in all lanes."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


# ---------------------------------------------------------------------------------------------------------------------
# Between memory and registers


@intrinsic
def load(typing_context, start, offset):
    """``start[offset : offset + 8]``."""

    def generate(context, builder, signature, arguments):
        value = builder.load(_vectors(builder, *arguments))
        value.align = 4
        return value

    return float32x8(start, types.intp), generate


@intrinsic
def store(typing_context, value, start, offset):
    """``start[offset : offset + 8] = value``."""

    def generate(context, builder, signature, arguments):
        value, start, offset = arguments
        instruction = builder.store(value, _vectors(builder, start, offset))
        instruction.align = 4
        return context.get_dummy_value()

    return types.void(value, start, types.intp), generate


@intrinsic
def broadcast(typing_context, start, offset):
    """``start[offset]`` in all lanes."""

    def generate(context, builder, signature, arguments):
        start, offset = arguments
        return _spread(builder, builder.load(builder.gep(start, [offset])))

    return float32x8(start, types.intp), generate


@intrinsic
def splat(typing_context, number):
    """One float32 in all lanes."""

    def generate(context, builder, signature, arguments):
        return _spread(builder, arguments[0])

    return float32x8(types.float32), generate


# ---------------------------------------------------------------------------------------------------------------------
# Arithmetic, lane by lane


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c``, rounded once."""

    def generate(context, builder, signature, arguments):
        signature = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.fma.v{LANES}f32")
        return builder.call(function, arguments)

    return float32x8(a, b, c), generate


@intrinsic
def mul(typing_context, a, b):
    """``a * b``."""

    def generate(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return float32x8(a, b), generate


@intrinsic
def add(typing_context, a, b):
    """``a + b``."""

    def generate(context, builder, signature, arguments):
        return builder.fadd(*arguments)

    return float32x8(a, b), generate


@intrinsic
def maximum(typing_context, a, b):
    """``b where a < b else a``: a NaN in a stays."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), b, a)

    return float32x8(a, b), generate


@intrinsic
def minimum(typing_context, a, b):
    """``b where a > b else a``: a NaN in a stays."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return float32x8(a, b), generate
