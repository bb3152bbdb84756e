"""A `Cost` as text: a line a layer, as the papers print their networks, and the totals below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .total import Cost


def table(cost: Cost) -> str:
    """Every layer with its formula in letters and in numbers, and all totals."""
    net, (h, w) = cost.architecture, cost.resolution
    lines = [
        f"{net.model}, width {net.width:g}, {h} x {w}, {net.classes} classes, {net.convention.source} convention",
        "",
        f"{'layer':<24} {'input':>13} {'k':>2} {'s':>2} {'parameters':>11} {'MACs':>13}  forward MACs as a formula",
    ]
    for row in cost.rows:
        size = f"{row.h_in}x{row.w_in}x{row.c_in}"
        formula = f"{row.macs_formula.symbols} = {row.macs_formula.numbers}" if row.macs else ""
        lines.append(
            f"{row.name:<24} {size:>13} {row.kernel:>2} {row.stride:>2} {row.params_trainable:>11,} "
            f"{row.macs:>13,}  {formula}".rstrip()
        )
    lines += ["", f"{'total':<44} {cost.params_trainable:>11,} {cost.macs:>13,}", ""]
    lines += [f"{label:<42} {value:>15,}" for label, value in _totals(cost)]
    return "\n".join(lines)


def _totals(cost: Cost) -> Iterator[tuple[str, int]]:
    yield from ((f"MACs, {op}", macs) for op, macs in cost.macs_by_op.items() if macs)
    yield "MACs without products with padding zeros", cost.macs_in_bounds
    yield "MACs of a training step", cost.macs_train_step
    yield "parameters, trainable", cost.params_trainable
    yield "parameters, total", cost.params_total
    yield "parameters, weights only", cost.params_weights
    yield "parameters, BatchNorm folded", cost.params_folded
    yield "activations, sum of all outputs", cost.activations
    yield "activations, inference peak", cost.peak_activations
    yield "activations, peak with blocks as one op", cost.peak_activations_by_block
    yield "activations, kept for backward", cost.kept_for_backward
