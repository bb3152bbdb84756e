"""How much gradient reaches each layer."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..errors import check
from .style import OP_COLOURS, OP_NAMES, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..models import Network
    from ..trace.traced import Trace

STRIP = "#8a929c26"


def gradient_norms(net: Network | Trace, ax: Axes | None = None) -> Axes:
    """Norm of the gradient of every layer's weights, from the image at the left to the classes at the right.

    Open circles at the bottom are gradients that are exactly 0. A gate has two: those of its two matrices.

    Parameters
    ----------
    net : Network or Trace
        A network after a backward pass, or a trace.
    ax : Axes, optional

    Returns
    -------
    ax : Axes

    Raises
    ------
    ValueError
        If no backward pass has run.
    """
    grads = net.grads
    check(bool(grads), "show.gradient_norms: there are no gradients yet; call forward(x, train=True) and backward(dy)")
    ax = axes_or_new(ax, (9.5, 3.6))
    weights = {name: grad for name, grad in grads.items() if name.rpartition(".")[2] in ("w", "w1", "w2")}
    norms = {name: float(np.linalg.norm(grad)) for name, grad in weights.items()}
    lowest = min((norm for norm in norms.values() if norm > 0), default=1.0) / 3
    rows = [row for row in net.architecture.rows if row.op in OP_COLOURS]
    for op, colour in OP_COLOURS.items():
        points = [
            (position, norm)
            for position, row in enumerate(rows)
            for name, norm in norms.items()
            if row.op == op and name.startswith(f"{row.name}.")
        ]
        above, zeros = [p for p in points if p[1] > 0], [(x, lowest) for x, norm in points if norm == 0]
        if points:
            ax.plot(*np.reshape(above, (-1, 2)).T, "o", color=colour, label=OP_NAMES[op])
        if zeros:  # they have no logarithm
            ax.plot(*np.transpose(zeros), "o", color=colour, markerfacecolor="none")
    if 0 in norms.values():
        ax.plot([], [], "o", color="#8a929c", markerfacecolor="none", label="exactly 0")
    _blocks(ax, rows)
    ax.set(yscale="log", xlim=(-0.7, len(rows) - 0.3), ylabel="norm of the gradient")
    ax.grid(axis="y", alpha=0.3)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False, handlelength=1)
    return ax


def _blocks(ax, rows):
    """A strip behind every other block, and its name below."""
    start, ticks = 0, {}
    for number, (name, group) in enumerate(groupby(rows, key=lambda row: row.name.partition(".")[0])):
        stop = start + len(list(group))
        ticks[name.removeprefix("block")] = (start + stop - 1) / 2
        if number % 2:
            ax.axvspan(start - 0.5, stop - 0.5, color=STRIP, linewidth=0)
        start = stop
    ax.set_xticks(list(ticks.values()), list(ticks))
    for label in ax.get_xticklabels():
        label.set_rotation(0 if label.get_text().isdigit() else 90)
        label.set_fontsize("small")
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("block")
