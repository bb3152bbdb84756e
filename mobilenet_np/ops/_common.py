"""What the op files share: how a cache prints, where a window lies, a sum whose order is known,
how an elementwise kernel is shared out to the threads, and how NumPy computes large arrays."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable

import numpy as np

from ..geometry import Padding, output_size
from ..memory import empty
from ..threads import one_blas_thread, share

CHUNK = 2**19  # bytes of x: with the terms that are computed from it, about what a processor's own cache holds


def describe(cache: tuple) -> str:
    """``repr`` of a cache: names, shapes and dtypes instead of a screenful of numbers."""
    parts = []
    for name, value in zip(cache._fields, cache, strict=True):
        text = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        parts.append(f"{name}={text}")
    return f"{type(cache).__name__}({', '.join(parts)})"


def output_hw(x: np.ndarray, w: np.ndarray, stride: int, padding: Padding) -> tuple[int, int]:
    """Rows and columns of the output of a convolution of x (N, H, W, C) with w (kh, kw, ...)."""
    return tuple(
        output_size(size, taps, stride, pad) for size, taps, pad in zip(x.shape[1:3], w.shape[:2], padding, strict=True)
    )


def window(a: int, b: int, Ho: int, Wo: int, stride: int) -> tuple[slice, slice, slice]:
    """Index of the samples of the padded image that tap (a, b) meets, one per output position."""
    return np.s_[:, a : a + (Ho - 1) * stride + 1 : stride, b : b + (Wo - 1) * stride + 1 : stride]


def in_pieces(kernel: Callable, *arguments: np.ndarray | float) -> None:
    """Run an elementwise kernel on flat arrays of one length, on all threads."""
    count = max(a.size for a in arguments if isinstance(a, np.ndarray))

    def piece(start: int, stop: int) -> None:
        kernel(*(a[start:stop] if isinstance(a, np.ndarray) else a for a in arguments))

    share(piece, count, work=count, grain=1024)


@functools.cache
def in_chunks(numpy_form: Callable) -> Callable:
    """A NumPy form, for some rows of x (its first axis: images, or positions) at a time, and on all threads.

    NumPy computes term by term, and a term is as large as the result. For 32 images that is fresh memory, whose pages
    are made at the first touch, and long out of the cache when the next term is computed from it. The terms of a few
    images stay there. Only for forms in which no row of the result depends on another row of x; and a single image is
    one row.

    The chunks do not depend on the number of threads, so the results do not either.
    """

    @functools.wraps(numpy_form)
    def call(x: np.ndarray, *others):
        if x.nbytes < CHUNK // 8:
            return numpy_form(x, *others)
        rows = max(1, CHUNK * len(x) // x.nbytes)
        with one_blas_thread():
            if rows >= len(x):
                return numpy_form(x, *others)
            first = numpy_form(x[:1], *others)  # for its shape and dtype
            y = empty((len(x), *first.shape[1:]), first.dtype)
            y[:1] = first
            done = 1 if rows == 1 else 0  # a first chunk that is no more than that is done
            context = contextvars.copy_context()  # what np.errstate says here holds on every thread

            def some(start: int, stop: int) -> None:
                for row in range(max(done, start * rows), min(stop * rows, len(x)), rows):
                    chunk = slice(row, row + rows)
                    y[chunk] = context.copy().run(numpy_form, x[chunk], *others)

            share(some, -(-len(x) // rows), work=8 * y.size)
            return y

    return call


def sum_over_positions(x: np.ndarray) -> np.ndarray:
    """Sum of x (..., C) over all axes but the last, added one position after the other: shape (C,).

    ``x.sum(axis=...)`` does the same, except that NumPy switches to a pairwise order where C is 1 or where the
    positions are the contiguous axis. The definitions add in plain order, and only sums in the same order give the
    same bits.
    """
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    return rows.sum(axis=0) if rows.shape[1] > 1 else np.add.accumulate(rows, axis=0)[-1]
