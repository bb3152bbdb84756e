"""Which entries of a gradient are wrong, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cases import Case
from .layout import axes_of, interior, pixels

FLOAT32 = 1e-5  # errors below this, relative to the gradient's size, look like rounding in single precision


def describe(case: Case, name: str, reference: np.ndarray, rtol: float) -> str:
    """Where a gradient is wrong, and how, in a few words.

    Parameters
    ----------
    case : Case
    name : str
    reference : array
        The true gradient.
    rtol : float
        What is allowed, relative to the largest entry of the true gradient.
    """
    ours = case.ours[name]
    bad = np.argwhere(~np.isfinite(ours))
    if len(bad):
        return f"{len(bad)} of {ours.size} entries are not finite, the first at {_index(bad[0])}"
    size = np.abs(reference).max(initial=0.0) or np.abs(ours).max(initial=0.0)
    error = np.abs(ours - reference)
    wrong = error > rtol * size
    worst = _index(np.unravel_index(error.argmax(), error.shape))
    if not wrong.any():
        return "within the tolerance, entry by entry"
    if wrong.all():
        words = [f"all {wrong.size} entries are wrong, most at {worst}" if wrong.size > 1 else "it is one number"]
    else:
        count = f"{wrong.sum()} of {wrong.size} entries {'is' if wrong.sum() == 1 else 'are'} wrong"
        words = [f"{count}, most at {worst}", *_places(case, name, wrong)]
    return "; ".join(words + list(_numbers(case, name, ours, reference, wrong, rtol * size)))


def _places(case: Case, name: str, wrong: np.ndarray) -> Iterator[str]:
    axes = axes_of(case, name)
    if words := _product(axes, wrong):
        yield f"exactly those in {words}"
    elif words := _product(axes, ~wrong):
        yield f"right in {words} alone"
    elif (image := pixels(case, name)) and (words := _border(image, wrong)):
        yield words
    else:
        values = {name: case.tensors[name]} | ({"dy": case.dy} if case.dy.shape == wrong.shape else {})
        for source, numbers in values.items():
            if words := _interval(source, numbers.ravel(), wrong.ravel()):
                yield words
                break


def _product(axes: tuple[str, ...], mask: np.ndarray) -> str:
    """The mask in words if it is a choice of rows times a choice of columns, and so on; else nothing."""
    hit = [np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis))) for axis in range(mask.ndim)]
    if mask.sum() != np.prod([len(indices) for indices in hit]):
        return ""
    chosen = [(axes[k], indices, mask.shape[k]) for k, indices in enumerate(hit) if len(indices) < mask.shape[k]]
    return ", ".join(_choice(*choice) for choice in chosen)


def _choice(axis: str, indices: np.ndarray, size: int) -> str:
    if len(indices) == 1:
        place = {0: "the first", size - 1: "the last"}.get(int(indices[0]))
        return f"{place} {axis}" if place else f"{axis} {indices[0]}"
    steps = np.diff(indices)
    if len(indices) == 2 and (indices[0], indices[1]) == (0, size - 1):
        return f"the first and the last {axis}"
    if len(indices) > 2 and steps[0] > 1 and np.all(steps == steps[0]):
        return f"every {steps[0]}{ {2: 'nd', 3: 'rd'}.get(int(steps[0]), 'th') } {axis} from {indices[0]} on"
    several = "entries" if axis == "entry" else f"{axis}s"
    if np.all(steps == 1):
        return f"{several} {indices[0]} to {indices[-1]}"
    return f"{several} {', '.join(map(str, indices))}"


def _border(image: tuple[int, int], wrong: np.ndarray) -> str:
    inner = np.zeros(wrong.shape, bool)
    inner[interior(image)] = True
    if not inner.any() or not wrong.any():
        return ""
    if not wrong[inner].any():
        share = "exactly at the border" if wrong[~inner].all() else "only at the border, though not all of it"
        return share
    return ""


def _interval(source: str, values: np.ndarray, wrong: np.ndarray) -> str:
    """The wrong entries as a range of the values of a tensor, if they are one, or all but one."""
    if min(wrong.sum(), (~wrong).sum()) < 3:
        return ""
    order = np.argsort(values)
    runs = np.flatnonzero(np.diff(wrong[order].astype(int)))  # ends of runs of equal verdicts
    if len(runs) > 2:
        return ""
    edges = [f"{values[order[k]]:.3g} and {values[order[k + 1]]:.3g}" for k in runs]
    if len(runs) == 1:
        side = "above" if wrong[order[-1]] else "below"
        return f"exactly those where {source} is {side} a number between {edges[0]}"
    where = "outside" if wrong[order[0]] else "inside"
    return f"exactly those where {source} is {where} a range that begins between {edges[0]} and ends between {edges[1]}"


def _numbers(case, name, ours, reference, wrong, tolerance) -> Iterator[str]:
    """What the wrong entries look like."""

    def equal(a, b):
        return bool(np.all(np.abs(a - b)[wrong] <= tolerance))

    if not np.any(ours):
        yield "ours is zero everywhere"
        return
    if np.abs(ours - reference).max() <= FLOAT32 * np.abs(reference).max(initial=0.0):
        yield "the errors are as small as rounding in float32: is a constant or a copy of another dtype?"
        return
    if equal(ours, np.zeros_like(ours)):
        yield "ours is zero there"
        return
    if words := _product(axes_of(case, name), ~((ours == 0) & wrong)):
        yield f"ours is zero but for {words}"
    if equal(reference, np.zeros_like(ours)):
        yield "the true gradient is zero there"
    if case.dy.shape == ours.shape and equal(ours, case.dy):
        yield "ours is dy there"
    if words := _ratios(axes_of(case, name), ours, reference, wrong, tolerance):
        yield words
    if case.dy.shape == ours.shape and _gates(case.dy, ours, reference, tolerance):
        yield "ours and the true gradient both are one number times dy, or zero, in different places: another mask"


def _ratios(axes, ours, reference, wrong, tolerance) -> str:
    """Whether the wrong entries are off by one factor, or by one in each slice along an axis."""
    for axis in (None, *reversed(range(ours.ndim))):
        others = None if axis is None else tuple(k for k in range(ours.ndim) if k != axis)
        true, mine = (np.where(wrong, a, 0) for a in (reference, ours))
        power = np.sum(true * true, axis=others, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(power > 0, np.sum(true * mine, axis=others, keepdims=True) / power, 0)
        many = wrong.sum() > ratio.size  # or the factors could be anything
        if many and np.all(np.abs(mine - ratio * true) <= tolerance * np.maximum(1, np.abs(ratio))):
            if axis is None:
                return f"ours is {ratio.item():.6g} times the true gradient there"
            shown = ", ".join(f"{value:.4g}" for value in ratio.ravel()[:6])
            return f"off by one factor in each {axes[axis]}: {shown}" + (", ..." if ratio.size > 6 else "")
    return ""


def _gates(dy, ours, reference, tolerance) -> bool:
    """Whether both gradients are dy where a mask is 1, times one number, and the masks differ."""
    heights = []
    for gradient in (ours, reference):
        open_ = np.abs(gradient) > tolerance
        if not open_.any() or open_.all():
            return False
        height = np.sum(gradient[open_] * dy[open_]) / np.sum(dy[open_] ** 2)
        if np.any(np.abs(gradient - height * dy)[open_] > tolerance):
            return False
        heights.append(height)
    return abs(heights[0] - heights[1]) <= 1e-6 * abs(heights[0])


def _index(index) -> str:
    return str([int(i) for i in index])
