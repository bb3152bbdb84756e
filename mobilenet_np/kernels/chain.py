"""Convolutions between BatchNorms: no pass over memory that is for BatchNorm alone.

A convolution in a network reads what a BatchNorm and a nonlinearity make of the convolution before it, and is followed
by a BatchNorm itself. So it takes the *raw* output of the convolution before it, some rows at a time, makes of them
what it needs where the fast cache is, and while its own results are still there it takes their statistics. Backward
goes the same way::

    forward      read raw x, write raw y                 and the statistics of y
    backward     read dy, raw y, raw x, write dx, dw     and the sums of dx for the BatchNorm before it

These are six reads and writes of large tables for convolution, BatchNorm and nonlinearity together. One after the
other they take fourteen, of which `normalize` needs eight.

The work is cut by the shape of the tables alone, so results have the same bits on any number of threads. Here is what
all kinds of convolution have in common; see `chain_pointwise`, `chain_depthwise` and `chain_conv2d`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..memory import LINE
from ..parts import helper
from .batch_norm_rows import ACTS, normalize_rows
from .normalize import finish
from .simd import add, address, forward, load16, store
from .turns import in_turns, take_turns


class Pending(NamedTuple):
    """What a convolution has computed, and what is still to be done with it.

    Attributes
    ----------
    raw : (N, H, W, C) float32
    columns : (5, ...) float32 or None
        Of the BatchNorm to come (`mobilenet_np.kernels.batch_norm_rows`); None: nothing is to come.
    act : str
        The nonlinearity to come.
    """

    raw: np.ndarray
    columns: np.ndarray | None
    act: str

    def finished(self, plus: np.ndarray | None = None) -> np.ndarray:
        """What is pending, done, in a pass of its own; and ``plus``, of the same shape, added."""
        C = self.raw.shape[-1]
        if self.columns is None:
            return self.raw if plus is None else self.raw + plus
        rows = None if plus is None else np.ascontiguousarray(plus).reshape(-1, C)
        return finish(self.raw.reshape(-1, C), self.columns, self.act, rows).reshape(self.raw.shape)

    @property
    def source(self) -> Source:
        """The same for a kernel."""
        columns = _NOTHING if self.columns is None else self.columns
        pending = self.columns is not None
        return Source(self.raw.reshape(-1), self.raw.shape[-1], columns, columns.shape[1], ACTS[self.act], pending)


class Source(NamedTuple):
    """A `Pending` in a kernel: flat, its nonlinearity a number, ``step`` from one row of columns to the next."""

    raw: np.ndarray
    C: int
    columns: np.ndarray
    step: int
    act: int
    pending: bool


_NOTHING = np.zeros((5, LINE), np.float32)
_LARGE = 2**23  # bytes


@helper
def ready(source, row, rows, scratch, pitch):
    """Where some rows of the source lie when nothing is pending any more, and from one to the next.

    Where something was, that is at the address ``scratch``, ``pitch`` from one to the next.
    """
    C, raw = source.C, forward(address(source.raw), row * source.C)
    if not source.pending:
        return raw, C
    normalize_rows(raw, C, rows, C, address(source.columns), source.step, source.act, raw, False, scratch, pitch)
    return scratch, pitch


def streams(table: np.ndarray, unit: int) -> bool:
    """Whether a table is so large that nothing of it will be in a cache when it is read, and its units, of so many
    numbers each, are whole cache lines: then they are sent to memory past the caches (`meanwhile`).

    Before a processor writes a part of a line it must read the rest. Whole lines that are sent it need not.
    """
    return table.nbytes >= _LARGE and unit % LINE == table.size % LINE == table.ctypes.data % (4 * LINE) == 0


@helper
def place(block, b, size):
    """Where the results of block b go that will be sent: in turns in one half of what begins at
    ``block`` and in the other."""
    return forward(block, b % 2 * size)


@helper
def pitch_of(C):
    """From one row to the next in memory of one's own.

    A first-level cache finds a line by its address modulo 4096 bytes: rows that lie a power of two apart compete for
    the same few places.
    """
    return C + LINE if C % 128 == 0 else C


def total_of(parts: np.ndarray) -> np.ndarray:
    """The sum of parts (parts, K, N), K and N multiples of 8, in their order."""
    total = np.empty(parts.shape[1:], np.float32)
    flat = parts.reshape(-1), len(parts), total.size, total.reshape(-1)
    take_turns(_total, flat, total.size, parts.size, grain=LINE)
    return total


@in_turns
def _total(parts, count, size, total, i0, i1):
    for i in range(i0, i1, LINE):
        v = load16(address(parts), i)
        for part in range(1, count):
            v = add(v, load16(address(parts), part * size + i))
        store(v, address(total), i)
