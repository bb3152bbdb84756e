"""Numba's machine code on disk: where that is possible, and only as long as it is right.

``njit(cache=True)`` leaves two things to its user. It raises where no folder is writable. And it looks for changes in
the file of the function alone: where that calls a compiled helper of another file, and the helper changes, the old
machine code goes on running. So the code of a kernel is kept under a name that changes with any file of the package's
own folder, of ``kernels/`` and of the kernel's folder. (What it was called before is left where it is, as Python leaves
it: in ``__pycache__``, which may be deleted at any time.)
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import types
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

HAVE_NUMBA = importlib.util.find_spec("numba") is not None
PACKAGE = Path(__file__).parent
KERNELS = PACKAGE / "kernels"


def cached_njit(function: Callable, name: str = "", fastmath: Any = False, source: Callable | None = None) -> Callable:
    """``numba.njit(nogil=True)``, its machine code kept on disk, or in this process where no folder is writable.

    Parameters
    ----------
    function : callable
        May call compiled helpers of its own folder, of ``kernels/`` and of the package's folder. It writes into arrays
        that it is given, and returns none: for every array that it returns Numba calls a function of Python's, and if
        Ctrl-C is waiting there, `KeyboardInterrupt` becomes a `SystemError`.
    name : str
        What tells variants of one function apart, such as those of two settings of ``fastmath``.
    fastmath : bool or set of str
        As Numba takes it.
    source : callable, optional
        What the function is made of, where that is not in its own file. What has no file, as a cell of a notebook, is
        not kept on disk: no change of it would be seen.
    """
    from numba import njit

    file = Path((source or function).__code__.co_filename)
    folders = dict.fromkeys([KERNELS, PACKAGE, file.parent])
    variant = _renamed(function, f"{name}_{''.join(map(fingerprint, folders))}")
    if file.is_file():
        with contextlib.suppress(RuntimeError):  # "cannot cache function: no locator available"
            return njit(nogil=True, cache=True, fastmath=fastmath)(variant)
    return njit(nogil=True, fastmath=fastmath)(variant)


@functools.cache
def fingerprint(folder: Path) -> str:
    """Eight letters that change when any Python file of the folder does.

    Examples
    --------
    >>> len(fingerprint(KERNELS))
    8
    """
    text = b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.glob("*.py")))
    return f"{zlib.crc32(text):08x}"


def _renamed(function: Callable, suffix: str) -> Callable:
    """A copy under another name, after which Numba names the file of the machine code."""
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__ + suffix, function.__defaults__, function.__closure__
    )
    copy.__qualname__ = function.__qualname__ + suffix
    copy.__module__ = function.__module__
    return copy
