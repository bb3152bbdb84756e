"""How a layer's outputs are distributed, and how much of its nonlinearities is flat: there the gradient ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .records import Record

# Up to which x the nonlinearity is 0.
FLOORS = {"relu": 0, "relu6": 0, "hard_swish": -3}


class Statistics(NamedTuple):
    """Of the elements of an output and of the nonlinearities behind it.

    Shares are of everything that a row or block has inside, from 0 to 1, and None where it has none of the kind.
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    zero: float | None
    """Share of the elements of ReLU (x <= 0), ReLU6 (x <= 0) and hard swish (x <= -3) where y = 0."""
    dead: float | None
    """Share of their channels where that is so at every position of every image: this batch does not train them."""
    saturated: float | None
    """Share of the elements of ReLU6 where y = 6 (x >= 6)."""
    closed: float | None
    """Share of the gates (hard sigmoid) that are at 0 (x <= -3)."""
    open: float | None
    """Share of the gates that are at 1 (x >= 3)."""


def statistics(record: Record) -> Statistics:
    """Distribution of a record's output, and the flat parts of the nonlinearities inside."""
    inside = [op for op in record.ops if op.op in FLOORS]
    zeros = [op.forward.x <= FLOORS[op.op] for op in inside]
    ceilings = [op.forward.x >= 6 for op in inside if op.op == "relu6"]
    gates = [op.forward.x for op in record.ops if op.op == "hard_sigmoid"]
    y = record.forward.y
    with np.errstate(invalid="ignore", over="ignore"):  # a network that diverged is worth a trace, too
        mean, std = y.mean(dtype=np.float64), y.std(dtype=np.float64)
    return Statistics(
        float(mean),
        float(std),
        float(y.min()),
        float(y.max()),
        zero=_share(zeros),
        dead=_share(zero.all(axis=tuple(range(zero.ndim - 1))) for zero in zeros),
        saturated=_share(ceilings),
        closed=_share(x <= -3 for x in gates),
        open=_share(x >= 3 for x in gates),
    )


def _share(flags: Iterable[np.ndarray]) -> float | None:
    counts = [(int(flag.sum()), flag.size) for flag in flags]
    if not counts:
        return None
    true, all_of_them = (sum(column) for column in zip(*counts, strict=True))
    return true / all_of_them
