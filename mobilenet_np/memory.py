"""Memory that is used again, and that begins where a cache line begins.

The system hands out large arrays as pages that do not exist yet. Each is made, and filled with zeros, at the first
touch: writing 51 MB of fresh memory takes 37 ms where 5 ms do for memory that was there before. A training step needs
the same arrays as the step before it. So what large arrays leave behind is kept, and the next ones get it.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from typing import NamedTuple

import numpy as np

LINE = 16  # float32 numbers, 64 bytes
LARGE = 2**18  # bytes; what is smaller the C library keeps by itself
PATIENCE = 4096  # so many large arrays may be asked for before memory that none of them wanted is given back

_lock = threading.Lock()
_idle: dict[int, list[tuple[int, _Room]]] = {}
"""For each number of bytes when memory came back (counted in arrays asked for), and the memory; the last to come back,
which the caches may still know, is last."""
_returned: deque[_Room] = deque()  # filled by the garbage collector, at any moment and from any thread
_asked = 0


class _Room(NamedTuple):
    """Memory, from the first cache line in it on."""

    size: int  # bytes
    start: int
    memory: np.ndarray


class _Loan:
    """Owns the memory of one array, and of all views of it; NumPy keeps it alive as long as one of them lives."""

    def __init__(self, room: _Room, shape: tuple[int, ...], dtype: np.dtype):
        self.room = room
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": dtype.str, "data": (room.start, False)}

    def __del__(self, give_back=_returned.append):
        give_back(self.room)


def empty(shape: int | tuple[int, ...], dtype: str | np.dtype = np.float32) -> np.ndarray:
    """Like ``np.empty``, where possible in memory that an array before it has left behind.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype

    Examples
    --------
    >>> array = empty((512, 512))
    >>> array.shape, array.ctypes.data % 64
    ((512, 512), 0)
    """
    global _asked
    dtype = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple([int(length) for length in shape])
    size = dtype.itemsize * math.prod(shape)
    if size < LARGE:
        return np.empty(shape, dtype)
    size += 4 * LINE
    with _lock:
        _asked += 1
        while _returned:
            room = _returned.popleft()
            _idle.setdefault(room.size, []).append((_asked, room))
        if _asked % (PATIENCE // 4) == 0:
            _give_back()
        room = _idle[size].pop()[1] if _idle.get(size) else _larger(size)
    return np.asarray(_Loan(room or _room(size), shape, dtype))


def _larger(size: int) -> _Room | None:
    """Memory of which little would be wasted."""
    fits = [other for other, rooms in _idle.items() if rooms and size <= other <= size + size // 4]
    return _idle[min(fits)].pop()[1] if fits else None


def _give_back() -> None:
    for size, rooms in list(_idle.items()):
        rooms[:] = [(since, room) for since, room in rooms if since > _asked - PATIENCE]
        if not rooms:
            del _idle[size]


def _room(size: int) -> _Room:
    memory = np.empty(size, np.uint8)
    return _Room(size, memory.ctypes.data + _gap(memory.ctypes.data), memory)


def scratch(size: int) -> np.ndarray:
    """So many float32 numbers for what is needed for a moment: at a cache line, and used again, however few they are.

    Examples
    --------
    >>> scratch(20).ctypes.data % 64
    0
    """
    return empty(max(size, LARGE // 4))


def zeros(shape: int | tuple[int, ...], dtype: str | np.dtype = np.float32) -> np.ndarray:
    """`empty`, filled with zeros."""
    array = empty(shape, dtype)
    array[...] = 0
    return array


def lines(rows: int, size: int) -> np.ndarray:
    """Zeros (rows, size) in float32, each row at the beginning of a cache line.

    NumPy's own arrays begin anywhere, and then every other register that is read lies across two lines, which costs a
    depthwise convolution, where reading is most of the work, a third of its speed.

    Examples
    --------
    >>> array = lines(2, 20)
    >>> array.shape, [row.ctypes.data % 64 for row in array]
    ((2, 20), [0, 0])
    """
    step = -(-size // LINE) * LINE
    room = np.zeros(rows * step + LINE, np.float32)
    start = _gap(room.ctypes.data) // 4
    return room[start : start + rows * step].reshape(rows, step)[:, :size]


def _gap(address: int) -> int:
    """Bytes from there to where the first cache line begins."""
    return -address % (4 * LINE)


def _after_fork() -> None:
    """A forked child may have a lock that nobody will release."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
