"""One number of a pass, and the arithmetic behind it: structured for a program, written out for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .records import Source
from .text import written


class Factor(NamedTuple):
    """One factor of a product: ``x[0, 3, 4, 7] = 0.5``."""

    name: str
    index: tuple[int, ...]
    """Of a padding zero, that of the place outside of the image where it stands."""
    value: float

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.index))}]"


class Term(NamedTuple):
    """One product of a sum."""

    factors: tuple[Factor, ...]
    """As the definition writes them: x * w, dy * w, dy * x. A single one where nothing is multiplied."""
    product: float
    total: float
    """The sum up to and including this product."""
    padding: bool
    """Whether x is a padding zero: nothing is multiplied, nothing added."""


@dataclass(frozen=True, eq=False)
class Factors:
    """The factors of one name in all T terms of a sum.

    Attributes
    ----------
    name : str
    index : (T, rank) int
    value : (T,) float
        0 where the index lies outside of the array: a padding zero.
    padding : (T,) bool
        Where that is.
    """

    name: str
    index: np.ndarray
    value: np.ndarray
    padding: np.ndarray

    @classmethod
    def read(cls, name: str, array: np.ndarray, *index: int | np.ndarray) -> Factors:
        """Of elements of an array; ``index`` has an integer or T integers for each axis."""
        columns = np.stack(np.broadcast_arrays(*index), axis=-1).reshape(-1, array.ndim)
        inside = ((columns >= 0) & (columns < array.shape)).all(axis=1)
        value = np.zeros(len(columns), array.dtype)
        value[inside] = array[tuple(columns[inside].T)]
        return cls(name, columns, value, ~inside)


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum of T products, in the order in which the op's definition adds them.

    Iterating gives its `Term`, one after the other.

    Attributes
    ----------
    factors : tuple of Factors
    products, totals : (T,) float
        Every product and the sum up to it, in the dtype of the pass.
    padding : (T,) bool
    """

    factors: tuple[Factors, ...]
    products: np.ndarray
    totals: np.ndarray
    padding: np.ndarray

    @classmethod
    def of(cls, *factors: Factors) -> Sum:
        """The sum of the products of one or two factors; with a padding zero nothing is multiplied, nothing added."""
        padding = np.logical_or.reduce([f.padding for f in factors])
        with np.errstate(over="ignore", invalid="ignore"):  # a network that diverged can be explained, too
            products = factors[0].value * factors[1].value if len(factors) == 2 else factors[0].value
            products = np.where(padding, products.dtype.type(0), products)
            return cls(factors, products, np.add.accumulate(products), padding)

    @property
    def total(self) -> float:
        """What the products add up to."""
        return self.totals[-1] if len(self) else self.products.dtype.type(0)

    def largest(self, count: int | None = None) -> list[Term]:
        """Terms by the size of their product, the largest first."""
        order = np.argsort(-np.abs(self.products), kind="stable")
        return [self[k] for k in order[:count]]

    def __len__(self) -> int:
        return len(self.products)

    def __getitem__(self, k: int) -> Term:
        factors = tuple(Factor(f.name, tuple(map(int, f.index[k])), f.value[k]) for f in self.factors)
        return Term(factors, self.products[k], self.totals[k], bool(self.padding[k]))

    def __iter__(self) -> Iterator[Term]:
        return (self[k] for k in range(len(self)))


class Line(NamedTuple):
    """One line of arithmetic: "xhat = (x - mean) * inv_std", "(0.5 - 0.25) * 2", 0.5."""

    symbols: str
    numbers: str
    value: float


@dataclass(frozen=True, eq=False)
class Step:
    """One op's share of an explanation: a sum, then perhaps some lines of arithmetic.

    Attributes
    ----------
    name, op : str
        Of the `Record`.
    target : str
        What is explained: "y", or "dx", "dw", "dgamma", ... on the way back.
    index : tuple of int
        Of the element.
    formula : str
        In the letters of the op's definition.
    sum : Sum or None
    lines : tuple of Line
    value : float
        What sum and lines come to.
    traced : float
        What the pass has there. In float64 the two are equal, except where a form other than "loops" or "numba" left
        the order of a sum to BLAS.
    source : Source
        Of the op's definition.
    note : str
        What else belongs to it, or "".
    """

    name: str
    op: str
    target: str
    index: tuple[int, ...]
    formula: str
    sum: Sum | None
    lines: tuple[Line, ...]
    value: float
    traced: float
    source: Source
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether the explanation comes to exactly what the pass has (NaN equals NaN)."""
        return bool(self.value == self.traced or (np.isnan(self.value) and np.isnan(self.traced)))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings; of the sum, every term with its factors as (element, number)."""
        return {
            "name": self.name,
            "op": self.op,
            "target": self.target,
            "index": list(self.index),
            "formula": self.formula,
            "terms": [[[str(factor), float(factor.value)] for factor in term.factors] for term in self.sum or ()],
            "lines": [[line.symbols, line.numbers, float(line.value)] for line in self.lines],
            "value": float(self.value),
            "traced": float(self.traced),
            "source": str(self.source),
            "note": self.note,
        }


@dataclass(frozen=True, eq=False)
class Explanation:
    """How one number came about.

    ``print`` it, or walk through ``steps``.

    Attributes
    ----------
    name : str
        Of the record that was asked about.
    target : str
        "y", or "dx", "dw", "dgamma", ... on the way back.
    index : tuple of int
    steps : tuple of Step
        In the order in which they ran; the last one ends at the number.
    """

    name: str
    target: str
    index: tuple[int, ...]
    steps: tuple[Step, ...]

    @property
    def value(self) -> float:
        """The number, as the explanation computes it."""
        return self.steps[-1].value

    @property
    def traced(self) -> float:
        """The number, as the pass has it."""
        return self.steps[-1].traced

    @property
    def exact(self) -> bool:
        """Whether every step comes to exactly what the pass has."""
        return all(step.exact for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings, ready for JSON."""
        return {
            "name": self.name,
            "target": self.target,
            "index": list(self.index),
            "value": float(self.value),
            "traced": float(self.traced),
            "steps": [step.to_dict() for step in self.steps],
        }

    def text(self, terms: int | None = 32) -> str:
        """Written out, a line a term.

        Parameters
        ----------
        terms : int or None
            Longer sums are shortened to half as many terms, their first and last ones; on the way back, where the
            question is where a gradient came from, to the largest ones. None: nothing is left out.
        """
        return written(self, terms)

    def __str__(self) -> str:
        return self.text()
