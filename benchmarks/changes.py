"""This version beside earlier ones: training steps, or compiled networks, of commits that take turns."""

from __future__ import annotations

import io
import itertools
import subprocess
import tarfile
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from mobilenet_np.show.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

from . import arguments, peers, side_by_side, steps
from .figures import figure
from .processes import started
from .roof import network_ms, roofline, step_ms
from .side_by_side import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
SHORT = None  # which commits, somebody must say
TITLES = {"ours": "Training steps of earlier versions", "compile": "Compiled networks of earlier versions"}
ROOT = Path(__file__).parents[1]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    parser.add_argument("commits", nargs="+", help="as git names them, in the order in which they are to be shown")
    parser.add_argument("--inference", action="store_true", help="compiled networks, not training steps")
    arguments.add_models(parser)
    parser.add_argument("--shapes", nargs="+", help=f"by default 32x96, for inference 1x224; {steps.SHAPES}")
    arguments.add_threads(parser)
    arguments.add_seconds(parser, 30, "model, shape and number of threads")


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, shape and number of threads.

    Commits whose functions the benchmarks of today cannot call are left out, and the table says why.
    """
    ours, build, check, least = (
        ("compile", peers.build, peers.check, network_ms)
        if a.inference
        else ("ours", steps.build, steps.check, step_ms)
    )
    sizes = arguments.sizes(a.models, a.shapes or ["1x224" if a.inference else "32x96"], a.threads)
    rows = []
    with tempfile.TemporaryDirectory() as room:
        folders = {f"{ours} {commit}": checked_out(commit, Path(room)) for commit in a.commits}
        with tqdm(sizes, leave=False, disable=None) as bar:
            for size in bar:
                bar.set_description(f"{size}; the first time every commit is compiled")
                net = peers.our_network(size.model)
                with started([*folders, ours], build, folders) as contenders:
                    roof = least(net, size.batch, size.resolution, roofline(size.threads))
                    rows.append(side_by_side.row(contenders, size, check, ours, a.seconds, roof))
    return rows


def checked_out(commit: str, room: Path) -> Path:
    """A folder in ``room`` with the package as it was.

    Raises
    ------
    SystemExit
        With what git says, where it knows no such commit or this is no clone.
    """
    command = ["git", "-C", str(ROOT), "archive", commit, "mobilenet_np"]
    try:
        packed = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise SystemExit("changes: compares commits of a git clone, and there is no git") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"changes: {error.stderr.decode().strip()}") from None
    folder = Path(tempfile.mkdtemp(dir=room))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def plot(rows: list[dict]) -> Figure:
    """How many times as long as now each commit took: medians and quartiles, a line for each network and size."""
    names = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    drawn = figure(max(6.5, 1.1 * len(names)), 4.5)
    ax = drawn.subplots()
    for row, colour, marker in zip(rows, itertools.cycle(COLOURS), itertools.cycle("os^Dv"), strict=False):
        shown = [name for name in names if name in row["ratios"]]
        low, middle, high = zip(*(row["ratios"][name] for name in shown), strict=True)
        x = [names.index(name) for name in shown]
        ax.plot(x, middle, color=colour, marker=marker, label=side_by_side.name(row))
        ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set_xticks(range(len(names)), [name.partition(" ")[2] or "now" for name in names], rotation=45, ha="right")
    ax.set(ylabel="times as long as now", ylim=(0, None), title=TITLES[rows[0]["ours"]])
    ax.grid(axis="y")
    ax.legend()
    return drawn
