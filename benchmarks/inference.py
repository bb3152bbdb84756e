"""Whole networks, inference: ours beside every other library that is installed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import numpy as np

from mobilenet_np.measured import machine

from . import arguments, peers, side_by_side
from .roof import network_ms
from .side_by_side import table
from .timing import using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "2", "--batch", "1", "8"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32])
    arguments.add_threads(parser, [1, 2])
    parser.add_argument("--resolution", type=int, default=224)
    arguments.add_seconds(parser, 10, "model, batch and number of threads")


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads."""
    if absent := peers.missing():
        print(f"not installed, and so not compared: {', '.join(absent)}")
    rows = []
    for model in a.models:
        net = peers.our_network(model)
        for batch in a.batch:
            x = np.random.default_rng(0).standard_normal((batch, a.resolution, a.resolution, 3), np.float32)
            for threads in a.threads:
                calls = peers.contenders(net, x, threads)
                with using(threads):
                    peers.validate(calls)
                    least = network_ms(net, batch, a.resolution, machine())
                    labels = dict(model=model, batch=batch, resolution=a.resolution, threads=threads)
                    rows.append(side_by_side.row(calls, "compile", a.seconds, least, **labels))
    return rows


def plot(rows: list[dict]) -> Figure:
    """Everybody beside `mobilenet_np.compile`."""
    return side_by_side.plot(rows, "Inference, beside mn.compile")
