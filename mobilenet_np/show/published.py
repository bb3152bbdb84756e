"""What is published: accuracy against cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..costs import cost
from ..costs.accuracies import accuracies
from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILIES = {  # colour and marker
    "v1": (ORANGE, "s"),
    "v2": (BLUE, "o"),
    "v3-large": (VERMILLION, "D"),
    "v3-small": (GREEN, "^"),
    "v3, minimalistic": (PURPLE, "v"),
}


def accuracy_against_macs(ax: Axes | None = None) -> Axes:
    """Top-1 accuracy of all released weights against MACs, and the front: nothing left of it is as accurate.

    Parameters
    ----------
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax, (7.6, 5.0))
    points = {
        accuracy: (cost(accuracy.model, accuracy.width, accuracy.resolution, convention=accuracy.convention).macs / 1e6)
        for accuracy in accuracies()
    }
    for family, (colour, marker) in FAMILIES.items():
        members = [a for a in points if _family(a.model) == family]
        x, y = [points[a] for a in members], [float(a.top1) for a in members]
        ax.plot(x, y, marker, color=colour, markersize=6, label=family, linestyle="none")
    front, best = [], 0.0
    for accuracy, macs in sorted(points.items(), key=lambda point: (point[1], -float(point[0].top1))):
        if float(accuracy.top1) > best:
            best = float(accuracy.top1)
            front.append((macs, best, accuracy))
    x, y, _ = zip(*front, strict=True)
    ax.step(x, y, where="post", color=GREY, linewidth=1, zorder=1, label="front: width-resolution")
    for (macs, top1, accuracy), following in zip(front, [*x[1:], float("inf")], strict=True):
        if following < 1.03 * macs:  # the next one's text would lie upon it
            continue
        ax.annotate(
            f"{accuracy.width:g}-{accuracy.resolution}", (macs, top1), (-4, 5), textcoords="offset points",
            ha="right", fontsize="x-small",
        )  # fmt: skip
    ax.set(xscale="log", xlabel="million MACs", ylabel="top-1 accuracy on ImageNet, as published, %")
    ticks = [10, 20, 50, 100, 200, 500]
    ax.set_xlim(left=0.65 * min(x))  # room for the first one's text
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.grid()
    ax.legend(fontsize="small", loc="lower right")
    return ax


def _family(model: str) -> str:
    return "v3, minimalistic" if "minimalistic" in model else model
