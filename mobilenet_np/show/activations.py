"""What the nonlinearities of a network do to its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import check
from .layout import row_or_new
from .style import BLUE, VERMILLION

if TYPE_CHECKING:
    from ..trace import Record
    from ..trace.traced import Trace

# Where the flat parts of a nonlinearity end, and what y is on them.
FLAT = {
    "relu": ((0, 0), None),
    "relu6": ((0, 0), (6, 6)),
    "hard_swish": ((-3, 0), None),
    "hard_sigmoid": ((-3, 0), (3, 1)),
}
OP_NAMES = {"relu": "ReLU", "relu6": "ReLU6", "hard_swish": "hard swish", "hard_sigmoid": "hard sigmoid"}
GREY = "#8a929c"
WHERE = {"zero": GREY, "between": BLUE, "full": VERMILLION}
NAMES = {
    "zero": "flat: no gradient",
    "between": "passes",
    "full": "full (6, gate 1): no gradient",
}
BINS_PER_UNIT = 8  # so that every end of a flat part is an edge
ROW = 0.85  # of the distance between two rows


def activations(trace: Trace, names: Sequence[str] | None = None, axes: np.ndarray | None = None) -> np.ndarray:
    """Histograms before and after every nonlinearity, and the share of the numbers that it makes flat.

    From top to bottom in the order in which they run. What is flat has no gradient: grey at 0, red where ReLU6 and the
    gates' hard sigmoid are full. After the nonlinearity these numbers are a single one, a spike that is cut off.

    Parameters
    ----------
    trace : Trace
        From `mobilenet_np.trace`.
    names : sequence of str, optional
        Of blocks, rows or ops, whose nonlinearities to show; by default all.
    axes : (3,) array of Axes, optional

    Returns
    -------
    axes : (3,) array of Axes
        Before, after, shares.
    """
    tops = [trace[name] for name in names or trace.names]
    records = list({op.name: op for top in tops for op in top.ops if op.op in FLAT}.values())
    check(bool(records), f"show.activations: no nonlinearity in {', '.join(names or ['the trace'])}")
    axes = row_or_new("activations", axes, 3, (4.0, 0.3 * len(records) + 1.5))
    before, after, shares = axes
    edges = _edges(records)
    for row, record in enumerate(records):
        _histograms(before, after, record, edges, -row)
        _shares(shares, record, -row)
    labels = [f"{record.name.rpartition('.')[0]}, {OP_NAMES[record.op]}" for record in records]
    for ax, title in zip(axes, ("before", "after", "share of the numbers"), strict=True):
        ax.set_title(title, loc="left")
        ax.set(ylim=(-len(records) + 0.9, 1.1), yticks=[ROW / 2 - row for row in range(len(records))])
        ax.set_yticklabels(labels if ax is before else [], fontsize="small")
        ax.tick_params(axis="y", length=0)
        ax.spines[["left", "top", "right"]].set_visible(False)
    for ax in (before, after):
        ax.set(xlim=edges[[0, -1]], xticks=[tick for tick in (-3, 0, 3, 6) if tick <= edges[-1]])
        ax.grid(axis="x", alpha=0.3)
    shares.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0%", "50%", "100%"])
    _legend(shares, {kind for record in records for kind in _kinds(record)})
    return axes


def _kinds(record: Record) -> list[str]:
    return ["zero", "between"] + ["full"] * (FLAT[record.op][1] is not None)


def _edges(records: Sequence[Record]) -> np.ndarray:
    """Of the bins: all but one in a thousand numbers lie between them."""
    ends = np.array([np.nanquantile(record.forward.x, (0.001, 0.999)) for record in records])
    low, high = np.floor(min(ends[:, 0].min(), -3.5)), np.ceil(max(ends[:, 1].max(), 3.5))
    return np.linspace(low, high, int((high - low) * BINS_PER_UNIT) + 1)


def _histograms(before, after, record, edges, base):
    x, y = record.forward.x.ravel(), record.forward.y.ravel()
    bottom, top = FLAT[record.op]
    zero, full = x <= bottom[0], x >= top[0] if top else np.zeros(x.shape, bool)
    counts, _ = np.histogram(x, edges)
    scale = ROW / max(counts.max(), 1)
    split = np.searchsorted(edges, (bottom[0], top[0] if top else edges[-1]))
    for kind, (start, stop) in zip(WHERE, ((0, split[0]), split, (split[1], len(counts))), strict=True):
        if start < stop:
            _stairs(before, counts[start:stop] * scale, edges[start : stop + 1], base, WHERE[kind])
    passed, _ = np.histogram(y[~zero & ~full], edges)
    _stairs(after, np.minimum(passed * scale, ROW), edges, base, WHERE["between"])
    for kind, flat, end in (("zero", zero, bottom), ("full", full, top)):
        if flat.any():
            after.vlines(end[1], base, base + min(flat.sum() * scale, ROW), color=WHERE[kind], linewidth=2.5)


def _stairs(ax, heights, edges, base, colour):
    ax.stairs(heights + base, edges, baseline=base, fill=True, color=colour, linewidth=0)


def _shares(ax, record, base):
    s, left = record.statistics, 0.0
    zero, full = (s.closed, s.open) if record.op == "hard_sigmoid" else (s.zero, s.saturated or 0.0)
    for kind, share in zip(WHERE, (zero, 1 - zero - full, full), strict=True):
        ax.barh(base + ROW / 2, share, left=left, height=0.7 * ROW, color=WHERE[kind])
        left += share
    if s.dead:
        C = record.forward.x.shape[-1]
        ax.text(1.02, base + ROW / 2, f"{round(s.dead * C)} of {C} channels dead", fontsize="small", va="center")


def _legend(ax, kinds):
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=NAMES[kind]) for kind, colour in WHERE.items() if kind in kinds]
    ax.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1, 0), borderaxespad=2.5, fontsize="small", frameon=False
    )
