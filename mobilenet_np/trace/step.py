"""How steps of an explanation are put together."""

from __future__ import annotations

import re

import numpy as np

from .explanation import Line, Step, Sum
from .records import Record


def step(
    record: Record,
    target: str,
    index: tuple[int, ...],
    traced: np.ndarray,
    formula: str,
    sum: Sum | None = None,
    lines: tuple[Line, ...] = (),
    note: str = "",
) -> Step:
    """A step that ends at the element ``index`` of the array ``traced``."""
    value = lines[-1].value if lines else sum.total
    source = (record.backward if target.startswith("d") else record.forward).source
    return Step(record.name, record.op, target, index, formula, sum, lines, value, traced[index], source, note)


def line(symbols: str, value: float, **letters: float) -> Line:
    """A line of arithmetic; ``letters`` are the numbers that stand for the words on its right-hand side.

    >>> line("y = sum + b", 1.75, sum=1.5, b=0.25)
    Line(symbols='y = sum + b', numbers='1.5 + 0.25', value=1.75)
    """
    right = symbols.partition(" = ")[2]
    return Line(symbols, re.sub(r"[A-Za-z_]\w*", lambda word: number(letters, word[0]), right), value)


def number(letters: dict[str, float], word: str) -> str:
    """The number that stands for a word, in brackets if it is negative; the word itself if none does."""
    if word not in letters:
        return word
    text = f"{letters[word]:.6g}"
    return f"({text})" if text.startswith("-") else text
