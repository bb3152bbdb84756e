"""The two multipliers of V1, width and resolution, against the laws that the paper gives for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..costs import Cost, cost
from .style import GREY, OP_COLOURS, OP_NAMES, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.4, 2.0)
RESOLUTIONS = (96, 128, 160, 192, 224, 256)


def width_law(model: str = "v1", widths: Sequence[float] = WIDTHS, ax: Axes | None = None) -> Axes:
    """MACs by kind of op against the width multiplier a, each relative to its own at width 1.

    A pointwise convolution combines all channels with all and follows a^2; a depthwise convolution looks at each
    channel alone and follows a (V1, section 3.3). Where points leave their line, channels were rounded to multiples of
    8, or do not shrink with the rest. Points of ops that follow one law lie upon each other, the larger ones below.

    Parameters
    ----------
    model : str
    widths : sequence of float
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    one = cost(model)
    ax = _relative(one, {width: cost(model, width) for width in widths}, ax)
    _laws(ax, widths, {"a²": lambda a: a**2, "a": lambda a: a})
    ax.set(xlabel="width multiplier a", ylabel="MACs, relative to width 1")
    ax.set_title(f"{model}: width")
    return ax


def resolution_law(model: str = "v1", resolutions: Sequence[int] = RESOLUTIONS, ax: Axes | None = None) -> Axes:
    """MACs by kind of op against the resolution multiplier rho, each relative to its own at 224 x 224.

    All convolutions follow rho^2 (V1, section 3.4), exactly where every stride halves without a rest. Fully connected
    layers and gates see no image any more, and cost the same at every resolution.

    Parameters
    ----------
    model : str
    resolutions : sequence of int
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    one = cost(model)
    ax = _relative(one, {side / 224: cost(model, resolution=side) for side in resolutions}, ax)
    _laws(ax, [side / 224 for side in resolutions], {"ρ²": lambda rho: rho**2})
    ax.set_xticks([side / 224 for side in resolutions], [str(side) for side in resolutions])
    ax.set(xlabel="resolution 224 ρ, in pixels", ylabel="MACs, relative to 224 × 224")
    ax.set_title(f"{model}: resolution")
    return ax


def _relative(one: Cost, costs: dict[float, Cost], ax: Axes | None) -> Axes:
    """Points for each op and for the sum, on two logarithmic axes, where a power is a straight line."""
    ax = axes_or_new(ax)
    x = list(costs)
    for (op, colour), marker, size in zip(OP_COLOURS.items(), "sovD^", (10, 8.5, 7, 5.5, 4), strict=True):
        base = one.macs_by_op[op]
        if base:
            y = [total.macs_by_op[op] / base for total in costs.values()]
            label = f"{OP_NAMES[op]}, {base / one.macs:.1%}"
            ax.plot(x, y, marker, color=colour, markersize=size, label=label, linestyle="none")
    ax.plot(x, [total.macs / one.macs for total in costs.values()], "k+", markersize=9, label="all", linestyle="none")
    ax.set_xscale("log")
    ax.set_yscale("log", base=2)
    ax.set_xticks(x, [f"{tick:g}" for tick in x])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}")
    ax.grid()
    return ax


def _laws(ax: Axes, x: Sequence[float], laws: dict[str, Callable[[float], float]]) -> None:
    ends = [min(x), max(x)]
    for (name, law), dashes in zip(laws.items(), ("-", "--"), strict=False):
        ax.plot(ends, [law(end) for end in ends], dashes, color=GREY, linewidth=1.2, label=name, zorder=1)
    ax.legend(fontsize="small")
