"""A `Trace` as text: the paper's table of the network, and what each of its lines did."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..architecture import Architecture, Block, Row
from .definitions import sources
from .records import Record

if TYPE_CHECKING:
    from .traced import Trace

_WIDTH = 120
_NL = {"relu": "RE", "relu6": "RE6", "hard_swish": "HS", "": "-"}  # as in V3, Table 1


def paper_table(trace: Trace) -> str:
    """V1's Table 1, V2's Table 2 or V3's Table 1 or 2, with what every line cost and did."""
    net = trace.architecture
    heading, lines = _PAPER[net.convention.version]
    named = lines(net, trace.records)
    records = [trace.records[name] for name, _ in named]
    kinds = [kind for kind in _SHARES if any(getattr(r.statistics, kind) is not None for r in records)]
    rows = [["layer", *heading, *_measured_heading(kinds)]]
    rows += [
        [record.name, *cells, *_measured(record, kinds)] for record, (_, cells) in zip(records, named, strict=True)
    ]
    rows.append(["total", *[""] * len(heading), *_total(trace, records, kinds)])
    left = {0, *(heading.index(word) + 1 for word in heading if word in _LEFT)}
    return "\n".join([_title(trace), "", *_aligned(rows, left), "", *_legend(kinds), "", *_definitions(trace)])


def layers_table(trace: Trace) -> str:
    """A line for every op."""
    records = [r for r in trace.records.values() if not r.parts or r.op == "squeeze_excite"]
    records = [r for r in records if trace.records.get(r.name.rpartition(".")[0], r).op != "squeeze_excite"]
    kinds = ["zero", "dead"]
    rows = [["op", "defined in ops/", "input", "output", *_measured_heading(kinds)]]
    for record in records:
        source = record.forward.source
        where = f"{PurePosixPath(source.path).stem}:{source.line}"
        sizes = _size(record.forward.x.shape), _size(record.forward.y.shape)
        rows.append([record.name, where, *sizes, *_measured(record, kinds)])
    rows.append(["total", "", "", "", *_total(trace, records, kinds)])
    return "\n".join([_title(trace), "", *_aligned(rows, {0, 1}), "", *_legend(kinds)])


# ---------------------------------------------------------------------------------------------------------------------
# The papers' columns: a name of a record and its cells for each line

_LEFT = ("Type / Stride", "Filter Shape", "Operator")  # their text is set from the left


def _v1(net: Architecture, records: dict[str, Record]) -> list[tuple[str, list[str]]]:
    def cells(row: Row) -> list[str]:
        x = records[row.name].forward.x.shape
        kind, shape = {
            "conv2d": ("Conv", f"{row.kernel}x{row.kernel}x{row.c_in}x{row.c_out}"),
            "depthwise_conv2d": ("Conv dw", f"{row.kernel}x{row.kernel}x{row.c_in} dw"),
            "pointwise_conv2d": ("Conv", f"1x1x{row.c_in}x{row.c_out}"),
            "global_average_pool": ("Avg Pool", f"Pool {_size(x[:3])}"),
            "dropout": ("Dropout", ""),
            "linear": ("FC", f"{row.c_in}x{row.c_out}"),
        }[row.op]
        return [f"{kind} / s{row.stride}", shape, _size(x)]

    return [(row.name, cells(row)) for row in net.rows]


