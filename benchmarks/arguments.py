"""Options that several commands have."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable

from mobilenet_np.threads import available

from .peers import SOURCES
from .sizes import Size


def add_models(parser: ArgumentParser, default: list[str] | None = None) -> None:
    parser.add_argument("--models", nargs="+", default=default or list(SOURCES), choices=list(SOURCES))


def add_threads(parser: ArgumentParser, default: list[int] | None = None) -> None:
    parser.add_argument("--threads", nargs="+", type=int, default=default or [available()])


def add_seconds(parser: ArgumentParser, default: float, per: str) -> None:
    parser.add_argument("--seconds", type=float, default=default, help=f"per {per}, {default:g} by default")


def sizes(models: Iterable[str], shapes: Iterable[str], threads: Iterable[int]) -> list[Size]:
    """Every model at every shape, "batch x resolution", on every number of threads."""
    pairs = [tuple(map(int, shape.split("x"))) for shape in shapes]
    return [Size(model, *pair, count) for model in models for pair in pairs for count in threads]
