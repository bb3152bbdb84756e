"""What could be wrong with a gradient: guesses that can be tested, from the simple to the complicated.

A guess says *which* number the backward pass has computed: the true gradient with two axes exchanged, or the gradient
for a dy without its border, or for a rotated kernel. None knows the op. Each is tested on whole tensors, since the
slope along a random line depends on every entry (see `mobilenet_np.check.diagnose`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .cases import Case
from .changes import Array, Change, alternatives, changes, shifts
from .layout import axes_of, interior, pixels

DY_ITSELF = "is dy itself"


def _as_it_is(ours: Array) -> Array:
    return ours


def _true_slope(case: Case, name: str, line: Array) -> float:
    return case.slope(name, line)


class Hypothesis(NamedTuple):
    """``mend(ours)`` has the inner product ``slope(case, name, line)`` with every line."""

    text: str
    """Goes on after the gradient's name: "is computed with w rotated by 180 degrees"."""
    mend: Change = _as_it_is
    slope: Callable[[Case, str, Array], float] = _true_slope
    rival: Callable[[Case, str, Array], float] | None = None
    """The same with something else put in. If it fits as well, the guess says nothing: a gate that never closes when
    a weight is 0 does not when it is 0.001, and no weight is to blame."""


def hypotheses(case: Case, name: str) -> Iterator[Hypothesis]:
    """All guesses about one gradient, simple ones first.

    Parameters
    ----------
    case : Case
        Says which axes are as long as each other, which tensors there are, and which options.
    name : str
        The tensor whose gradient is wrong.
    """
    if case.ours[name].shape != case.tensors[name].shape:
        yield from _of_another_shape(case, name)
        return
    yield Hypothesis("")  # right but for a factor
    yield from _rearranged(case, name)
    yield from _cut(case, name)
    yield from _passed_through(case, name)
    yield from _from_another_dy(case, name)
    yield from _from_other_tensors(case, name)
    yield from _with_other_options(case)
    if case.dy.shape == case.tensors[name].shape:
        yield Hypothesis(
            "is the forward pass applied to dy, and not its transpose",
            slope=lambda case, name, line: case.slope(name, case.dy, dy=line),
        )


def permutations(case: Case, name: str, reference: Array, rtol: float) -> Iterator[Hypothesis]:
    """The one order of slices along an axis that makes the gradient right, if there is one; found, not guessed.

    Parameters
    ----------
    case, name
    reference : array
        The true gradient.
    rtol : float
    """
    ours = case.ours[name]
    for axis, word in enumerate(axes_of(case, name)):
        mine, true = (np.moveaxis(a, axis, 0).reshape(len(np.moveaxis(a, axis, 0)), -1) for a in (ours, reference))
        gaps = np.abs(mine[:, None] - true[None]).max(axis=2, initial=0.0)
        order = gaps.argmin(axis=1)  # our slice k is the true slice order[k]
        fits = gaps[np.arange(len(order)), order] <= rtol * np.abs(reference).max(initial=0.0)
        if fits.all() and sorted(order) == list(range(len(order))):
            inverse = np.argsort(order)
            yield Hypothesis(
                f"has its {word}s in another order: {', '.join(map(str, order))}",
                mend=lambda ours, axis=axis, inverse=inverse: np.take(ours, inverse, axis),
            )


# ---------------------------------------------------------------------------------------------------------------------
# The right numbers in the wrong places


def _of_another_shape(case, name):
    ours, shape = case.ours[name], case.tensors[name].shape
    for order in itertools.permutations(range(ours.ndim)):
        if order != tuple(range(ours.ndim)) and tuple(ours.shape[k] for k in order) == shape:
            channels_first = order == (0, 2, 3, 1) and axes_of(case, name)[0] == "image"
            what = "is in NCHW order" if channels_first else f"has its axes in another order: transpose{order} is right"
            yield Hypothesis(what, mend=lambda ours, order=order: ours.transpose(order))
    if ours.size == case.tensors[name].size:
        yield Hypothesis("is right but for its shape", mend=lambda ours: ours.reshape(shape))
    extra = ours.ndim - len(shape)
    if extra > 0 and ours.shape[extra:] == shape:
        yield Hypothesis(
            f"is not summed over {_axes(range(extra))}", mend=lambda ours: ours.sum(axis=tuple(range(extra)))
        )


def _rearranged(case, name):
    axes, shape = axes_of(case, name) or ("",), case.tensors[name].shape
    long = [axis for axis, size in enumerate(shape) if size > 1]
    for axis in long:
        yield Hypothesis(f"is reversed along its {axes[axis]}s", mend=lambda ours, axis=axis: np.flip(ours, axis))
    for pair in itertools.combinations(long, 2):
        words = "is rotated by 180 degrees" if pair == pixels(case, name) else f"is reversed along {_axes(pair)}"
        yield Hypothesis(words, mend=lambda ours, pair=pair: np.flip(ours, pair))
    for a, b in itertools.combinations(long, 2):
        if shape[a] == shape[b]:
            yield Hypothesis(
                f"is transposed: its {axes[a]}s and {axes[b]}s are swapped",
                mend=lambda ours, a=a, b=b: ours.swapaxes(a, b),
            )
    for axis in long:
        for step in (1, -1)[: shape[axis] - 1]:
            yield Hypothesis(
                f"is rolled by {step:+d} along its {axes[axis]}s",
                mend=lambda ours, axis=axis, step=step: np.roll(ours, -step, axis),
            )
    if axes[0] == "image":
        yield Hypothesis(
            "holds its numbers in NCHW order, though its shape is NHWC: reshaped, not transposed",
            mend=lambda ours: ours.reshape([ours.shape[k] for k in (0, 3, 1, 2)]).transpose(0, 2, 3, 1),
        )
    for other, tensor in case.tensors.items():
        if other != name and tensor.shape == shape:
            yield Hypothesis(
                f"is d{other}: gradients are returned in another order",
                slope=lambda case, _, line, other=other: case.slope(other, line),
            )


