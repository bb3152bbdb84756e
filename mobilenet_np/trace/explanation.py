"""One number of a pass, and the arithmetic behind it: structured for a program, written out for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .records import Source


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


@dataclass(frozen=True)
class Factors:
    """The factors of one name in all terms of a sum.

    Attributes
    ----------
    name : str
    index : (T, rank) int
    value : (T,) float
    """

    name: str
    index: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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
