"""Options that several commands have."""

from __future__ import annotations

from argparse import ArgumentParser

from mobilenet_np.threads import available

from .peers import SOURCES


def add_models(parser: ArgumentParser, default: list[str] | None = None) -> None:
    parser.add_argument("--models", nargs="+", default=default or list(SOURCES), choices=list(SOURCES))


def add_threads(parser: ArgumentParser, default: list[int] | None = None) -> None:
    parser.add_argument("--threads", nargs="+", type=int, default=default or [available()])


def add_seconds(parser: ArgumentParser, default: float, per: str) -> None:
    parser.add_argument("--seconds", type=float, default=default, help=f"per {per}, {default:g} by default")
