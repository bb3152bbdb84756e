"""Three ways to run the same op: plain-Python loops, vectorized NumPy, compiled Numba.

Every file in ``ops/`` holds all three, one below the other. `form` chooses for everything that runs inside it::

    with form("loops"):  # a debugger can stop inside the sum
        y = net.forward(x)

The default is ``"numba"``, or ``"numpy"`` where Numba is not installed.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import check, check_choice
from .machine_code import HAVE_NUMBA, cached_njit

FORMS = ("loops", "numpy", "numba")

_current = contextvars.ContextVar("form", default="numba" if HAVE_NUMBA else "numpy")


@contextmanager
def form(name: str) -> Iterator[None]:
    """Run every op inside the ``with`` block in one form.

    Parameters
    ----------
    name : {"loops", "numpy", "numba"}

    Raises
    ------
    ValueError
        For an unknown name, or for "numba" where Numba is not installed.

    Examples
    --------
    >>> with form("numpy"):
    ...     current_form()
    'numpy'
    """
    check_choice("form", "name", name, FORMS)
    if name == "numba":
        check_numba("form('numba')")
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def check_numba(what: str) -> None:
    """Raise `ValueError` where Numba is not installed; ``what`` needs it."""
    check(HAVE_NUMBA, f"{what}: needs the package numba, which is not installed (pip install numba)")


def current_form() -> str:
    """The form that ops run in here: "loops", "numpy" or "numba"."""
    return _current.get()


def choose(loops: Callable, numpy: Callable, numba: Callable, dtype: np.dtype) -> Callable:
    """The implementation that belongs to the current form.

    The compiled forms are for float32 and float64. Complex numbers (the complex-step derivative) go to the NumPy form.
    """
    name = current_form()
    if name == "numba" and dtype.kind == "c":
        return numpy
    return {"loops": loops, "numpy": numpy, "numba": numba}[name]


def compiled(function: Callable) -> Callable:
    """Compile a kernel with Numba the first time it is called, and keep the machine code on disk.

    Nothing is imported or compiled before that call, so importing the package stays quick. Where no folder for the
    machine code is writable, the kernel is compiled for this process alone.

    float64 is compiled strictly, so that it can be compared bit for bit with the definition. float32 may contract
    ``a * b + c`` into one fused multiply-add, which rounds once instead of twice: faster, and no less exact.
    """
    dispatchers: dict[bool, Any] = {}

    @functools.wraps(function)
    def call(*args):
        strict = any(isinstance(a, np.ndarray) and a.dtype == np.float64 for a in args)
        if strict not in dispatchers:
            # Numba names its file after the function: the strict and the contracting variant must not share one.
            name, fastmath = ("_strict", False) if strict else ("_contract", {"contract"})
            dispatchers[strict] = cached_njit(function, name, fastmath)
        return dispatchers[strict](*args)

    return call
