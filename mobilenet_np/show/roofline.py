"""The layers of a network under the roof of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..costs import Cost
from ..errors import check
from ..measured import Machine
from .style import GREY, OP_COLOURS, OP_NAMES, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roofline(cost: Cost, machine: Machine, seconds: Mapping[str, float] | None = None, ax: Axes | None = None) -> Axes:
    """How fast each layer could be at most on a machine, and how fast it is.

    At the left, layers do few MACs for each byte that they read and write, and wait for memory; at the right they wait
    for the multipliers. Depthwise convolutions are at the left, which is why they cost more time than their few MACs
    let expect.

    Parameters
    ----------
    cost : Cost
        For one image.
    machine : Machine
        From `mobilenet_np.measured.machine`.
    seconds : dict, optional
        That each layer took, from `mobilenet_np.measured.layer_seconds`. Without it, points are on the roof of memory.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax, (6.4, 4.4))
    layers = [(row, cost.explain(row.name)) for row in cost.rows if row.macs]
    missing = [row.name for row, _ in layers if seconds is not None and row.name not in seconds]
    check(not missing, f"show.roofline: seconds has no {', '.join(missing)}; it must be of the same network")
    for (op, colour), marker in zip(OP_COLOURS.items(), "sovD^", strict=True):
        of_op = [(row, float(what.intensity)) for row, what in layers if row.op == op]
        if of_op:
            rates = [_rate(row, x, machine, seconds) / 1e9 for row, x in of_op]
            sizes = [20 + 180 * row.macs / max(row.macs for row, _ in layers) for row, _ in of_op]
            x = [x for _, x in of_op]
            ax.scatter(x, rates, sizes, color=colour, marker=marker, alpha=0.7, linewidths=0, label=OP_NAMES[op])
    intensities = [float(what.intensity) for _, what in layers]
    x = np.geomspace(min(intensities) / 2, max(*intensities, 4 * _ridge(machine)) * 2, 200)
    for cache, dashes, where in ((False, "-", "memory"), (True, "--", "the cache")):
        bandwidth = machine.cache_bytes_per_second if cache else machine.memory_bytes_per_second
        roof = [machine.attainable(i, cache) / 1e9 for i in x]
        ax.plot(x, roof, dashes, color=GREY, zorder=1, label=f"roof: {bandwidth / 1e9:.0f} GB/s from {where}")
    ax.set(xscale="log", yscale="log", xlabel="MACs for each byte moved", ylabel="10⁹ MACs a second")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    peak, s = machine.macs_per_second / 1e9, "s" if machine.threads > 1 else ""
    ax.set_title(f"{cost.architecture.model} under {peak:.0f} · 10⁹ MACs a second, {machine.threads} thread{s}")
    ax.grid()
    ax.legend(fontsize="small", loc="lower right")
    return ax


def _rate(row, intensity, machine, seconds) -> float:
    return machine.attainable(intensity) if seconds is None else row.macs / seconds[row.name]


def _ridge(machine: Machine) -> float:
    """MACs a byte from which on the multipliers are what a layer waits for."""
    return machine.macs_per_second / machine.memory_bytes_per_second
