"""What every op file shares: how a cache prints, and a sum whose order is known."""

from __future__ import annotations

import numpy as np


def describe(cache: tuple) -> str:
    """``repr`` of a cache: names, shapes and dtypes instead of a screenful of numbers."""
    parts = []
    for name, value in zip(cache._fields, cache, strict=True):
        text = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        parts.append(f"{name}={text}")
    return f"{type(cache).__name__}({', '.join(parts)})"


def sum_over_positions(x: np.ndarray) -> np.ndarray:
    """Sum of x (..., C) over all axes but the last, added one position after the other: shape (C,).

    ``x.sum(axis=...)`` does the same, except that NumPy switches to a pairwise order where C is 1 or where the positions
    are the contiguous axis. The definitions add in plain order, and only sums in the same order give the same bits.
    """
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    return rows.sum(axis=0) if rows.shape[1] > 1 else np.add.accumulate(rows, axis=0)[-1]
