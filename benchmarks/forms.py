"""The plain forward pass, op by op, in the forms "numba" and "numpy", beside PyTorch, op by op."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

import mobilenet_np as mn

from . import networks, peers, side_by_side
from .side_by_side import table
from .sizes import Size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = ("numba", "numpy")
SHORT = ["--seconds", "2", "--batch", "1"]
__all__ = ["SHORT", "options", "plot", "run", "table"]


def options(parser: ArgumentParser) -> None:
    networks.options(parser)


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads."""
    return networks.run(a, "numba", (*FORMS, "torch NCHW", "torch NHWC"), _build)


def _build(name: str, size: Size) -> Callable[[], np.ndarray]:
    call = peers.build("forward" if name in FORMS else name, size)

    def in_form():
        with mn.form(name):
            return call()

    return in_form if name in FORMS else call


def plot(rows: list[dict]) -> Figure:
    """NumPy and PyTorch beside the form "numba"."""
    return side_by_side.plot(rows, "net.forward, op by op, beside its form “numba”")
