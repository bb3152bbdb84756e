"""Costs as text: a line a layer, as the papers print their networks, and the totals below; one layer; plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .explain import Explanation
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


def plain(cost: Cost) -> dict[str, Any]:
    """Everything as plain numbers, lists and strings, ready for JSON."""
    totals = (
        "macs macs_in_bounds macs_by_op macs_dx macs_dw macs_train_step params_trainable params_total "
        "params_weights params_folded params_by_kind bn_channels biases activations activations_in_and_out "
        "peak_activations peak_activations_by_block kept_for_backward"
    )
    net = cost.architecture
    layer = "name op kernel stride c_in c_out squeeze h_in w_in h_out w_out macs macs_dx macs_dw weights biases"
    return {
        "model": net.model,
        "width": net.width,
        "resolution": list(cost.resolution),
        "classes": net.classes,
        "convention": net.convention.source,
        **{name: getattr(cost, name) for name in totals.split()},
        "bytes_float32": cost.bytes("float32"),
        "layers": [
            {name: getattr(row, name) for name in layer.split()}
            | {
                "bn_channels": row.bn_channels,
                "macs_formula": str(row.macs_formula),
                "weights_formula": str(row.weights_formula),
            }
            for row in cost.rows
        ],
    }


def explained(what: Explanation) -> Iterator[str]:
    """One layer or block, line by line."""
    first, last = what.rows[0], what.rows[-1]
    yield f"{what.network}: {what.name}"
    sizes = f"{first.h_in} x {first.w_in} x {first.c_in} -> {last.h_out} x {last.w_out} x {last.c_out}"
    yield f"{what.kind}, {sizes}"
    yield ""
    yield from _multiplications(what) if what.macs else [_entry("forward", "nothing is multiplied with a weight")]
    yield from _memory(what)
    field = what.receptive_field
    gate = "; a gate on the way looks at the whole image" if field.gated else ""
    rows, columns = field.size
    yield _entry("sees", f"{rows} x {columns} pixels of the image, {field.jump} from one output to the next{gate}")
    kept = sum(what.kept.values())
    yield _entry("keeps", f"{kept:,} numbers for the backward pass of each image, {4 * kept:,} bytes in float32")
    for name, count in what.kept.items():
        yield _entry("", f"  {count:>11,}  {name}")
    for standard in what.standard:
        yield _entry("compare", standard.what)
        yield _entry("", f"{standard.formula} MACs")
        ratio = dict.fromkeys([*filter(None, standard.law.split(" = ")), str(standard.ratio)])  # 1/144 is there twice
        yield _entry("", f"{' = '.join(ratio)} = {float(standard.ratio):.4f} of that")


def _multiplications(what: Explanation) -> Iterator[str]:
    formula = what.formula
    yield _entry("forward", formula.symbols)
    yield _entry("", f"= {formula.numbers}")
    yield _entry("", f"= {formula.value:,} MACs")
    if len(what.rows) > 1:
        for row in what.rows:
            yield _entry("", f"  {row.name.partition('.')[2]:<15} {row.macs_formula}")
    yield _entry("in bounds", f"{what.macs_in_bounds:,} MACs without the products with padding zeros")
    dx = "none for dx, the image's gradient" if what.rows[0].first else f"{what.macs_dx:,} MACs for dx"
    yield _entry("backward", f"{dx}; {what.macs_dw:,} MACs for dw")
    if what.ran:
        verdict = "as the formulas say" if what.agrees else "NOT what the formulas say"
        yield _entry("executed", f"{what.ran.macs:,} forward, {what.ran.macs_in_bounds:,} of them in bounds,")
        yield _entry("", f"{what.ran.macs_dx:,} for dx, {what.ran.macs_dw:,} for dw: {verdict}")


def _memory(what: Explanation) -> Iterator[str]:
    yield _entry("moves", f"{what.bytes_moved:,} bytes: input, weights and output of each layer, in float32")
    yield _entry("intensity", f"{float(what.intensity):.2f} MACs a byte (a MAC is two FLOPs)")
    fused = len(what.rows) > 1
    if fused:
        intensity = what.macs / what.bytes_moved_as_one
        yield _entry("as one op", f"{what.bytes_moved_as_one:,} bytes, {intensity:.2f} MACs a byte")
    if what.machine:
        least = what.milliseconds
        yield _entry("machine", str(what.machine))
        if what.macs:
            memory, cache = (what.machine.attainable(what.intensity, cache) / 1e9 for cache in (False, True))
            yield _entry("roof", f"{memory:.1f} * 10^9 MACs a second from memory, {cache:.1f} within the cache")
        yield _entry("at least", f"{least['multiply']:.3f} ms to multiply")
        one = f" ({least['cache as one op']:.3f} as one op)" if fused else ""
        yield _entry("", f"{least['cache']:.3f} ms to move the bytes within the cache{one}")
        one = f" ({least['memory as one op']:.3f} as one op)" if fused else ""
        yield _entry("", f"{least['memory']:.3f} ms to move them from and to memory{one}")


def _entry(label: str, text: str) -> str:
    return f"{label:<12}{text}"
