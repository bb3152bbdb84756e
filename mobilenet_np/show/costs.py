"""Where the multiplications are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..costs import Cost
from ..errors import check_choice
from .style import OP_COLOURS, OP_NAMES, ORANGE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def macs_by_block(cost: Cost, ax: Axes | None = None) -> Axes:
    """MACs of each block, stacked by kind of op, from the image at the left to the classes at the right.

    Parameters
    ----------
    cost : Cost
        From `mobilenet_np.cost`.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax)
    blocks: dict[str, dict[str, int]] = {}
    for row in cost.rows:
        if row.macs:
            ops = blocks.setdefault(row.name.partition(".")[0], {})
            ops[row.op] = ops.get(row.op, 0) + row.macs
    positions, bottom = range(len(blocks)), [0.0] * len(blocks)
    for op, colour in OP_COLOURS.items():
        heights = [ops.get(op, 0) / 1e6 for ops in blocks.values()]
        if any(heights):
            share = sum(heights) * 1e6 / cost.macs
            ax.bar(positions, heights, bottom=bottom, color=colour, label=f"{OP_NAMES[op]} {share:.1%}", width=0.8)
        bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
    ax.set_xticks(positions, [name.removeprefix("block") for name in blocks])
    for label in ax.get_xticklabels():
        label.set_rotation(0 if label.get_text().isdigit() else 90)
        label.set_fontsize("small")
    ax.tick_params(axis="x", length=0)
    ax.set(xlabel="block", ylabel="million MACs", ylim=(0, 1.4 * max(bottom)))  # the legend lies above the bars
    ax.set_title(f"{cost.architecture.model}: {cost.macs / 1e6:,.1f} million")
    ax.grid(axis="y")
    ax.legend(fontsize="small", handlelength=1, loc="upper left", ncols=2, columnspacing=1)
    return ax


def share_by_op(costs: Mapping[str, Cost], of: str = "macs", ax: Axes | None = None) -> Axes:
    """Shares of each kind of op in the MACs or the weights, a bar a network: V1's Table 2 for any of them.

    Parameters
    ----------
    costs : dict of Cost
        By the name to show.
    of : {"macs", "weights"}
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    check_choice("show.share_by_op", "of", of, ("macs", "weights"))
    ax = axes_or_new(ax, (6.4, 0.9 + 0.5 * len(costs)))
    left = [0.0] * len(costs)
    for op, colour in OP_COLOURS.items():
        counts = [getattr(cost, f"{of}_by_op") for cost in costs.values()]
        shares = [count[op] / sum(count.values()) for count in counts]
        if any(shares):
            bars = ax.barh(list(costs), shares, left=left, color=colour, label=OP_NAMES[op], height=0.7)
            texts = [f"{share:.1%}" if share > 0.04 else "" for share in shares]
            ax.bar_label(
                bars, texts, label_type="center", fontsize="small", color="white" if colour != ORANGE else "black"
            )
        left = [before + share for before, share in zip(left, shares, strict=True)]
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set(xlim=(0, 1), xlabel={"macs": "share of the MACs", "weights": "share of the weights"}[of])
    ax.tick_params(axis="y", length=0)
    ax.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handlelength=1)
    return ax
