"""``warmup`` and ``info``: this machine, and the kernels compiled for it."""

from __future__ import annotations

import argparse
import json

from ..forms import HAVE_NUMBA
from ..tour import environment
from ..warmup import warmup
from .words import OK, add_json


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this file's commands."""
    add = commands.add_parser("warmup", help="compile all kernels now, so that nothing has to wait for it later")
    add.set_defaults(run=_warmup)

    add = commands.add_parser("info", help="versions, cores, and where compiled kernels are kept")
    add_json(add)
    add.set_defaults(run=_info)


def _warmup(_: argparse.Namespace) -> int:
    seconds = warmup()
    print(f"all kernels are compiled ({seconds:.1f} s)" if HAVE_NUMBA else "nothing to compile: Numba is not installed")
    return OK


def _info(arguments: argparse.Namespace) -> int:
    what = environment()
    if arguments.json:
        print(json.dumps(what, indent=2))
    else:
        print("\n".join(f"{name:<14} {value}" for name, value in what.items()))
    return OK
