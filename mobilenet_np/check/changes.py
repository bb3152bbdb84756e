"""What a tensor or an option may be taken for by mistake."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .cases import Case
from .layout import axes_of, pixels

Array = np.ndarray
Change = Callable[[Array], Array]


def changes(case: Case, name: str) -> Iterator[tuple[str, Change]]:
    """What a tensor may be taken for: words that follow its name, and a function that makes it so.

    Parameters
    ----------
    case : Case
    name : str
    """
    shape, axes, window = case.tensors[name].shape, axes_of(case, name), pixels(case, name)
    if axes != axes_of(case, next(iter(case.tensors))):
        yield "= 1", np.ones_like
        yield "= 0", np.zeros_like
    yield "of the wrong sign", np.negative
    if window:
        yield "rotated by 180 degrees", lambda a: np.flip(a, window)
        for axis in window:
            yield f"reversed along its {axes[axis]}s", lambda a, axis=axis: np.flip(a, axis)
    for a, b in itertools.combinations([axis for axis, size in enumerate(shape) if size > 1], 2):
        if shape[a] == shape[b]:
            words = f"transposed: its {axes[a]}s and {axes[b]}s swapped"
            yield words, lambda array, a=a, b=b: array.swapaxes(a, b)
    if shape and shape[-1] > 1:
        for step in (1, -1)[: shape[-1] - 1]:
            yield f"rolled by {step:+d} along its {axes[-1]}s", lambda a, step=step: np.roll(a, step, -1)
    if window and window[0] == 0 and max(shape[0], shape[1]) > 1:
        yield "zero but for its centre tap", _centre_tap
    if "row" in axes:
        yield from ((f"moved by one {words}", change) for words, change in shifts(window))


def _centre_tap(w):
    centre = np.zeros_like(w)
    here = w.shape[0] // 2, w.shape[1] // 2
    centre[here] = w[here]
    return centre


def shifts(positions: tuple[int, int] | None) -> Iterator[tuple[str, Change]]:
    """Moves by one pixel, zeros following.

    Parameters
    ----------
    positions : (int, int) or None
        The axes of rows and columns.
    """

    def shift(array, axis, step):
        moved = np.zeros_like(array)
        to, source = (slice(1, None), slice(-1)) if step > 0 else (slice(-1), slice(1, None))
        before = (slice(None),) * axis
        moved[(*before, to)] = array[(*before, source)]
        return moved

    for axis, words in zip(positions or (), (("up", "down"), ("left", "right")), strict=False):
        for step, word in zip((-1, 1), words, strict=True):
            yield word, lambda array, axis=axis, step=step: shift(array, axis, step)


def alternatives(now: Any, default: Any) -> list[Any]:
    """Values that an option may be taken for.

    Examples
    --------
    >>> alternatives(2, default=1)
    [0, 1]
    >>> alternatives(((0, 1), (0, 1)), default=None)
    [((1, 0), (1, 0))]
    """
    if isinstance(now, (int, float)) and not isinstance(now, bool):
        return [value for value in dict.fromkeys((0, 1, default)) if value is not None and value != now]
    if np.shape(now) == (2, 2):  # padding
        (top, bottom), (left, right) = now
        ways = (
            ((bottom, top), (right, left)),
            ((left, right), (top, bottom)),
            ((0, top + bottom), (0, left + right)),
            ((top + bottom, 0), (left + right, 0)),
        )
        return [way for way in dict.fromkeys(ways) if way != ((top, bottom), (left, right))]
    return []