def _v2(net: Architecture, records: dict[str, Record]) -> list[tuple[str, list[str]]]:
    """The paper prints n equal blocks as one line; here each has its own, and says which of them it is."""
    runs: list[list[Block]] = []
    for block in net.blocks:
        if block.residual and runs:
            runs[-1].append(block)
        else:
            runs.append([block])
    places = [f"{k}/{len(run)}" for run in runs for k in range(1, len(run) + 1)]
    lines = [(net.stem.name, ["conv2d", "-", net.stem.c_out, "1", net.stem.stride])]
    for block, place in zip(net.blocks, places, strict=True):
        first, depthwise = block.rows[0], block.rows[-2]
        lines.append(
            (block.name, ["bottleneck", depthwise.c_in // first.c_in, block.rows[-1].c_out, place, depthwise.stride])
        )
    for row in net.tail:
        channels = "-" if row.op in ("global_average_pool", "dropout") else row.c_out
        lines.append((row.name, [_tail_operator(row, records, " "), "-", channels, "1", "-" if channels == "-" else 1]))
    return [(name, [_size(records[name].forward.x.shape), *map(str, cells)]) for name, cells in lines]


def _v3(net: Architecture, records: dict[str, Record]) -> list[tuple[str, list[str]]]:
    lines = [(net.stem.name, ["conv2d", "-", net.stem.c_out, "-", _NL[net.stem.act], net.stem.stride])]
    for block in net.blocks:
        rows = {row.name.rpartition(".")[2]: row for row in block.rows}
        depthwise, gate = rows["depthwise"], "yes" if "squeeze_excite" in rows else "-"
        operator = f"bneck, {depthwise.kernel}x{depthwise.kernel}"
        out = rows["project"].c_out
        lines.append((block.name, [operator, depthwise.c_in, out, gate, _NL[depthwise.act], depthwise.stride]))
    for row in net.tail:
        channels = "-" if row.op in ("global_average_pool", "dropout") else row.c_out
        operator = _tail_operator(row, records, ", ") + (", NBN" if row.op == "linear" else "")
        lines.append((row.name, [operator, "-", channels, "-", _NL[row.act], "1"]))
    return [(name, [_size(records[name].forward.x.shape), *map(str, cells)]) for name, cells in lines]


def _tail_operator(row: Row, records: dict[str, Record], separator: str) -> str:
    if row.op == "dropout":
        return "dropout"
    if row.op == "global_average_pool":
        pool = "avgpool" if separator == " " else "pool"
        return f"{pool}{separator}{_size(records[row.name].forward.x.shape[:3])}"
    return f"conv2d{separator}1x1"


_PAPER = {
    "v1": (["Type / Stride", "Filter Shape", "Input Size"], _v1),
    "v2": (["Input", "Operator", "t", "c", "n", "s"], _v2),
    "v3": (["Input", "Operator", "exp", "#out", "SE", "NL", "s"], _v3),
}


# ---------------------------------------------------------------------------------------------------------------------
# What was measured

_SHARES = {
    "zero": ("zero", "share of what nonlinearities give that is 0"),
    "saturated": ("at 6", "share of what ReLU6 gives that is 6"),
    "dead": ("dead", "share of the channels that are 0 at all positions of all images"),
    "closed": ("shut", "share of the gates at 0"),
    "open": ("open", "share of the gates at 1"),
}


def _measured_heading(kinds: list[str]) -> list[str]:
    return ["MACs", "fwd ms", "bwd ms", "kept", *(_SHARES[kind][0] for kind in kinds), "field"]


def _measured(record: Record, kinds: list[str]) -> list[str]:
    size, field = record.receptive_field.size, record.receptive_field
    pooled = len(record.forward.y.shape) == 2
    return [
        f"{record.macs // len(record.forward.x):,}" if record.macs else "-",
        _amount(1000 * record.forward.seconds),
        _amount(1000 * record.backward.seconds),
        _amount(record.bytes["kept"] / 1e6),
        *_shares(record, kinds),
        "all" if pooled else f"{size[0]}{'+' if field.gated else ''}",
    ]


def _amount(value: float) -> str:
    """No wider than its heading up to 999,999: how fast a machine is must not decide how wide a table is."""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _shares(record: Record, kinds: list[str]) -> list[str]:
    shares = record.statistics
    return ["-" if getattr(shares, kind) is None else f"{getattr(shares, kind):.0%}" for kind in kinds]


def _total(trace: Trace, records: list[Record], kinds: list[str]) -> list[str]:
    return [
        f"{sum(r.macs for r in records) // len(trace.x):,}",
        _amount(1000 * sum(r.forward.seconds for r in records)),
        _amount(1000 * sum(r.backward.seconds for r in records)),
        _amount(sum(r.bytes["kept"] for r in records) / 1e6),
        *[""] * len(kinds),
        "",
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Around the table


def _title(trace: Trace) -> str:
    net, (N, H, W, C) = trace.architecture, trace.x.shape
    loss = "" if trace.loss is None else f", loss {trace.loss:.4f}"
    images = "1 image" if N == 1 else f"{N} images"
    return (
        f"{net.model}, width {net.width:g}, {net.convention.source} convention: a training step on {images} of "
        f"{H}x{W}x{C}, {trace.x.dtype}{loss}"
    )


def _legend(kinds: list[str]) -> Iterable[str]:
    yield "MACs   of one image, with the products with padding zeros; milliseconds and kept megabytes are of all images"
    yield "kept   megabytes, for the backward pass"
    for kind in kinds:
        word, meaning = _SHARES[kind]
        yield f"{word:<6} {meaning}"
    yield "field  side of the receptive field in pixels; +: behind a gate, which sees the whole image"


def _definitions(trace: Trace) -> Iterable[str]:
    yield "Definitions (forward, backward):"
    for op in dict.fromkeys(op.op for record in trace.records.values() for op in record.ops):
        forward, backward = sources(op)
        yield f"  {op:<20} {forward}, :{backward.line}"


def _size(shape: tuple[int, ...]) -> str:
    """112x112x32; 1x1x1024 of a vector."""
    sizes = shape[1:] if len(shape) > 2 else (1, 1, *shape[1:])
    return "x".join(map(str, sizes))


def _aligned(rows: list[list[str]], left: set[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH else " "
    return [
        gap.join(
            cell.ljust(w) if k in left else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
