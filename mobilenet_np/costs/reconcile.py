"""Which number did you read? Every total that is printed for a network, rebuilt from its columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from .counters import columns, rules
from .ledger import Entry, ledger, network_of
from .network import cost
from .published import Published, published
from .quantity import quantity
from .total import Cost

# The ledger's counts of multiplications and parameters as sums of columns.
_TERMS = {
    "macs": {"MACs": 1},
    "no stem": {"MACs": 1, "MACs of the stem": -1},
    "no classifier": {"MACs": 1, "MACs of the classifier": -1},
    "weights": {"weights": 1},
    "trainable": {"weights": 1, "biases": 1, "BatchNorm channels": 2},
    "without gamma": {"weights": 1, "biases": 1, "BatchNorm channels": 3},
    "total": {"weights": 1, "biases": 1, "BatchNorm channels": 4},
}
_IMAGENET = (1000, 1001)  # classes; TF-slim has one more, "background"
_ROUNDED = {"nearest": "rounded", "down": "cut off", "twice": "rounded twice", "hundreds": "rounded to 0.1 * 10^9"}
_UNCOUNTED = ("hard-swish outputs", "hard-sigmoid outputs", "gates' multiplications", "residual additions")


@dataclass(frozen=True)
class Reading:
    """One total that is printed somewhere.

    Attributes
    ----------
    source : str
        The tool, or the paper and table.
    layers : str
        Whose layers the tool was shown: "torchvision", "timm" or "keras"; "" for what is published.
    unit : str
        "MACs", "FLOPs" or "parameters".
    value : int
        Exact.
    terms : dict
        How it is a sum: a column's name, how often it is counted, and the column's value.
    printed : str
        In millions, as published; "" for a tool.
    note : str
    """

    source: str
    layers: str
    unit: str
    value: int
    terms: dict[str, tuple[int, int]]
    printed: str = ""
    note: str = ""

    @property
    def names(self) -> str:
        """The sum, by the names of the columns."""
        return _sum(self.terms, lambda name, value: name)

    @property
    def numbers(self) -> str:
        """The same sum in numbers."""
        return _sum(self.terms, lambda name, value: f"{value:,}")

    def reads(self, number: str | int) -> bool:
        """Whether this is what was read, if exactly, or rounded or cut off to as many digits.

        Examples
        --------
        >>> reading = Reading("ptflops", "torchvision", "MACs", 320_300_008, {})
        >>> [reading.reads(number) for number in (320300008, "320.3M", "0.32G", "0.33G")]
        [True, True, True, False]
        """
        wanted, unit = quantity(number)
        if self.printed and Decimal(self.printed) * 1_000_000 == wanted:
            return True
        return any(
            (self.value / unit).quantize(Decimal(1), rounding) * unit == wanted
            for rounding in (ROUND_HALF_UP, ROUND_DOWN)
        )


@dataclass(frozen=True)
class Reconciliation:
    """All totals that are printed for one network; ``print`` it for a table.

    Attributes
    ----------
    cost : Cost
    readings : tuple of Reading
        Tools first, then what is published.
    """

    cost: Cost
    readings: tuple[Reading, ...]

    def reads(self, number: str | int) -> Reconciliation:
        """Only those that give a number, exact (320300008) or rounded ("320.3M", "0.32G").

        Examples
        --------
        >>> [reading.source for reading in reconcile(cost("v2")).reads("314.19M").readings]
        ['fvcore', 'fvcore']
        """
        return replace(self, readings=tuple(reading for reading in self.readings if reading.reads(number)))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings, ready for JSON."""
        net = self.cost.architecture
        return {
            "model": net.model,
            "width": net.width,
            "resolution": list(self.cost.resolution),
            "classes": net.classes,
            "columns": columns(self.cost),
            "readings": [
                vars(reading) | {"terms": {name: list(term) for name, term in reading.terms.items()}}
                for reading in self.readings
            ],
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def reconcile(of: Cost) -> Reconciliation:
    """Rebuild every total that is printed for a network.

    Parameters
    ----------
    of : Cost

    Returns
    -------
    Reconciliation

    Examples
    --------
    >>> v2 = reconcile(cost("v2"))
    >>> sorted({r.value for r in v2.readings if r.layers == "torchvision" and r.unit != "parameters"})[:6]
    [300774272, 300775272, 300809384, 314193216, 320300008, 327486720]
    """
    values = columns(of)
    tools = tuple(
        Reading(rule.tool, rule.layers, rule.unit, *_filled(rule.terms, values), note=rule.note)
        for rule in rules(of.architecture.model)
    )
    return Reconciliation(of, tools + tuple(_published(of)))


def _published(of: Cost) -> Iterator[Reading]:
    """What is published for this very network; the last layer may have one class more."""
    net = of.architecture
    if net.classes not in _IMAGENET or _sizes(of) != _sizes(cost(net.model, net.width, of.resolution, net.classes)):
        return
    same = (net.model, f"{net.model} without classifier", f"{net.model} with 1280 hidden units")
    numbers = [
        number
        for number in published()
        if number.network in same
        and (number.width, (number.resolution,) * 2) == (net.width, of.resolution)
        and number.classes in _IMAGENET
        and number.count in _TERMS
    ]
    for entry in ledger(numbers):
        number = entry.published
        values = columns(cost(network_of(number), resolution=number.resolution))
        unit = "MACs" if "MACs" in _TERMS[number.count] else "parameters"
        value, terms = _filled(_TERMS[number.count], values)
        yield Reading(number.source, "", unit, value, terms, number.printed, _note(entry))


def _sizes(of: Cost) -> list[tuple[int, int]]:
    return [(row.macs, row.weights) for row in of.rows if row.weights]


def _note(entry: Entry) -> str:
    number: Published = entry.published
    what = [f"{number.classes} classes"] if number.classes != 1000 else []
    if " with" in number.network:
        what.append(number.network.partition(" ")[2])
    return ", ".join([*what, number.reason or _ROUNDED[number.rounding]])


def _filled(terms: dict[str, int], values: dict[str, int]) -> tuple[int, dict[str, tuple[int, int]]]:
    """The total, and its terms with their values, without those that this network has none of."""
    filled = {name: (times, values[name]) for name, times in terms.items() if values[name]}
    return sum(times * value for times, value in filled.values()), filled


# ---------------------------------------------------------------------------------------------------------------------
# As text


def _lines(table: Reconciliation) -> Iterator[str]:
    net, (h, w) = table.cost.architecture, table.cost.resolution
    yield f"{net.model}, width {net.width:g}, {h} x {w}, {net.classes} classes: which number did you read?"
    if not table.readings:
        yield from ("", "None that is known here.")
    for title, units in (("Multiplications", ("MACs", "FLOPs")), ("Parameters", ("parameters",))):
        tools = [reading for reading in table.readings if reading.unit in units and not reading.printed]
        printed = [reading for reading in table.readings if reading.unit in units and reading.printed]
        if tools:
            yield from ("", f"{title}, as tools report them")
            yield from _tools(tools)
        if printed:
            yield from ("", f"{title}, as published, in millions")
            for reading in printed:
                yield f"{reading.printed:>13}  {reading.source}"
                yield from _wrapped(f"{reading.value:,} = {reading.names}: {reading.note}")
    values = columns(table.cost)
    none = ", ".join(f"{name} {values[name]:,}" for name in _UNCOUNTED if values[name])
    if none and table.readings:
        yield from ("", "Counted by none of the tools")
        yield from _wrapped(none)


def _tools(readings: list[Reading]) -> Iterator[str]:
    """A paragraph for each sum, and who reports it."""
    sums: dict[tuple, list[Reading]] = {}
    for reading in sorted(readings, key=lambda reading: reading.value):
        sums.setdefault((reading.value, reading.names), []).append(reading)
    for (value, names), group in sums.items():
        yield f"{value:>13,}  {names}"
        if len(group[0].terms) > 1:
            yield f"{'':>13}  = {group[0].numbers}"
        tools: dict[tuple[str, str], list[str]] = {}
        for reading in group:
            tools.setdefault((reading.source, reading.note), []).append(reading.layers)
        for (source, note), layers in tools.items():
            yield from _wrapped(f"{source} ({' and '.join(layers)}){f': {note}' if note else ''}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 119, initial_indent=" " * 15, subsequent_indent=" " * 17, break_on_hyphens=False)


def _sum(terms: dict[str, tuple[int, int]], text: Callable[[str, int], str]) -> str:
    parts = []
    for name, (times, value) in terms.items():
        sign = "-" if times < 0 else "+"
        factor = f"{abs(times)}*" if abs(times) > 1 else ""
        parts.append(f"{sign} {factor}{text(name, value)}")
    return " ".join(parts).removeprefix("+ ")
