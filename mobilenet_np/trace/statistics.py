"""How a layer's outputs are distributed, and how much of a nonlinearity is flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .records import Record


class Statistics(NamedTuple):
    """Of the elements of one output.

    The last three are None where there is nothing like it: only ReLU, ReLU6, hard swish and hard sigmoid have a flat
    part. There the gradient ends.
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    zero: float | None = None
    """Share of elements on the lower flat part, where y = 0: x <= 0, for hard swish and hard sigmoid x <= -3."""
    saturated: float | None = None
    """Share of elements on the upper flat part: x >= 6 for ReLU6, x >= 3 for hard sigmoid."""
    dead: float | None = None
    """Share of channels that are 0 at all positions of all images: the batch does not train them."""


def statistics(record: Record) -> Statistics:
    """Of a record's output; of a row, with those of the nonlinearity at its end."""
    raise NotImplementedError
