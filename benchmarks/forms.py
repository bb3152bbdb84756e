"""The plain forward pass, op by op, in the forms "numba" and "numpy", beside PyTorch, op by op."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import mobilenet_np as mn

from . import networks, peers, side_by_side
from .side_by_side import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "2", "--batch", "1"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    networks.options(parser)


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads."""
    return networks.run(a, "numba", _contenders)


def _contenders(net, x, threads):
    others = peers.contenders(net, x, threads, ("torch NCHW", "torch NHWC"))
    return {form: _in_form(form, net, x) for form in ("numba", "numpy")} | others


def _in_form(form, net, x):
    def call():
        with mn.form(form):
            return net.forward(x)

    return call


def plot(rows: list[dict]) -> Figure:
    """NumPy and PyTorch beside the form "numba"."""
    return side_by_side.plot(rows, "net.forward, op by op, beside its form “numba”")
