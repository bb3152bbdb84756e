"""The MobileNet paradox: 3 % of V1's MACs are depthwise. What is their share of the time, in loops, NumPy and Numba?"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

import mobilenet_np as mn
from mobilenet_np.show.style import GREY, OP_COLOURS, OP_NAMES

from . import arguments, peers
from .figures import figure
from .timing import using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "1", "--loops-width", "0.25", "--loops-resolution", "32"]
PARTS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d", "linear")
REST = "BatchNorm, nonlinearities, pool"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--loops-width", type=float, default=0.25, help="loops are slow, and run a small network")
    parser.add_argument("--loops-resolution", type=int, default=64)
    arguments.add_threads(parser, [1])
    arguments.add_seconds(parser, 5, "form")


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row of MACs and rows of times for each of the two sizes, all shares of each op."""
    small = [("loops", a.loops_width, a.loops_resolution)]
    small += [(form, a.loops_width, a.loops_resolution) for form in ("numpy", "numba")]
    jobs = [(form, a.width, a.resolution) for form in ("numpy", "numba")] + small
    for form, width, resolution in tqdm(jobs, desc="validating", leave=False, disable=None):
        net, x = peers.our_network("v1", width), _image(resolution)
        with using(a.threads[0]), mn.form(form):
            peers.check_same(form, net.forward(x), peers.exact(net, x))
    rows = []
    with tqdm(jobs, leave=False, disable=None) as bar:
        for form, width, resolution in bar:
            bar.set_description(f"V1 in the form {form}")
            net, x = peers.our_network("v1", width), _image(resolution)
            size = dict(width=width, resolution=resolution, threads=a.threads[0])
            if not any(row["width"] == width and row["resolution"] == resolution for row in rows):
                rows.append(size | _row("MACs", _macs(net, resolution)))
            with using(a.threads[0]), mn.form(form):
                rows.append(size | _row(form, _seconds(net, x, 0 if form == "loops" else a.seconds)))
    return rows


def _image(resolution: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, resolution, resolution, 3), np.float32)


def _row(what: str, amounts: dict[str, float]) -> dict[str, Any]:
    total = sum(amounts.values())
    return dict(what=what, total=total, shares={op: amount / total for op, amount in amounts.items()})


def _macs(net: mn.Network, resolution: int) -> dict[str, float]:
    rows = mn.cost(net, resolution=resolution).rows
    return {op: sum(row.macs for row in rows if row.op == op) for op in PARTS}


def _seconds(net: mn.Network, x: np.ndarray, seconds: float) -> dict[str, float]:
    """Seconds of each op in a forward pass, medians; a single pass of the loops, which need no warming up."""
    runs: list[dict[str, float]] = []

    def timed(op: str, forward: Callable) -> Callable:
        def run(x: np.ndarray, train: bool = False) -> np.ndarray:
            start = time.perf_counter()
            y = forward(x, train)
            part = op if op in PARTS else REST
            runs[-1][part] = runs[-1].get(part, 0.0) + time.perf_counter() - start
            return y

        return run

    leaves = [leaf for _, leaf in net.walk()]
    for leaf in leaves:
        leaf.forward = timed(leaf.op, leaf.forward)
    end = time.perf_counter() + seconds
    while not runs or (seconds and (len(runs) < 6 or time.perf_counter() < end)):
        runs.append({})
        net.forward(x)
    for leaf in leaves:
        del leaf.forward  # the class's own method comes back
    counted = runs[1:] or runs
    return {op: float(np.median([run[op] for run in counted])) for op in (*PARTS, REST)}


def table(rows: list[dict]) -> str:
    """Shares in percent."""
    names = [*(OP_NAMES[op] for op in PARTS), REST]
    lines = [f"{'V1':34s}{'total':>12s}" + "".join(f"{name:>{len(name) + 3}s}" for name in names)]
    for row in rows:
        total = f"{row['total'] / 1e6:.1f} M" if row["what"] == "MACs" else f"{1e3 * row['total']:.1f} ms"
        line = f"{_label(row):34s}{total:>12s}"
        for op, name in zip((*PARTS, REST), names, strict=True):
            line += f"{100 * row['shares'].get(op, 0):{len(name) + 1}.1f} %"
        lines.append(line)
    return "\n".join(lines)


def _label(row: dict) -> str:
    return f"{row['what']}, width {row['width']:g}, {row['resolution']}x{row['resolution']}"


def plot(rows: list[dict]) -> Figure:
    """A bar for each row, cut into the shares of the ops."""
    drawn = figure(9, 1.7 + 0.42 * len(rows))
    ax = drawn.subplots()
    left = np.zeros(len(rows))
    for op in (*PARTS, REST):
        shares = np.array([100 * row["shares"].get(op, 0) for row in rows])
        colour = OP_COLOURS.get(op, GREY)
        bars = ax.barh(range(len(rows)), shares, left=left, color=colour, height=0.65, label=OP_NAMES.get(op, op))
        if op == "depthwise_conv2d":
            ax.bar_label(bars, [f"{share:.0f} %" for share in shares], label_type="center", fontsize=8)
        left += shares
    ax.set(xlim=(0, 100), xlabel="share of the MACs, of the time, %")
    s = "s" if rows[0]["threads"] > 1 else ""
    ax.set_title(f"MobileNet V1, inference op by op, {rows[0]['threads']} thread{s}: few MACs, and their time")
    ax.set_yticks(range(len(rows)), [_label(row) for row in rows])
    ax.invert_yaxis()
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn
