"""Training steps: ours beside PyTorch eager in both layouts and Keras; milliseconds and peak memory."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tqdm import tqdm

from . import arguments, peers, side_by_side, steps
from .memory import SYSTEM_TELLS
from .processes import started
from .roof import roofline, step_ms
from .side_by_side import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "4", "--shapes", "8x96"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)
    parser.add_argument("--shapes", nargs="+", default=["32x96", "16x224"], help=steps.SHAPES)
    arguments.add_threads(parser)
    arguments.add_seconds(parser, 20, "model, shape and number of threads")


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, shape and number of threads."""
    rows = []
    with tqdm(arguments.sizes(a.models, a.shapes, a.threads), leave=False, disable=None) as bar:
        for size in bar:
            bar.set_description(str(size))
            least = step_ms(peers.our_network(size.model), size.batch, size.resolution, roofline(size.threads))
            with started(steps.NAMES, steps.build) as contenders:  # afresh, or they would use the last size's memory
                row = side_by_side.row(contenders, size, steps.check, "ours", a.seconds, least)
                if SYSTEM_TELLS:
                    row["peak_mb"] = {name: contenders[name].peak_mb() for name in row["ms"]}
            rows.append(row)
    return rows


def plot(rows: list[dict]) -> Figure:
    """Everybody beside our step; time at the left, and peak memory where the system tells it."""
    return side_by_side.plot(rows, "A training step, beside ours")
