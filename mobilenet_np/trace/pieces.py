"""The nonlinearities piece by piece: which of an op's formulas holds for an x."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """For which x it holds, and what y and dx are there, in the letters of the op's definition."""

    where: str
    y: str
    dx: str


_LIMITS = {"relu": (0, float("inf")), "relu6": (0, 6), "hard_swish": (-3, 3), "hard_sigmoid": (-3, 3)}
# Up to the lower limit, from the upper limit on, and between.
_PIECES = {
    "relu": (("0", "0"), ("x", "dy"), ("x", "dy")),
    "relu6": (("0", "0"), ("6", "0"), ("x", "dy")),
    "hard_swish": (("0", "0"), ("x", "dy"), ("x * (x + 3) / 6", "dy * (x / 3 + 0.5)")),
    "hard_sigmoid": (("0", "0"), ("6 * slope", "0"), ("(x + 3) * slope", "dy * slope")),
}
NONLINEARITIES = tuple(_PIECES)


def piece(op: str, x: float) -> Piece:
    """The piece that x lies on.

    >>> piece("hard_swish", -1.5)
    Piece(where='-3 < x < 3', y='x * (x + 3) / 6', dx='dy * (x / 3 + 0.5)')
    >>> piece("relu6", 7.0).where
    'x >= 6'
    """
    low, high = _LIMITS[op]
    below, above, between = _PIECES[op]
    if x <= low:
        return Piece(f"x <= {low}", *below)
    if x >= high:
        return Piece(f"x >= {high}", *above)
    return Piece(f"x > {low}" if op == "relu" else f"{low} < x < {high}", *between)
