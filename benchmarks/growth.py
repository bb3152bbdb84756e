"""How the time grows with the batch, the resolution, the width and the number of threads, each by itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from mobilenet_np.threads import available

from . import arguments, peers, side_by_side
from .figures import LOOKS, figure, plain_numbers
from .processes import started
from .roof import network_ms, roofline
from .sizes import Size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "0.5", "--models", "v2", "--batches", "1", "4", "16", "--resolutions", "96", "224", "448",
         "--widths", "0.25", "1", "1.4"]  # fmt: skip
AXES = {"batch": "images at once", "resolution": "side of the image, pixels", "width": "width multiplier"}
AXES |= {"threads": "threads"}
WHO = ("compile", "forward", "torch NHWC", "onnxruntime", "openvino")


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--resolutions", nargs="+", type=int, default=[96, 128, 160, 192, 224, 288, 352, 448])
    parser.add_argument("--widths", nargs="+", type=float, default=[0.25, 0.35, 0.5, 0.75, 1.0, 1.4])
    arguments.add_threads(parser, list(range(1, available() + 1)))
    arguments.add_seconds(parser, 3, "point of a curve")


def points(a: Namespace) -> Iterator[tuple[str, Size]]:
    """What varies, and the size: one image of 224x224 at width 1 on one thread, but for what varies."""
    varied = dict(batch=a.batches, resolution=a.resolutions, width=a.widths, threads=a.threads)
    for model in a.models:
        for axis, values in varied.items():
            for value in values:
                yield axis, Size(model, batch=1, resolution=224, threads=1)._replace(**{axis: value})


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model and point of a curve."""
    rows = []
    with started(WHO, peers.build) as contenders, tqdm(list(points(a)), leave=False, disable=None) as bar:
        for axis, size in bar:
            bar.set_description(f"{size.model} {axis} {getattr(size, axis):g}")
            net = peers.our_network(size.model, size.width)
            least = network_ms(net, size.batch, size.resolution, roofline(size.threads))
            rows.append(side_by_side.row(contenders, size, peers.check, "compile", a.seconds, least) | {"axis": axis})
    return rows


def table(rows: list[dict]) -> str:
    """Milliseconds an image, and in brackets how many times as long as ours."""
    names = list(dict.fromkeys(name for row in rows for name in row["ms"]))
    lines = [f"{'ms an image':28s}{'roof':>8s}" + "".join(f"{name:>20s}" for name in names)]
    for row in rows:
        line = f"{row['model']:10s}{row['axis']:12s}{row[row['axis']]:<6g}{row['least_ms'] / row['batch']:8.2f}"
        for name in names:
            ms = row["ms"][name][1] / row["batch"] if name in row["ms"] else np.nan
            line += f"{ms:11.2f} ({row['ratios'].get(name, [0, np.nan])[1]:5.2f}x)"
        lines.append(line)
    return "\n".join(lines)


def plot(rows: list[dict]) -> Figure:
    """A row of panels for each model; bands are quartiles, the dashed line is the roof."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    drawn = figure(12, 0.6 + 2.9 * len(models))
    panels = drawn.subplots(len(models), len(AXES), squeeze=False, sharey="row")
    for model, line in zip(models, panels, strict=True):
        for (axis, label), ax in zip(AXES.items(), line, strict=True):
            shown = [row for row in rows if row["model"] == model and row["axis"] == axis]
            x, images = [row[axis] for row in shown], np.array([row["batch"] for row in shown])
            for name in dict.fromkeys(name for row in shown for name in row["ms"]):
                low, ms, high = np.array([row["ms"][name] for row in shown]).T / images
                colour, marker = LOOKS[name]
                ax.plot(x, ms, color=colour, marker=marker, markersize=4, label=name)
                ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            least = [row["least_ms"] / row["batch"] for row in shown]
            ax.plot(x, least, "--", color=LOOKS["loops"][0], label="roof")
            ax.set(xscale="log", yscale="log", xlabel=label)
            ax.set_xticks(x, [f"{value:g}" for value in x], rotation=45 if len(x) > 6 else 0)
            ax.minorticks_off()
            plain_numbers(ax.yaxis)
            ax.grid()
        line[0].set(ylabel="ms an image", title=model)
    drawn.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return drawn