def _cut(case, name):
    """Right, but zero in some places."""
    axes, shape = axes_of(case, name), case.tensors[name].shape
    for words, kept in _masks(axes, shape, pixels(case, name)):
        yield Hypothesis(
            f"is zero {words}", slope=lambda case, name, line, kept=kept: case.slope(name, line * kept(line.shape))
        )
    moves = dict(shifts(pixels(case, name)))
    for words, back in (("up", "down"), ("down", "up"), ("left", "right"), ("right", "left")):
        if moves:
            yield Hypothesis(
                f"is moved by one {words}: an index is off by one",
                slope=lambda case, name, line, move=moves[back]: case.slope(name, move(line)),
            )


def _masks(axes: tuple[str, ...], shape: tuple[int, ...], pixels: tuple[int, int] | None) -> Iterator:
    """Where an array may be zero, in words, and a function from its shape to 1 where it is kept."""

    def only(where: tuple[Any, ...]) -> Callable:
        def kept(shape):
            mask = np.zeros(shape)
            mask[where] = 1
            return mask

        return kept

    def but(kept: Callable) -> Callable:
        return lambda shape: 1 - kept(shape)

    for axis, size in enumerate(shape):
        before = (slice(None),) * axis
        if size > 1:  # of two, all but the last is the first; another case tells which was meant
            for words, index in (("last", -1), ("first", 0)):
                yield f"in the {words} {axes[axis]}", but(only((*before, index)))
                yield f"in all but the {words} {axes[axis]}", only((*before, index))
    if pixels:
        before = (slice(None),) * pixels[0]
        if min(shape[axis] for axis in pixels) > 2:
            yield "at the border", only(interior(pixels))
            yield "everywhere but at the border", but(only(interior(pixels)))
        for step in (2, 3):
            if max(shape[axis] for axis in pixels) > step:
                every = only((*before, slice(None, None, step), slice(None, None, step)))
                yield f"everywhere but at every {('2nd', '3rd')[step - 2]} row and column", every
        yield "everywhere but at the last position", only((*before, -1, -1))
        if before:
            yield "everywhere but at the last position of the last image", only((-1, -1, -1))


# ---------------------------------------------------------------------------------------------------------------------
# The right formula with something else put in


def _passed_through(case, name):
    shape = case.tensors[name].shape
    if case.dy.shape != shape:
        return

    yield Hypothesis(DY_ITSELF, slope=lambda case, _, line: float(np.sum(case.dy * line)))
    yield Hypothesis(
        "lacks dy: the path that passes it on unchanged is missing",
        slope=lambda case, name, line: case.slope(name, line) - float(np.sum(case.dy * line)),
    )
    yield Hypothesis(
        "contains dy once too often: it is added twice",
        slope=lambda case, name, line: case.slope(name, line) + float(np.sum(case.dy * line)),
    )


def _from_another_dy(case, name):
    def from_dy(change: Change) -> Callable[[Case, str, Array], float]:
        return lambda case, name, line: case.slope(name, line, dy=change(case.dy))

    yield Hypothesis("is computed as if dy were 1", slope=from_dy(np.ones_like))
    shape, axes = case.dy.shape, _axes_of_output(case)
    positions = (1, 2) if len(shape) == 4 else None
    for words, kept in _masks(axes, shape, positions):
        if words == "in all but the last image":
            words += ": overwritten, not added up?"
        yield Hypothesis(
            f"is computed as if dy were zero {words}", slope=from_dy(lambda dy, kept=kept: dy * kept(dy.shape))
        )
    for words, change in shifts(positions):
        yield Hypothesis(f"is computed from dy moved by one {words}", slope=from_dy(change))


def _from_other_tensors(case, name):
    for other, tensor in case.tensors.items():
        guesses = [(f"{other} {words}", other, change) for words, change in changes(case, other)]
        if case.dy.shape == tensor.shape and tensor.ndim:
            guesses = [(f"{source} in place of {other}", source, _as_it_is) for source in ("dy", "y")] + guesses
        for words, source, change in guesses:
            yield Hypothesis(
                f"is computed with {words}",
                slope=_with_tensor(other, source, change, shift=0.0),
                rival=_with_tensor(other, source, change, shift=0.1 if source in ("dy", "y") else 1e-3),
            )


def _with_tensor(name: str, source: str, change: Change, shift: float) -> Callable[[Case, str, Array], float]:
    """The slope with one tensor taken for something else; shifted, in units of its size."""

    def slope(case, wrong, line):
        taken = change({**case.tensors, "dy": case.dy, "y": case.y}[source])
        taken = taken + shift * np.sqrt(np.mean(taken**2) or 1.0)
        return case.slope(wrong, line, tensors={name: taken})

    return slope


def _with_other_options(case):
    for option, now in {**case.subject.defaults, **case.subject.options}.items():
        for other in alternatives(now, case.subject.defaults.get(option)):
            yield Hypothesis(
                f"is computed with {option} = {other} in place of {now}",
                slope=lambda case, name, line, option=option, other=other: case.slope(
                    name, line, options={option: other}
                ),
            )


def _axes_of_output(case):
    return {4: ("image", "row", "column", "channel")}.get(case.dy.ndim, ("sample", "feature", "axis", "axis"))


def _axes(axes) -> str:
    axes = list(axes)
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes[:-1]))} and {axes[-1]}"
