"""Eight or sixteen float32 numbers as one value inside a Numba kernel.

A processor's vector register holds eight float32 numbers (AVX2) or sixteen (AVX-512), and one instruction multiplies
and adds all of them. A compiler finds such instructions in simple loops by itself. In the loops that decide the speed
of a network it does not find the best ones, because it does not keep a whole tile of results in registers. So here is
the register as a type; with it a kernel says what it wants, in Python::

    a, b, c = address(a), address(b), address(c)
    total = splat16(np.float32(0))
    for k in range(K):
        total = fma(broadcast_like(total, a, k), load16(b, 16 * k), total)  # total += a[k] * b[16 * k : 16 * k + 16]
    store(total, c, 0)

Where a processor has no registers for sixteen numbers, the compiler takes two for eight.

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


class Register(types.Type):
    """Numba's type of eight or sixteen float32 numbers that are one value."""

    def __init__(self, lanes: int):
        self.lanes = lanes
        self.vector = ir.VectorType(ir.FloatType(), lanes)
        super().__init__(name=f"Float32x{lanes}")


@register_model(Register)
class _RegisterModel(PrimitiveModel):
    def __init__(self, manager, register):
        super().__init__(manager, register, register.vector)


EIGHT, SIXTEEN, SIXTY_FOUR = Register(8), Register(16), Register(64)
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


# ---------------------------------------------------------------------------------------------------------------------
# Between memory and registers. Each exists for eight numbers, for sixteen, and for as many as another register has.


def _load(register, start):
    def generate(context, builder, signature, arguments):
        start, offset = arguments[-2:]
        value = builder.load(builder.bitcast(builder.gep(start, [offset]), register.vector.as_pointer()))
        value.align = 4
        return value

    return generate


@intrinsic
def load8(typing_context, start, offset):
    """``start[offset : offset + 8]``."""
    return EIGHT(start, types.intp), _load(EIGHT, start)


@intrinsic
def load16(typing_context, start, offset):
    """``start[offset : offset + 16]``."""
    return SIXTEEN(start, types.intp), _load(SIXTEEN, start)


@intrinsic
def load64(typing_context, start, offset):
    """``start[offset : offset + 64]``, four registers."""
    return SIXTY_FOUR(start, types.intp), _load(SIXTY_FOUR, start)


@intrinsic
def load_like(typing_context, like, start, offset):
    """As many numbers as ``like`` has, from ``start[offset]`` on."""
    return like(like, start, types.intp), _load(like, start)


@intrinsic
def store(typing_context, value, start, offset):
    """``start[offset : ...] = value``."""

    def generate(context, builder, signature, arguments):
        value, start, offset = arguments
        instruction = builder.store(value, builder.bitcast(builder.gep(start, [offset]), value.type.as_pointer()))
        instruction.align = 4
        return context.get_dummy_value()

    return types.void(value, start, types.intp), generate


@intrinsic
def stream(typing_context, value, start, offset):
    """`store` past the caches, for what is too much to be still there when it is read; the place must be a multiple of
    the value's own size. Before other threads read it, `fence`."""

    def generate(context, builder, signature, arguments):
        value, start, offset = arguments
        instruction = builder.store(value, builder.bitcast(builder.gep(start, [offset]), value.type.as_pointer()))
        instruction.align = 4 * value.type.count
        one = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        instruction.set_metadata("nontemporal", one)
        return context.get_dummy_value()

    return types.void(value, start, types.intp), generate


@intrinsic
def prefetch(typing_context, start, offset):
    """Have the cache line of ``start[offset]`` fetched into a core's own cache, without waiting for it; if ``start`` is
    None, do nothing."""

    def generate(context, builder, signature, arguments):
        if start is types.none:
            return context.get_dummy_value()
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        reading, second_level, data = (ir.Constant(number, value) for value in (0, 2, 1))
        place = builder.bitcast(builder.gep(*arguments[:1], arguments[1:]), byte)
        builder.call(function, [place, reading, second_level, data])
        return context.get_dummy_value()

    return types.void(start, types.intp), generate


@intrinsic
def fence(typing_context):
    """Everything stored before is there before anything that comes after."""

    def generate(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


def build_splat(builder, register, number):
    """For an intrinsic: the same number in all lanes."""
    undefined = ir.Constant(register.vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), register.lanes), [0] * register.lanes)
    return builder.shuffle_vector(first, undefined, lanes)


@intrinsic
def broadcast_like(typing_context, like, start, offset):
    """``start[offset]`` in all lanes."""

    def generate(context, builder, signature, arguments):
        _, start, offset = arguments
        return build_splat(builder, like, builder.load(builder.gep(start, [offset])))

    return like(like, start, types.intp), generate


def _splat(register):
    def generate(context, builder, signature, arguments):
        return build_splat(builder, register, arguments[-1])

    return generate


@intrinsic
def splat8(typing_context, number):
    """One float32 in eight lanes."""
    return EIGHT(types.float32), _splat(EIGHT)


@intrinsic
def splat16(typing_context, number):
    """One float32 in sixteen lanes."""
    return SIXTEEN(types.float32), _splat(SIXTEEN)


@intrinsic
def splat_like(typing_context, like, number):
    """One float32 in all lanes."""
    return like(like, types.float32), _splat(like)


@intrinsic
def is_eight(typing_context, value):
    """Whether it has eight lanes; known when the kernel is compiled."""

    def generate(context, builder, signature, arguments):
        return context.get_constant(types.boolean, value.lanes == 8)

    return types.boolean(value), generate


# ---------------------------------------------------------------------------------------------------------------------
# Arithmetic, lane by lane


def build_fma(builder, register, a, b, c):
    """For an intrinsic: `fma`."""
    kind = ir.FunctionType(register.vector, [register.vector] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{register.lanes}f32")
    return builder.call(function, [a, b, c])


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c``, rounded once."""

    def generate(context, builder, signature, arguments):
        return build_fma(builder, c, *arguments)

    return c(a, b, c), generate


@intrinsic
def mul(typing_context, a, b):
    """``a * b``."""

    def generate(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return a(a, b), generate


@intrinsic
def div(typing_context, a, b):
    """``a / b``."""

    def generate(context, builder, signature, arguments):
        return builder.fdiv(*arguments)

    return a(a, b), generate


@intrinsic
def add(typing_context, a, b):
    """``a + b``."""

    def generate(context, builder, signature, arguments):
        return builder.fadd(*arguments)

    return a(a, b), generate


@intrinsic
def maximum(typing_context, a, b):
    """``b where a < b else a``: a NaN in a stays."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), b, a)

    return a(a, b), generate


@intrinsic
def minimum(typing_context, a, b):
    """``b where a > b else a``: a NaN in a stays."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return a(a, b), generate


@intrinsic
def where(typing_context, a, b, then, otherwise):
    """``then`` where ``a <= b``, ``otherwise`` elsewhere, and where one of them is NaN."""

    def generate(context, builder, signature, arguments):
        a, b, then, otherwise = arguments
        return builder.select(builder.fcmp_ordered("<=", a, b), then, otherwise)

    return then(a, a, then, then), generate
