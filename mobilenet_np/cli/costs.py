"""``cost``, ``reconcile``, ``choose``: what a network costs, and who counts it how."""

from __future__ import annotations

import argparse
import json

from ..choose import choose, table
from ..costs import Cost, cost
from ..counted import execute
from .words import OK, add_json, add_network, whole


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this file's commands."""
    add = commands.add_parser("cost", help="parameters, multiplications and memory of a network, from closed forms")
    add_network(add)
    add_json(add)
    add.set_defaults(run=_cost)

    add = commands.add_parser("reconcile", help="which number did you read? what papers and tools count in a network")
    add_network(add)
    add_json(add)
    add.add_argument("number", nargs="?", help="only what gives this number: 320300008, 320.3M, 0.32G")
    add.set_defaults(run=_reconcile)

    add = commands.add_parser("choose", help="the most accurate released networks within limits")
    add.add_argument("--max-macs", type=whole, metavar="N", help="multiplications for one image: 100M, 0.3G")
    add.add_argument("--max-params", type=whole, metavar="N", help="trainable parameters: 3M")
    add.add_argument("--max-ms", type=float, metavar="MS", help="milliseconds for one image, measured now")
    add_json(add)
    add.set_defaults(run=_choose)


def _cost(arguments: argparse.Namespace) -> int:
    result = _closed_form(arguments)
    if not arguments.json:
        print(result)
        return OK
    # Counted from a network that really ran: with the products with padding zeros, as all published counts are, and
    # without them, as our kernels skip them.
    ran = execute(result.architecture, arguments.resolution)
    counts = {"macs_executed": ran.macs, "macs_executed_in_bounds": ran.macs_in_bounds}
    print(json.dumps(result.to_dict() | counts, indent=2))
    return OK


def _reconcile(arguments: argparse.Namespace) -> int:
    found = _closed_form(arguments).reconcile()
    if arguments.number:
        found = found.reads(arguments.number)
    print(json.dumps(found.to_dict(), indent=2) if arguments.json else found)
    return OK


def _choose(arguments: argparse.Namespace) -> int:
    choices = choose(arguments.max_macs, arguments.max_params, arguments.max_ms)
    if arguments.json:
        print(json.dumps([choice.to_dict() for choice in choices], indent=2))
    else:
        print(table(choices) if choices else "none is within these limits")
    return OK


def _closed_form(arguments: argparse.Namespace) -> Cost:
    return cost(arguments.model, arguments.width, arguments.resolution, arguments.classes, arguments.convention)
