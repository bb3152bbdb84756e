"""The ledger: each published number beside the closed forms and, where a network was run, beside what was executed.

Sources that agree on the network disagree on what a parameter is and how a million is rounded. `COUNTS` and `ROUNDINGS`
name the ways; with them every published number comes out exactly, or carries the reason why it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from ..architecture import Architecture, architecture
from .network import cost
from .published import Published, published
from .variants import full_convolutions, shallow, with_hidden, without_classifier

# What the sources count, read off a `Cost` or off anything executed that has the same attributes.
COUNTS: dict[str, Callable[[Any], int]] = {
    "macs": lambda c: c.macs,
    "no stem": lambda c: c.macs - c.rows[0].macs,
    "no classifier": lambda c: c.macs - c.rows[-1].macs,
    "trainable": lambda c: c.params_trainable,
    "total": lambda c: c.params_total,
    "weights": lambda c: c.params_weights,
    "without gamma": lambda c: c.params_weights + c.biases + 3 * c.bn_channels,  # beta, running mean and variance
    "activations in and out": lambda c: c.activations_in_and_out,
}

NETWORKS: dict[str, Callable[[float, int], Architecture]] = {
    "v1 full convolutions": lambda width, classes: full_convolutions(architecture("v1", width, classes)),
    "v1 shallow": lambda width, classes: shallow(architecture("v1", width, classes)),
    "v1 without classifier": lambda width, classes: without_classifier(architecture("v1", width, classes)),
    "v3-small with 1280 hidden units": lambda width, classes: with_hidden(
        architecture("v3-small", width, classes), 1280
    ),
}


def _nearest(millions: Decimal, unit: Decimal) -> Decimal:
    return (millions / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit


def _down(millions: Decimal, unit: Decimal) -> Decimal:
    return (millions / unit).quantize(Decimal(1), ROUND_DOWN) * unit


# From exact millions and the printed unit to what is printed.
ROUNDINGS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "nearest": _nearest,
    "down": _down,
    "twice": lambda millions, unit: _nearest(_nearest(millions, Decimal("0.01")), unit),  # 149.497, 149.50, 150
    "hundreds": lambda millions, unit: _nearest(millions, Decimal(100)),
}


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Attributes
    ----------
    published : Published
    formula : int
        The same quantity from the closed forms, exact.
    executed : int or None
        The same quantity counted in a real network.
    """

    published: Published
    formula: int
    executed: int | None = None

    @property
    def rounded(self) -> str:
        """The exact number in millions, rounded and written as its source does."""
        unit = Decimal(1).scaleb(Decimal(self.published.printed).as_tuple().exponent)
        return str(ROUNDINGS[self.published.rounding](Decimal(self.formula) / 1_000_000, unit).quantize(unit))

    @property
    def agrees(self) -> bool:
        """Whether the source prints exactly this."""
        return self.rounded == self.published.printed

    @property
    def excess(self) -> float:
        """Published over exact, less one: 0.011 means that 1.1 % too much is printed."""
        return float(Decimal(self.published.printed) * 1_000_000 / self.formula) - 1


def ledger(
    numbers: Iterable[Published] | None = None, execute: Callable[[Architecture, int], Any] | None = None
) -> list[Entry]:
    """Set published numbers against the closed forms.

    Parameters
    ----------
    numbers : iterable of Published, optional
        By default all of them.
    execute : callable, optional
        Runs a network of an architecture at a resolution and returns its counts, under the attribute names of `Cost`.

    Returns
    -------
    list of Entry

    Examples
    --------
    >>> entries = ledger()
    >>> all(entry.agrees != bool(entry.published.reason) for entry in entries)
    True
    """
    entries, counted = [], {}
    for number in published() if numbers is None else numbers:
        where = (number.network, number.width, number.resolution, number.classes)
        count = COUNTS[number.count]
        if where not in counted:
            net = network_of(number)
            counted[where] = cost(net, resolution=number.resolution), execute and execute(net, number.resolution)
        formula, executed = counted[where]
        entries.append(Entry(number, count(formula), count(executed) if execute else None))
    return entries


def network_of(number: Published) -> Architecture:
    """The architecture whose count was published."""
    if number.network in NETWORKS:
        return NETWORKS[number.network](number.width, number.classes)
    return architecture(number.network, number.width, number.classes)


def table(entries: Iterable[Entry]) -> str:
    """The ledger as text, a source a paragraph."""
    lines, source = [], ""
    for entry in entries:
        number = entry.published
        if number.source != source:
            source = number.source
            lines += ["", source]
        executed = "" if entry.executed is None else f"{entry.executed:>15,}"
        verdict = "agrees" if entry.agrees else f"{entry.excess:+.1%}: {number.reason}"
        lines.append(
            f"  {number.network:<31} {number.width:<5g} {number.resolution:>4}  {number.count:<22} "
            f"{entry.formula:>15,} {executed} {number.printed:>11}  {verdict}"
        )
    return "\n".join(lines[1:])
