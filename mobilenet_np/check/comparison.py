"""Gradients beside slopes: one row of the report a tensor, with the entries at kinks set apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .cases import SLOPES
from .numerical import (
    CENTRAL_STEP,
    Function,
    Tensors,
    one_sided_slopes,
    random_line,
    unit_line,
)
from .report import Kink, Row

FLOOR = 1e-2
"""What counts as a gradient's size even where it vanishes, relative to `Comparison._scale`."""

RESOLUTION = 1e-6
"""How well one-sided slopes are known, relative to a gradient's size."""

STEADY = 1e-3, 1e-5
"""Slopes from two steps are one slope if they differ by no more: relative to themselves, and to a gradient's size."""

JUMPS = (
    "each step gives another slope where it says CANNOT TELL: f all but jumps there; take another x, or for a network "
    "more images"
)

MAGNIFIED = 16, 1e-7
"""Errors allowed where rounding is magnified: so many times what it moves, and never more than differences may have.

Two images of 32 x 32 pixels leave the BatchNorms at the end of V2 two values a channel. Rounding alone then moves
gradients at its beginning by 1e-8 of their size."""

SHORTER = 16
"""The first step over the second, and that over the third: see the Notes of `gradcheck`."""


@dataclass
class Comparison:
    """Compares gradients of L = sum(dy * f(tensors)) with its slopes, and collects rows, kinks and notes."""

    f: Function
    tensors: Tensors
    gradients: Tensors
    dy: np.ndarray
    method: str
    step: float
    rtol: float
    rows: list[Row] = field(default_factory=list)
    kinks: list[Kink] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    references: Tensors = field(default_factory=dict)
    """True gradients, of tensors of which every entry is compared."""
    blur: float = 0.0
    """Errors that rounding may have made, though they are more than is allowed."""

    def __post_init__(self):
        gradients = [np.abs(g).max(initial=0.0, where=np.isfinite(g)) for g in self.gradients.values()]
        self.largest = float(max(gradients, default=0.0))
        self.terms = float(np.linalg.norm(self.dy * self.f(self.tensors)))

    def allow_rounding(self, nearby: Tensors) -> None:
        """Allow for what rounding does, given the gradients at a place that is off by rounding errors."""
        moved = {}
        for name, gradient in self.gradients.items():
            if name in nearby and nearby[name].shape == gradient.shape:
                size = np.abs(gradient).max(initial=0.0) + FLOOR * self._scale(name)
                moved[name] = float(np.abs(nearby[name] - gradient).max(initial=0.0)) / (size or 1.0)
        name = max(moved, key=moved.get, default="")
        times, most = MAGNIFIED
        if name and times * moved[name] > self.rtol:  # not if it is NaN, which is wrong anyway
            self.blur = times * moved[name]
            self.rtol = min(most, self.blur)
            beyond = f", and up to {self.blur:.0e} nobody can tell: take more images" if self.blur > self.rtol else ""
            self.notes.append(
                f"rounding errors are magnified: they alone move the gradient of {name} by {moved[name]:.0e} of its "
                f"size; allowed are {self.rtol:.0e}{beyond}"
            )

    def every_entry(self, name: str) -> None:
        """Compare all entries of one gradient."""
        gradient = self.gradients[name]
        reference = self._compare(name, name, list(np.ndindex(*gradient.shape)), gradient.ravel(), size=0.0)
        self.references[name] = reference.reshape(gradient.shape)

    def some_entries(self, name: str, count: int, rng: np.random.Generator) -> None:
        """Compare so many random entries, and the slope along a random line on which every entry moves."""
        gradient = self.gradients[name]
        picks = np.sort(rng.choice(gradient.size, count, replace=False))
        indices = [tuple(int(i) for i in np.unravel_index(k, gradient.shape)) for k in picks]
        line = random_line(self.tensors, [name], rng)
        ours = np.array([np.sum(gradient * line[name])])
        # The reference may miss the large entries, so the size of the gradient is taken from ours.
        norm = float(np.linalg.norm(gradient))
        self._compare(name, name, indices, gradient.flat[picks], size=norm / np.sqrt(gradient.size))
        self._compare(f"{name}, direction", name, [None], ours, size=norm, line=line)

    def _compare(self, label, name, indices, ours, size, line=None):
        def slope(k, step):
            return SLOPES[self.method](self.f, self.tensors, along(k), self.dy, step)

        def along(k):  # made when it is needed: all lines together are as large as the tensor, squared
            return line or unit_line(self.tensors, name, indices[k])

        reference = np.array([slope(k, self.step) for k in range(len(indices))])
        size = max(size, float(np.abs(reference).max(initial=0.0))) + FLOOR * self._scale(name)
        errors = _errors(ours, reference, size)

        kinks, unclear, again, worst = {}, [], 0, None
        for k in np.argsort(-errors, kind="stable"):  # the worst first
            if errors[k] <= self.rtol:
                break
            if errors[k] <= self.blur:
                unclear.append(k)
                continue
            if self.method == "central":
                again += 1
                reference[k] = slope(k, self.step / SHORTER)
                errors[k] = _errors(ours[k], reference[k], size)
                if errors[k] <= self.rtol:
                    continue
            left, right = one_sided_slopes(self.f, self.tensors, along(k), self.dy, CENTRAL_STEP / SHORTER)
            if not self._excused(ours[k], reference[k], left, right, size):
                if self.method == "central" and not _steady(reference[k], slope(k, self.step / SHORTER**2), size):
                    unclear.append(k)
                    continue
                worst = k  # The row is wrong, whatever the lesser disagreements turn out to be.
                break
            value = np.nan if indices[k] is None else float(self.tensors[name][indices[k]])
            kinks[k] = Kink(label, indices[k], value, float(ours[k]), left, right)

        compared = np.setdiff1d(np.arange(len(indices)), [*kinks, *unclear])
        if worst is None and compared.size:
            worst = compared[np.argmax(errors[compared])]
        found = (0.0, None, np.nan, np.nan)
        if worst is not None:
            found = (float(errors[worst]), indices[worst], float(ours[worst]), float(reference[worst]))
        counts = len(compared), len(kinks), len(unclear)
        self.rows.append(Row(label, self.tensors[name].shape, *counts, self.rtol, *found))
        self.kinks += [kinks[k] for k in sorted(kinks)]
        if again:
            self.notes.append(f"{label}: {again} of {len(indices)} slopes were measured again with a shorter step")
        if unclear and self.method == "central" and JUMPS not in self.notes:
            self.notes.append(JUMPS)
        if not np.any(reference) and (line is not None or len(indices) == self.tensors[name].size):
            self.notes.append(f"{name}: the gradient is zero everywhere, so little is tested; try another x")
        return reference

    def _scale(self, name):
        """What a gradient that does not vanish is like: L's terms by the entries of x, or the largest there is."""
        return max(self.largest, self.terms / float(np.abs(self.tensors[name]).max(initial=1.0)))

    def _excused(self, ours: float, reference: float, left: float, right: float, size: float) -> bool:
        """Whether a kink explains the disagreement: see the Notes of `gradcheck`."""
        slack = max(self.rtol, RESOLUTION) * size
        # What is smaller than the resolution of the slopes is not a kink that they show, and counts as an error.
        return abs(ours - reference) > 3 * slack and min(left, right) - slack <= ours <= max(left, right) + slack


def _steady(slope: float, shorter: float, size: float) -> bool:
    """Whether differences from two steps agree: otherwise f all but jumps there, and neither is its slope."""
    relative, absolute = STEADY
    return abs(slope - shorter) <= relative * max(abs(slope), abs(shorter)) + absolute * size


def _errors(ours: np.ndarray, reference: np.ndarray, size: float) -> np.ndarray:
    """Relative to ``size``; 0 where both are the same, even if size is 0, and infinite where one is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(ours == reference, 0.0, np.abs(ours - reference) / np.float64(size))
    return np.where(np.isnan(errors), np.inf, errors)
