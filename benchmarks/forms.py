"""The plain forward pass, op by op, in the forms "numba" and "numpy", beside PyTorch, op by op."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import numpy as np

import mobilenet_np as mn
from mobilenet_np.measured import machine

from . import arguments, peers, side_by_side
from .roof import network_ms
from .side_by_side import table
from .timing import using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "2", "--batch", "1"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32])
    arguments.add_threads(parser)
    parser.add_argument("--resolution", type=int, default=224)
    arguments.add_seconds(parser, 10, "model, batch and number of threads")


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads."""
    rows = []
    for model in a.models:
        net = peers.our_network(model)
        for batch in a.batch:
            x = np.random.default_rng(0).standard_normal((batch, a.resolution, a.resolution, 3), np.float32)
            for threads in a.threads:
                others = peers.contenders(net, x, threads, ("torch NCHW", "torch NHWC"))
                calls = {form: _in_form(form, net, x) for form in ("numba", "numpy")} | others
                with using(threads):
                    peers.validate(calls)
                    least = network_ms(net, batch, a.resolution, machine())
                    labels = dict(model=model, batch=batch, resolution=a.resolution, threads=threads)
                    rows.append(side_by_side.row(calls, "numba", a.seconds, least, **labels))
    return rows


def _in_form(form, net, x):
    def call():
        with mn.form(form):
            return net.forward(x)

    return call


def plot(rows: list[dict]) -> Figure:
    """NumPy and PyTorch beside the form "numba"."""
    return side_by_side.plot(rows, "net.forward, op by op, beside its form “numba”")
