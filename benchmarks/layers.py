"""Where the time of a compiled network goes: each step of its plan by itself, on one thread, against the roofline."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

import mobilenet_np as mn
from mobilenet_np.infer.plan import CHANNELS, COPY, NONE, PRODUCT, ROWS, STEM
from mobilenet_np.measured import Machine, machine
from mobilenet_np.show.style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from mobilenet_np.threads import desks

from . import arguments
from .figures import figure, plain_numbers
from .peers import check_same, exact, our_network
from .roof import least_ms
from .timing import using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT: list[str] = []
KINDS = {COPY: "COPY", STEM: "STEM", ROWS: "ROWS", CHANNELS: "CHANNELS", PRODUCT: "PRODUCT"}  # MobileNets' own
WHOLE = "whole network"
LOOKS = dict(zip(KINDS.values(), zip((GREY, VERMILLION, BLUE, ORANGE, PURPLE), "Xsovd", strict=True), strict=True))


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=30, help="of which the fastest counts")


def multiplications(step: np.void) -> int:
    """What a step must multiply, the recomputed rows at the borders of tiles left out."""
    s = _fields(step)
    expand = s["H"] * s["W"] * s["c_in"] * s["c_mid"] if s["w_expand"] != NONE else 0
    depthwise = s["Ho"] * s["Wo"] * s["c_mid"] * s["kernel"] ** 2
    return {
        STEM: s["Ho"] * s["Wo"] * 27 * s["c_out"],
        ROWS: expand + depthwise + s["Ho"] * s["Wo"] * s["c_mid"] * s["c_out"],
        CHANNELS: expand + depthwise,
        PRODUCT: s["M"] * s["c_in"] * s["c_out"],
    }.get(s["kind"], 0)


def moved(step: np.void) -> int:
    """Bytes that a step must read and write: its input, its output and its weights, each once."""
    s = _fields(step)
    image, result = s["H"] * s["W"], s["Ho"] * s["Wo"]
    expand = s["c_in"] * s["c_mid"] if s["w_expand"] != NONE else 0
    depthwise = s["kernel"] ** 2 * s["c_mid"]
    return 4 * {
        COPY: (image + result) * 3,
        STEM: image * 3 + result * s["c_out"] + 27 * s["c_out"],
        ROWS: image * s["c_in"] + result * s["c_out"] + expand + depthwise + s["c_mid"] * s["c_out"],
        CHANNELS: image * s["c_in"] + result * s["c_mid"] + expand + depthwise,
        PRODUCT: s["M"] * s["c_in"] + (1 if s["pool"] else s["M"]) * s["c_out"] + s["c_in"] * s["c_out"],
    }[s["kind"]]  # fmt: skip


def _fields(step: np.void) -> dict[str, int]:
    return {name: int(step[name]) for name in step.dtype.names if name != "slope"}


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each step of each model, and one for the whole network, with the least times."""
    rows = []
    with using(1), tqdm(a.models, leave=False, disable=None) as bar:
        here = machine()
        for model in bar:
            bar.set_description(model)
            rows += _steps(model, a.resolution, a.repeats, here)
    return rows


def _steps(model: str, resolution: int, repeats: int, here: Machine) -> list[dict]:
    from mobilenet_np.infer.run import Work, on_all_threads

    net = our_network(model)
    fast = mn.compile(net)
    x = np.random.default_rng(0).standard_normal((1, resolution, resolution, 3), np.float32)
    check_same("compile", fast(x), exact(net, x))
    steps = fast._plan(1, resolution, resolution)
    room = fast._taken([], steps, 1, 1, True)
    images, nothing, rows = x.reshape(1, -1), steps.heads[:0], []
    pieces = [(steps.steps[i : i + 1], nothing) for i in range(len(steps.steps))]
    pieces += [(steps.steps[:0], steps.heads[i : i + 1]) for i in range(len(steps.heads))]
    for body, head in [(steps.steps, steps.heads), *pieces]:
        seconds = np.inf
        for _ in range(repeats):
            room.counters[:] = 0
            work = Work(
                body, head, fast._weights.array, images, room.spaces, room.scratches, room.head, steps.features,
                room.counters, True,
            )  # fmt: skip
            start = time.perf_counter()
            on_all_threads(desks, 1, work)
            seconds = min(seconds, time.perf_counter() - start)
        both = [*body, *head]
        counts = [(multiplications(step), moved(step)) for step in both]
        macs, bytes_ = (sum(column) for column in zip(*counts, strict=True))
        least = sum(least_ms(*count, here) for count in counts)
        row = dict(model=model, step=WHOLE if len(both) > 1 else KINDS[both[0]["kind"]], macs=macs, bytes=bytes_)
        row |= dict(fastest_ms=1e3 * seconds, gflops=2e-9 * macs / seconds, gbs=1e-9 * bytes_ / seconds, least_ms=least)
        rows.append(row | dict(peak_macs=here.macs_per_second, cache=here.cache_bytes_per_second))
    return rows


def table(rows: list[dict]) -> str:
    """A line for each step."""
    lines = [
        f"{'model':10s}{'step':>5s} {'kind':16s}{'MACs':>14s}{'bytes':>12s}{'us':>10s}{'GFLOP/s':>10s}{'GB/s':>8s}"
        f"{'of roof':>9s}"
    ]
    number = 0
    for row in rows:
        number, ms = 0 if row["step"] == WHOLE else number + 1, row["fastest_ms"]
        lines.append(
            f"{row['model']:10s}{number or '':>5} {row['step']:16s}{row['macs']:14,d}{row['bytes']:12,d}"
            f"{1e3 * ms:10.0f}{row['gflops']:10.1f}{row['gbs']:8.1f}{row['least_ms'] / ms:9.0%}"
        )
    return "\n".join(lines)


def plot(rows: list[dict]) -> Figure:
    """Steps under the roofline of one thread; a dot's area is its share of the network's time."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    drawn = figure(5.2 * min(2, len(models)), 0.5 + 3.6 * -(-len(models) // 2))
    panels = drawn.subplots(-(-len(models) // 2), min(2, len(models)), squeeze=False, sharex=True, sharey=True).flat
    for model, ax in zip(models, panels, strict=False):
        steps = [row for row in rows if row["model"] == model and row["step"] != WHOLE and row["macs"]]
        total = sum(row["fastest_ms"] for row in steps)
        x = [row["macs"] / row["bytes"] for row in steps]
        for kind, (colour, marker) in LOOKS.items():
            of_kind = [(i, row) for i, row in zip(x, steps, strict=True) if row["step"] == kind]
            if of_kind:
                sizes = [15 + 1500 * row["fastest_ms"] / total for _, row in of_kind]
                ax.scatter(
                    [i for i, _ in of_kind], [row["gflops"] for _, row in of_kind], sizes, color=colour, marker=marker,
                    alpha=0.7, linewidths=0, label=kind,
                )  # fmt: skip
        peak, cache = (2e-9 * steps[0][key] for key in ("peak_macs", "cache"))
        intensities = np.geomspace(min(x) / 2, max(x) * 2, 100)
        ax.plot(intensities, np.minimum(peak, cache * intensities), color=GREEN, zorder=1, label="roof")
        ax.set(xscale="log", yscale="log", xlabel="MACs for each byte", ylabel="GFLOP/s", title=model)
        plain_numbers(ax.xaxis)
        plain_numbers(ax.yaxis)
        ax.grid()
    handles = {label: h for ax in drawn.axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    legend = drawn.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6)
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([40])
    return drawn
