"""Whole networks, inference: ours beside every other library that is installed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from . import networks, peers, side_by_side
from .side_by_side import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "2", "--batch", "1", "8"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    networks.options(parser, threads=[1, 2])


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads."""
    if absent := peers.missing():
        print(f"not installed, and so not compared: {', '.join(absent)}")
    return networks.run(a, "compile", peers.NAMES, peers.build)


def plot(rows: list[dict]) -> Figure:
    """Everybody beside `mobilenet_np.compile`."""
    return side_by_side.plot(rows, "Inference, beside mn.compile")
