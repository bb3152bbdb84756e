"""A number that remembers the formula it came from.

The closed forms in `formulas` are ordinary functions of integers. Called with integers, they give an integer; called
with `Formula` objects, they give the same integer together with the text of the formula, in letters and in numbers.
There is one source: the arithmetic that is printed is the arithmetic that was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """An integer and how it was computed.

    Attributes
    ----------
    symbols : str
        In letters: ``"Ho*Wo*k^2*C"``.
    numbers : str
        The same with the letters' values: ``"112*112*3^2*32"``.
    value : int
    is_sum : bool
        Whether the last operation was a sum, which then needs brackets inside a product.
    """

    symbols: str
    numbers: str
    value: int
    is_sum: bool = False

    def __add__(self, other: Formula | int) -> Formula:
        other = _formula(other)
        return Formula(
            f"{self.symbols} + {other.symbols}",
            f"{self.numbers} + {other.numbers}",
            self.value + other.value,
            is_sum=True,
        )

    def __mul__(self, other: Formula | int) -> Formula:
        (a_symbols, a_numbers), (b_symbols, b_numbers) = _factor(self), _factor(other := _formula(other))
        return Formula(f"{a_symbols}*{b_symbols}", f"{a_numbers}*{b_numbers}", self.value * other.value)

    def __pow__(self, power: int) -> Formula:
        symbols, numbers = _factor(self)
        return Formula(f"{symbols}^{power}", f"{numbers}^{power}", self.value**power)

    def __radd__(self, other: int) -> Formula:
        return _formula(other) + self

    def __rmul__(self, other: int) -> Formula:
        return _formula(other) * self

    def __str__(self) -> str:
        return f"{self.symbols} = {self.numbers} = {self.value:,}"


def written(function: Callable[..., Formula | int], **values: int) -> Formula:
    """Call a closed form with named integers and keep the formula.

    Parameters
    ----------
    function : callable
        Computes with ``+``, ``*`` and ``**`` alone.
    **values : int
        The letters of the formula.

    Examples
    --------
    >>> from mobilenet_np.costs.formulas import depthwise_macs
    >>> print(written(depthwise_macs, Ho=112, Wo=112, k=3, C=32))
    Ho*Wo*k^2*C = 112*112*3^2*32 = 3,612,672
    """
    return _formula(function(**{name: Formula(name, str(value), value) for name, value in values.items()}))


def _formula(value: Formula | int) -> Formula:
    return value if isinstance(value, Formula) else Formula(str(value), str(value), value)


def _factor(formula: Formula) -> tuple[str, str]:
    """Both texts as they stand inside a product."""
    pair = formula.symbols, formula.numbers
    return tuple(f"({text})" for text in pair) if formula.is_sum else pair
