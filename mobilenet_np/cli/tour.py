"""``tour``: everything on real input, with a report."""

from __future__ import annotations

import argparse

from ..tour import tour
from .words import OK, WRONG, add_seed


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this file's command."""
    add = commands.add_parser("tour", help="show everything on real input, and write a report to read")
    add.add_argument("--out", default="report.html", metavar="FILE", help="the report (report.html)")
    add_seed(add, "everything random")
    add.add_argument("--quick", action="store_true", help="fewer epochs of training")
    add.set_defaults(run=_tour)


def _tour(arguments: argparse.Namespace) -> int:
    return OK if tour(arguments.out, arguments.seed, arguments.quick) else WRONG
