"""What gradcheck found, as a table that can be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .diagnose import Diagnosis, Evidence, diagnose

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

KINKS_SHOWN = 8
REFERENCE = {"complex": "complex step", "central": "central differences"}


class Row(NamedTuple):
    """The comparison of one gradient, or of one directional derivative."""

    name: str
    shape: tuple[int, ...]
    checked: int
    """Entries compared; those at kinks and those that are unclear are not among them."""
    kinks: int
    """Entries left out because f has a kink there."""
    unclear: int
    """Entries that disagree, but where each step of central differences gives another slope, or rounding may be why."""
    tolerance: float
    error: float
    """Largest difference between the two gradients, relative to the gradient's size."""
    index: tuple[int, ...] | None
    """Where the largest difference is; None for a direction or if nothing was compared."""
    ours: float
    """What the backward pass says there."""
    reference: float
    """What differentiating the forward pass says."""

    @property
    def ok(self) -> bool:
        """Within tolerance, no more than half of the entries at kinks, and none unclear."""
        return self.verdict == "ok"

    @property
    def verdict(self) -> str:
        """ "ok", "WRONG", "CANNOT TELL" or "TOO MANY KINKS"."""
        if not self.error <= self.tolerance:
            return "WRONG"
        if self.unclear:
            return "CANNOT TELL"
        return "ok" if self.kinks <= self.checked else "TOO MANY KINKS"


class Kink(NamedTuple):
    """An entry where the function has no derivative, only one slope to the left and one to the right."""

    name: str
    index: tuple[int, ...] | None
    value: float
    """The entry of the input; NaN for a direction."""
    ours: float
    left: float
    right: float


@dataclass(frozen=True)
class GradcheckReport:
    """The result of `gradcheck`; print it.

    Attributes
    ----------
    subject : str
    method : {"complex", "central"}
        How the reference was computed.
    seed : int
    rows : tuple of Row
        One a tensor, and one a direction if only some entries were checked.
    kinks : tuple of Kink
    problems : tuple of str
        What else is wrong: changed inputs, different bits in the second run, wrong shapes, NaN.
    notes : tuple of str
        What is good to know, and no fault.
    evidence : Evidence
        The numbers themselves.
    """

    subject: str
    method: str
    seed: int
    rows: tuple[Row, ...]
    kinks: tuple[Kink, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    evidence: Evidence = field(repr=False)

    @property
    def ok(self) -> bool:
        return not self.problems and all(row.ok for row in self.rows)

    @property
    def verdict(self) -> str:
        """ "ok", "FAILED", or "CANNOT TELL" if nothing is found wrong and some slopes cannot be known."""
        if self.ok:
            return "ok"
        wrong = self.problems or any(row.verdict not in ("ok", "CANNOT TELL") for row in self.rows)
        return "FAILED" if wrong else "CANNOT TELL"

    def assert_ok(self) -> None:
        """Raise `AssertionError` with the whole table unless everything is right."""
        if not self.ok:
            raise AssertionError(str(self))

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What is wrong with the gradients that are: guesses tested by exact match, when it is first asked for."""
        given = self.evidence.given
        wrong = {row.name.partition(",")[0] for row in self.rows if row.error > row.tolerance}
        wrong |= {name for name, gradient in given.ours.items() if gradient.shape != given.tensors[name].shape}
        return diagnose(self.evidence, [name for name in given.ours if name in wrong])

    def plot(self, name: str | None = None, axes: np.ndarray | None = None) -> Figure:
        """Draw gradients as heat maps: yours, the reference, and the error.

        Parameters
        ----------
        name : str, optional
            A tensor; by default all of which every entry was checked.
        axes : array of matplotlib axes, optional
            Three for each tensor, to draw into; by default a new figure's.

        Returns
        -------
        Figure
        """
        from .figures import heat_maps

        return heat_maps(self, name, axes)

    def __str__(self) -> str:
        lines = [f"gradcheck {self.subject}: {self.verdict} ({REFERENCE[self.method]}, float64, seed {self.seed})"]
        lines += _table(self.rows) if self.rows else []
        lines += [f"problem: {problem}" for problem in self.problems]
        lines += [
            f"kink: {k.name}{_at(k.index)} = {k.value:.6g}: slopes {k.left:.6g} and {k.right:.6g}, ours {k.ours:.6g}"
            for k in self.kinks[:KINKS_SHOWN]
        ]
        if not self.ok and self.diagnosis.findings:
            lines += str(self.diagnosis).splitlines()
        if len(self.kinks) > KINKS_SHOWN:
            lines.append(f"kink: and {len(self.kinks) - KINKS_SHOWN} more, in the report's kinks")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    __repr__ = __str__


def _table(rows):
    head = ("tensor", "shape", "checked", "kinks", "error", "tolerance", "worst at", "ours", "reference", "")
    cells = [head]
    for row in rows:
        shape = "x".join(map(str, row.shape)) or "scalar"
        numbers = (f"{row.ours:.9g}", f"{row.reference:.9g}") if row.checked else ("", "")
        cells.append(
            (row.name, shape, str(row.checked), str(row.kinks), f"{row.error:.1e}", f"{row.tolerance:.1e}")
            + (_at(row.index), *numbers, row.verdict)
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [str.ljust if k in (0, 1, 6) else str.rjust for k in range(len(head))]
    return [
        "  ".join(side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _at(index: tuple[int, ...] | None) -> str:
    return "" if index is None else str(list(index))
