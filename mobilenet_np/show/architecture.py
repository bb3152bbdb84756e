"""A network to scale: the papers' tables made visible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import floor, log10, sqrt
from typing import TYPE_CHECKING, NamedTuple

from ..costs import Cost
from ..costs.rows import CostRow
from ..errors import InputTypeError
from .style import OP_COLOURS, OP_NAMES, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Along the network the unit is the square root of a channel.
GAP, BETWEEN = 1.6, 7.0  # between the rows of a block, between blocks
NARROWEST = 19.0  # a column of the table needs this much
BAR = 4.0  # of the MACs: their length counts, so that all have one width, that of the narrowest box
LEFT = -6.0  # where the axes begin
UNITS_PER_INCH = 76

# Up and down, in heights of the tallest box.
BAND, DEEPEST, LINE = 0.075, 0.42, 0.062  # the strip with the blocks' names; the longest bar; a line of the table

PALE_BLUE, GREY, FAINT = "#a6cbe3", "#8a929c", "#8a929c55"
NONLINEARITIES = {"relu": ("RE", "ReLU"), "relu6": ("RE6", "ReLU6"), "hard_swish": ("HS", "hard swish")}  # V3, Table 1
SCALE = (16, 64, 256, 1024)  # channels of the boxes that show the scale


class Box(NamedTuple):
    """One row of the architecture, and its place along the drawing."""

    row: CostRow
    x: float
    width: float


class Column(NamedTuple):
    """One block, or one row outside of the blocks."""

    name: str
    boxes: tuple[Box, ...]
    residual: bool
    x: float
    width: float

    @property
    def rows(self) -> list[CostRow]:
        """Of its boxes."""
        return [box.row for box in self.boxes]

    @property
    def window(self) -> CostRow | None:
        """The row that looks at more than one position."""
        return next((row for row in self.rows if row.op in ("conv2d", "depthwise_conv2d")), None)


def architecture(cost: Cost, ax: Axes | None = None) -> Axes:
    """A network to scale, from the image at the left to the classes at the right, above the paper's table.

    A box is the output of one row: as high as its resolution, as wide as the square root of its channels (on a linear
    scale, 16 channels could not be seen beside 1280). Pale ones have no nonlinearity behind them: the linear
    bottlenecks. Arcs are residual connections, and what hangs down are the row's MACs.

    Parameters
    ----------
    cost : Cost
        From `mobilenet_np.cost`.
    ax : Axes, optional
        About 10 inches wide for V1, 16 for V2.

    Returns
    -------
    ax : Axes

    Examples
    --------
    >>> from mobilenet_np import cost, show
    >>> show.architecture(cost("v3-small")).figure.savefig("v3-small.png")  # doctest: +SKIP
    """
    if not isinstance(cost, Cost):
        raise InputTypeError(f"show.architecture: cost is a {type(cost).__name__}; it must be a Cost, made by cost")
    columns = list(_columns(cost))
    end = columns[-1].x + columns[-1].width
    ax = axes_or_new(ax, (end / UNITS_PER_INCH + 1.3, 6.6))
    tallest, most = max(row.h_out for row in cost.rows), max(row.macs for row in cost.rows)
    ground = -BAND * tallest
    per_mac = DEEPEST * tallest / most
    for column in columns:
        for box in column.boxes:
            _draw(ax, box, ground, per_mac)
        if column.residual:
            _arc(ax, column, lift=0.05 * tallest)
        ax.text(column.x + column.width / 2, ground / 2, _short(column), ha="center", va="center", fontsize="small")
    depth = _table(ax, columns, ground - (DEEPEST + LINE) * tallest, LINE * tallest)
    _rulers(ax, columns, ground, per_mac, most)
    ax.set(xlim=(LEFT, end - LEFT), ylim=(depth, 1.12 * tallest))
    net, (h, w) = cost.architecture, cost.resolution
    ax.set_title(
        f"MobileNet {net.model}, width {net.width:g}, image {h}×{w}: {cost.macs / 1e6:,.1f} million MACs, "
        f"{cost.params_trainable / 1e6:.2f} million parameters",
        loc="left",
    )
    _legend(ax, cost, end, tallest)
    return ax


def _columns(cost: Cost) -> Iterator[Column]:
    """What is drawn, and where along the network. Dropout, which only training has, is left out."""
    residual = {block.name for block in cost.architecture.blocks if block.residual}
    shown, x = [row for row in cost.rows if row.op != "dropout"], 0.0
    for name, group in groupby(shown, key=lambda row: row.name.partition(".")[0]):
        rows = list(group)
        used = sum(sqrt(row.c_out) for row in rows) + GAP * (len(rows) - 1)
        width = max(used, NARROWEST)
        left, boxes = x + (width - used) / 2, []
        for row in rows:
            boxes.append(Box(row, left, sqrt(row.c_out)))
            left += boxes[-1].width + GAP
        yield Column(name, tuple(boxes), name in residual, x, width)
        x += width + BETWEEN


def _short(column: Column) -> str:
    return {"classifier": "classes"}.get(column.name, column.name.removeprefix("block"))


def _draw(ax, box, ground, per_mac):
    from matplotlib.patches import Rectangle

    row, colour = box.row, OP_COLOURS.get(box.row.op, GREY)
    look = dict(facecolor=PALE_BLUE if _linear(row) else colour, edgecolor=colour, linewidth=0.8)
    ax.add_patch(Rectangle((box.x, 0), box.width, row.h_out, label=row.name, **look))
    if row.macs:
        left = box.x + (box.width - BAR) / 2
        ax.add_patch(Rectangle((left, ground), BAR, -row.macs * per_mac, label=f"{row.name} MACs", **look))


def _linear(row: CostRow) -> bool:
    return row.op == "pointwise_conv2d" and not row.act


def _arc(ax, column, lift):
    """From before the block to behind it, over everything between."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    top = max(row.h_out for row in column.rows) + 0.3 * lift
    start, end = column.boxes[0].x - BETWEEN / 2, column.boxes[-1].x + column.boxes[-1].width + BETWEEN / 2
    corners = [(start, top - lift), (start, top + lift), (end, top + lift), (end, top - lift)]
    path = Path(corners, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    ax.add_patch(
        FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=7, linewidth=1, color=GREY, label=column.name)
    )


