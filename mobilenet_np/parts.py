"""Functions that are compiled as parts of those that call them.

Numba compiles a function that another compiled one calls by itself first, to the end, and then once more with its
caller. A small helper of many kernels is worth that: Numba's own work on it, longer than the compiler's, is done once.
Of a large function with one caller the first is for nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

from numba import types
from numba.core import cgutils
from numba.core.base import BaseContext
from numba.core.codegen import CodeLibrary
from numba.core.compiler import Flags, compile_internal
from numba.core.funcdesc import FunctionDescriptor
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic


class _Helper(CPUDispatcher):
    """A compiled function without a way in from Python, which takes longer to compile than many a helper itself.

    To Numba a 0 that is written down has a type of its own, for which everything would be compiled once more: here it
    is any integer.
    """

    def __call__(self, *arguments):
        return self.py_func(*arguments)

    def get_call_template(self, args, kws):
        return super().get_call_template(
            tuple(types.unliteral(kind) for kind in args), {name: types.unliteral(kind) for name, kind in kws.items()}
        )


def helper(function: Callable) -> Callable:
    """Decorate a function that compiled functions call. Called by Python it is Python."""
    return _Helper(function, targetoptions=dict(nopython=True, no_cpython_wrapper=True, no_cfunc_wrapper=True))


_compiled: weakref.WeakKeyDictionary[CodeLibrary, dict] = weakref.WeakKeyDictionary()


def part_of_caller(context: BaseContext, function: Callable, arguments: Sequence[types.Type]) -> FunctionDescriptor:
    """Compile a function that returns nothing as a part of what is being compiled, for an intrinsic to call."""
    library = context.active_code_library
    parts, key = _compiled.setdefault(library, {}), (function, *arguments)
    if key not in parts:
        flags = Flags()
        flags.nrt = flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        typing = context.typing_context
        parts[key] = compile_internal(typing, context, library, function, key[1:], types.none, flags, {}).fndesc
    return parts[key]


def part(function: Callable) -> Callable:
    """Decorate a function that returns nothing and is called by one compiled function, or few.

    Its arguments are given by position. An error that it raises can carry nothing but what is written down.

    Examples
    --------
    >>> import numpy as np
    >>> from numba import njit
    >>> @part
    ... def add_one(x, i):
    ...     x[i] += 1
    >>> @njit
    ... def count_up(x):
    ...     for i in range(len(x)):
    ...         add_one(x, i)
    >>> x = np.zeros(3)
    >>> count_up(x)
    >>> x
    array([1., 1., 1.])
    """

    @intrinsic
    def call(typing_context, *arguments):
        kinds = [types.unliteral(kind) for kind in arguments]

        def generate(context, builder, signature, values):
            values = cgutils.unpack_tuple(builder, values[0])
            context.call_internal(builder, part_of_caller(context, function, kinds), types.none(*kinds), values)
            return context.get_dummy_value()

        return types.none(types.StarArgTuple(kinds)), generate

    return call
