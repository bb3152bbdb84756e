"""Small arrays as grids of numbers with their indices: a convolution as one would draw it on paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import check
from ..geometry import Padding
from .style import GREY, ORANGE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cell = tuple[int, int]
NO_PADDING = ((0, 0), (0, 0))
GAP = 1.6  # cells between two grids
INCHES = 0.42  # the side of a cell
LETTER, MARGIN = 0.2, 0.3  # of that; a longer number makes the cells of its array wider


def numbers(
    arrays: Mapping[str, np.ndarray],
    marked: Mapping[str, Iterable[Cell]] | None = None,
    padding: Mapping[str, Padding] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Small arrays beside each other, every number in its cell, with the indices of rows and columns.

    Parameters
    ----------
    arrays : mapping of (H, W) float
        Under their titles: ``{"x": x, "w": w, "y": y}``.
    marked : mapping of (row, column) pairs, optional
        Under the same titles, cells to fill with colour. Those in the padding have indices below 0, or from H or W on.
    padding : mapping of ((top, bottom), (left, right)), optional
        Under the same titles, zeros to draw around, in grey.
    ax : Axes, optional

    Returns
    -------
    ax : Axes

    Raises
    ------
    ValueError
        If an array is not a matrix, if a title is unknown, or if a marked cell is not there.

    Examples
    --------
    >>> from mobilenet_np import show
    >>> x, w = np.arange(9.0).reshape(3, 3), np.eye(2)
    >>> ax = show.numbers({"x": x, "w": w}, marked={"x": np.argwhere(x > 5)})
    >>> [text.get_text() for text in ax.texts if text.get_weight() == "bold"]
    ['6', '7', '8']
    """
    marked, padding = marked or {}, padding or {}
    check(len(arrays) > 0, "show.numbers: arrays is empty")
    for name in (*marked, *padding):
        check(name in arrays, f"show.numbers: {name!r} is no title; the arrays are {', '.join(arrays)}")
    grids, left, height = [], 0.0, 0
    for name, array in arrays.items():
        check(np.ndim(array) == 2, f"show.numbers: {name} has shape {np.shape(array)}; it must have 2 axes (H, W)")
        (top, bottom), (before, after) = around = padding.get(name, NO_PADDING)
        rows, columns = top + array.shape[0] + bottom, before + array.shape[1] + after
        texts = _texts(np.asarray(array))
        wide = max([1.0, *(LETTER * len(text) + MARGIN for text in texts.flat)])
        grids.append((name, texts, around, rows, left, wide))
        left, height = left + columns * wide + GAP, max(height, rows)
    ax = axes_or_new(ax, (INCHES * (left - GAP + 1), INCHES * (height + 2)))
    for name, texts, around, rows, corner, wide in grids:
        cells = {(int(r), int(s)) for r, s in marked.get(name, ())}
        _grid(ax, name, texts, around, (corner, (height - rows) / 2), wide, cells)
    ax.set(xlim=(-1, left - GAP + 0.1), ylim=(height + 0.1, -1.9), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def _texts(array: np.ndarray) -> np.ndarray:
    """What stands in the cells; + 0 turns -0 into 0."""
    return np.vectorize(lambda value: f"{value + 0:.4g}", otypes=[object])(array)


def _grid(ax, name, texts, around, corner, wide, marked):
    from matplotlib.patches import Rectangle

    (top, bottom), (before, after) = around
    (H, W), (left, upper) = texts.shape, corner
    places = [(r, s) for r in range(-top, H + bottom) for s in range(-before, W + after)]
    outside = sorted(marked.difference(places))
    check(not outside, f"show.numbers: marked cells {outside} are not in {name} {texts.shape} with its padding")
    for r, s in places:
        x, y, inside = left + (before + s) * wide, upper + top + r, 0 <= r < H and 0 <= s < W
        if (r, s) in marked:
            ax.add_patch(Rectangle((x, y), wide, 1, facecolor=ORANGE, alpha=0.55, edgecolor="none"))
        ax.add_patch(
            Rectangle((x, y), wide, 1, fill=False, edgecolor=GREY, linewidth=1, linestyle="-" if inside else ":")
        )
        ax.text(
            *(x + wide / 2, y + 0.52, texts[r, s] if inside else "0"),
            **dict(ha="center", va="center", weight="bold" if (r, s) in marked else "normal"),
            **({} if inside else {"color": GREY}),
        )
    small = dict(color=GREY, ha="center", va="center", fontsize="x-small")
    for r in range(-top, H + bottom):
        ax.text(left - 0.35, upper + top + r + 0.52, r, **small)
    for s in range(-before, W + after):
        ax.text(left + (before + s + 0.5) * wide, upper - 0.3, s, **small)
    ax.text(left + (before + W + after) * wide / 2, upper - 1.1, name, ha="center", va="center")