def _table(ax, columns: Sequence[Column], top: float, line: float) -> float:
    """The paper's table below, a column a block; returns where it ends."""
    lines = {
        "kernel": [f"{c.window.kernel}×{c.window.kernel}" if c.window else "" for c in columns],
        "stride": [str(c.window.stride) if c.window and c.window.stride > 1 else "" for c in columns],
        "expanded": [str(c.window.c_in) if c.rows[0].name.endswith(".expand") else "" for c in columns],
        "out": [str(c.rows[-1].c_out) for c in columns],
        "gate": ["SE" if any(row.op == "squeeze_excite" for row in c.rows) else "" for c in columns],
        "nonlinearity": [NONLINEARITIES[c.rows[0].act][0] if c.rows[0].act else "" for c in columns],
        "million MACs": [_millions(sum(row.macs for row in c.rows)) for c in columns],
    }
    y = top
    for title, cells in lines.items():
        if any(cells):
            ax.axhline(y + line / 2, color=FAINT, linewidth=0.6)
            ax.text(1.5 * LEFT, y, title, ha="right", va="center", fontsize="small")
            for column, cell in zip(columns, cells, strict=True):
                ax.text(column.x + column.width / 2, y, cell, ha="center", va="center", fontsize="small")
            y -= line
    return y


def _millions(macs: int) -> str:
    return f"{macs / 1e6:.{1 if macs >= 1e5 else 2}f}" if macs else ""


def _rulers(ax, columns, ground, per_mac, most):
    """Resolutions upwards, MACs downwards."""
    ends = {row.h_out: x + width for column in columns for row, x, width in column.boxes if row.h_out > 1}
    step = _round(most / 2)
    macs = [step * n for n in range(1, int(most / step) + 1)]
    ticks = [*ends, *(ground - m * per_mac for m in macs)]
    ax.set_yticks(ticks, [*(f"{h} px" for h in ends), *(f"{m / 1e6:g} M" for m in macs)], fontsize="small")
    ax.hlines(list(ends), LEFT, list(ends.values()), color=FAINT, linewidth=0.6, zorder=0.5)
    for y in ticks[len(ends) :]:
        ax.axhline(y, color=FAINT, linewidth=0.6, zorder=0.5)
    for y in (0, ground):
        ax.axhline(y, color=GREY, linewidth=0.8)
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)


def _round(value: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten up to ``value``."""
    power = 10 ** floor(log10(value))
    return max(m * power for m in (1, 2, 5) if m * power <= value)


def _legend(ax, cost, end, tallest):
    """What colours, widths, heights and letters mean, at the upper right, where the boxes are low."""
    from matplotlib.patches import Patch, Rectangle

    handles = []
    for op, colour in OP_COLOURS.items():
        rows = [row for row in cost.rows if row.op == op]
        if rows:
            handles.append(Patch(facecolor=colour, edgecolor=colour, label=OP_NAMES[op]))
        if any(map(_linear, rows)):
            handles.append(Patch(facecolor=PALE_BLUE, edgecolor=colour, label="the same, linear: a bottleneck"))
    ax.legend(handles=handles, loc="upper right", fontsize="small", handlelength=1, borderaxespad=0, frameon=False)

    acts = {row.act for row in cost.rows} - {""}
    letters = [NONLINEARITIES[act] for act in sorted(acts)]
    letters += [("SE", OP_NAMES["squeeze_excite"])] * any(row.squeeze for row in cost.rows)
    left, y, high = 0.36 * end, 0.9 * tallest, 0.09 * tallest
    text = dict(fontsize="small", va="top")
    ax.text(left, y + 0.17 * tallest, "as wide as the square root of the channels:", **text)
    x = left
    for channels in SCALE:
        ax.add_patch(Rectangle((x, y), sqrt(channels), high, facecolor="none", edgecolor=GREY, linewidth=0.8))
        ax.text(x + sqrt(channels) / 2, y - 0.02 * tallest, channels, ha="center", **text)
        x += max(sqrt(channels), NARROWEST) + BETWEEN
    arcs = "; arcs: residual connections" if any(block.residual for block in cost.architecture.blocks) else ""
    notes = (
        f"as high as the resolution; hanging down: MACs{arcs}",
        ", ".join(f"{short} {long}" for short, long in letters),
    )
    ax.text(left, y - 0.11 * tallest, "\n".join(notes), linespacing=1.6, **text)
