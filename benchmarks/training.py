"""Training steps: ours beside PyTorch eager in both layouts and Keras; milliseconds and peak memory."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from mobilenet_np.measured import machine

from . import arguments, peers, side_by_side
from .memory import SYSTEM_TELLS, peak_mb
from .roof import step_ms
from .side_by_side import table
from .steps import steps
from .timing import using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "4", "--shapes", "8x96"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)
    parser.add_argument("--shapes", nargs="+", default=["32x96", "16x224"], help="batch x resolution")
    arguments.add_threads(parser)
    arguments.add_seconds(parser, 20, "model, shape and number of threads")


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, shape and number of threads."""
    rows = []
    for model in a.models:
        for batch, resolution in (map(int, shape.split("x")) for shape in a.shapes):
            rng = np.random.default_rng(0)
            x = rng.standard_normal((batch, resolution, resolution, 3), np.float32)
            labels = rng.integers(0, 1000, batch)
            for threads in a.threads:
                net = peers.our_network(model)
                with using(threads):
                    calls = steps(net, x, labels)
                    least = step_ms(net, batch, resolution, machine())
                    labelled = dict(model=model, batch=batch, resolution=resolution, threads=threads)
                    row = side_by_side.row(calls, "ours", a.seconds, least, **labelled)
                names = list(calls) if SYSTEM_TELLS else []
                with tqdm(names, desc=f"{model} memory", leave=False, disable=None) as bar:
                    row["peak_mb"] = {name: peak_mb(name, model, batch, resolution, threads) for name in bar}
                rows.append(row)
    return rows


def plot(rows: list[dict]) -> Figure:
    """Everybody beside our step; time at the left, and peak memory where the system tells it."""
    return side_by_side.plot(rows, "A training step, beside ours")
