"""An `Explanation` as text, a line a term."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .explanation import Explanation, Line, Step, Sum, Term

WIDTH = 110


def written(explanation: Explanation, terms: int | None) -> str:
    """All steps, sums of more than ``terms`` terms shortened."""
    where = ", ".join(map(str, explanation.index))
    lines = [f"{explanation.name}: {explanation.target}[{where}] = {explanation.value}"]
    for step in explanation.steps:
        lines += ["", *_step(step, terms)]
    return "\n".join(lines)


def _step(step: Step, terms: int | None) -> Iterator[str]:
    yield f"{step.name}  {step.op}  {step.source}"
    formula = f"  {step.formula}"
    yield formula if len(formula) <= WIDTH else formula.replace("  where ", "\n    where ")
    if step.note:
        yield f"  {step.note}"
    if step.sum is not None:
        yield from _sum(step.sum, terms, largest_first=step.target.startswith("d"))
    for line in step.lines:
        yield from _line(line)
    where = ", ".join(map(str, step.index))
    yield f"  {step.target}[{where}] = {step.value}  {_agreement(step)}"


def _line(line: Line) -> Iterator[str]:
    value = "" if line.numbers == _number(line.value) else f" = {_number(line.value)}"
    text = f"  {line.symbols} = {line.numbers}{value}"
    yield from [text] if len(text) <= WIDTH else [f"  {line.symbols}", f"    = {line.numbers}{value}"]


def _agreement(step: Step) -> str:
    if step.exact:
        return "(the pass has exactly this)"
    return f"(the pass has {step.traced}: its sums ran in another order)"


def _sum(sum: Sum, terms: int | None, largest_first: bool) -> Iterator[str]:
    count = len(sum)
    shown = count if terms is None or count <= terms else terms // 2
    left_out = [f"    ... {count - shown:,} more ..."] if shown < count else []
    if largest_first:
        yield from [*_rows(sum.largest(shown), totals=False), *left_out]
    else:
        tail = shown // 4 if left_out else 0
        yield from _rows([sum[k] for k in range(shown - tail)], totals=True)
        yield from [*left_out, *_rows([sum[k] for k in range(count - tail, count)], totals=True)]
    yield f"    sum of {count:,} {'term' if count == 1 else 'terms'} = {_number(sum.total)}"


def _rows(terms: list[Term], totals: bool) -> Iterator[str]:
    cells = [_cells(term, totals) for term in terms]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:  # names to the left, numbers to the right
        aligned = (
            cell.rjust(w) if k % 2 else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        yield "    " + " ".join(aligned)


def _number(value: float) -> str:
    return f"{value + 0.0:.6g}"  # -0 is confusing where nothing else has a sign


def _cells(term: Term, totals: bool) -> list[str]:
    """Names and numbers in turn."""
    cells = []
    for k, factor in enumerate(term.factors):
        padding = term.padding and not k
        cells += [f"* {factor}" if k else str(factor), "padding" if padding else _number(factor.value)]
    if len(term.factors) > 1:
        cells += ["=", "-" if term.padding else _number(term.product)]
    return [*cells, "sum", _number(term.total)] if totals else cells
