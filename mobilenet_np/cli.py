"""The command ``mobilenet-np``.

Exit code 0: all right. 1: something that was checked is wrong, or cannot run. 2: the command was not understood.
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from .choose import choose, table
from .convention import SOURCES
from .costs import cost
from .costs.quantity import quantity
from .counted import execute
from .errors import check
from .measured import explain
from .models import build
from .tables import TABLES
from .tour import cases, environment, tour
from .warmup import warmup

OK, WRONG, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its words; by default those of the command line.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> main(["cost", "v1", "--width", "0"])  # what is wrong goes to stderr
    2
    """
    try:
        arguments = _parser().parse_args(argv)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or OK)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError) as error:
        return _fail(error, MISUSED)
    except (OSError, ImportError, ArithmeticError) as error:
        return _fail(error, WRONG)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mobilenet-np", description="MobileNet V1, V2 and V3 in NumPy.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    add = commands.add_parser("tour", help="show everything on real input, and write a report to read")
    add.add_argument("--out", default="report.html", metavar="FILE", help="the report (report.html)")
    add.add_argument("--seed", type=_count, default=0, help="of everything random (0)")
    add.add_argument("--quick", action="store_true", help="fewer epochs of training")
    add.set_defaults(run=_tour)

    add = commands.add_parser("cost", help="parameters, multiplications and memory of a network, from closed forms")
    _add_network(add)
    add.set_defaults(run=_cost)

    add = commands.add_parser("explain", help="where the numbers of one layer or block come from")
    _add_network(add)
    add.add_argument("name", help="block3, block3.depthwise, stem; mobilenet-np cost MODEL lists them")
    add.set_defaults(run=_explain)

    add = commands.add_parser("reconcile", help="which number did you read? what papers and tools count in a network")
    _add_network(add)
    add.add_argument("number", nargs="?", help="only what gives this number: 320300008, 320.3M, 0.32G")
    add.set_defaults(run=_reconcile)

    add = commands.add_parser("choose", help="the most accurate released networks within limits")
    add.add_argument("--max-macs", type=_quantity, metavar="N", help="multiplications for one image: 100M, 0.3G")
    add.add_argument("--max-params", type=_quantity, metavar="N", help="trainable parameters: 3M")
    add.add_argument("--max-ms", type=float, metavar="MS", help="milliseconds for one image, measured now")
    add.add_argument("--json", action="store_true", help="print JSON and nothing else")
    add.set_defaults(run=_choose)

    add = commands.add_parser("gradcheck", help="check backward passes against the derivative of the forward passes")
    add.add_argument("names", nargs="*", metavar="name", help="a part of the names to check, like conv2d (everything)")
    add.add_argument("--seed", type=_count, default=0, help="of the numbers to check with (0)")
    add.add_argument("--json", action="store_true", help="print JSON and nothing else")
    add.set_defaults(run=_gradcheck)

    add = commands.add_parser("warmup", help="compile all kernels now, so that nothing has to wait for it later")
    add.set_defaults(run=_warmup)

    add = commands.add_parser("info", help="versions, cores, and where compiled kernels are kept")
    add.add_argument("--json", action="store_true", help="print JSON and nothing else")
    add.set_defaults(run=_info)
    return parser


def _add_network(add: argparse.ArgumentParser) -> None:
    add.add_argument("model", help=", ".join(TABLES))
    add.add_argument("--width", type=float, default=1.0, help="width multiplier (1.0)")
    add.add_argument("--resolution", type=_resolution, default=224, help="side, or HEIGHTxWIDTH, of the image (224)")
    add.add_argument("--classes", type=int, default=1000, help="(1000)")
    add.add_argument("--convention", default="tf", help=f"whose rounding and padding: {', '.join(SOURCES)} (tf)")
    add.add_argument("--json", action="store_true", help="print JSON and nothing else")


# ---------------------------------------------------------------------------------------------------------------------
# The commands


def _tour(arguments: argparse.Namespace) -> int:
    return OK if tour(arguments.out, arguments.seed, arguments.quick) else WRONG


def _cost(arguments: argparse.Namespace) -> int:
    result = cost(arguments.model, arguments.width, arguments.resolution, arguments.classes, arguments.convention)
    if not arguments.json:
        print(result)
        return OK
    # Counted from a network that really ran: with the products with padding zeros, as all published counts are, and
    # without them, as our kernels skip them.
    ran = execute(result.architecture, arguments.resolution)
    counts = {"macs_executed": ran.macs, "macs_executed_in_bounds": ran.macs_in_bounds}
    print(json.dumps(result.to_dict() | counts, indent=2))
    return OK


def _explain(arguments: argparse.Namespace) -> int:
    net = build(arguments.model, arguments.width, arguments.classes, arguments.convention)
    what = explain(net, arguments.name, arguments.resolution)
    print(json.dumps(what.to_dict(), indent=2) if arguments.json else what)
    return OK if what.agrees else WRONG


def _reconcile(arguments: argparse.Namespace) -> int:
    result = cost(arguments.model, arguments.width, arguments.resolution, arguments.classes, arguments.convention)
    found = result.reconcile()
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


def _gradcheck(arguments: argparse.Namespace) -> int:
    chosen = [case for case in cases(arguments.seed) if _wanted(case.name, arguments.names)]
    check(bool(chosen), f"gradcheck: nothing is named {' or '.join(arguments.names)}; try one of {_names()}")
    reports, wrong = [], 0
    for case in chosen:
        report = case.run()
        wrong += not report.ok
        worst = max(row.error for row in report.rows)
        reports.append({"kind": case.kind, "name": case.name, "ok": report.ok, "method": report.method, "error": worst})
        if not arguments.json:
            print(f"{'ok' if report.ok else 'WRONG':<6} error {worst:.1e}  {case.kind:<8} {case.name}", flush=True)
            if not report.ok:
                print(report)
    if arguments.json:
        print(json.dumps(reports, indent=2))
    else:
        print(f"{len(chosen) - wrong} of {len(chosen)} right")
    return WRONG if wrong else OK


def _warmup(arguments: argparse.Namespace) -> int:
    print(f"all kernels are compiled ({warmup():.1f} s)")
    return OK


def _info(arguments: argparse.Namespace) -> int:
    what = environment()
    if arguments.json:
        print(json.dumps(what, indent=2))
    else:
        print("\n".join(f"{name:<14} {value}" for name, value in what.items()))
    return OK


# ---------------------------------------------------------------------------------------------------------------------
# Words


def _wanted(name: str, parts: list[str]) -> bool:
    return not parts or any(part.lower() in name.lower() for part in parts)


def _names() -> str:
    return ", ".join(dict.fromkeys(case.name.partition(",")[0] for case in cases() if case.kind == "op"))


def _resolution(text: str) -> int | tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a side (224) nor height x width (97x160)")
    height, width = match.groups()
    return (int(height), int(width)) if width else int(height)


def _quantity(text: str) -> int:
    try:
        return int(quantity(text)[0])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _fail(error: Exception, code: int) -> int:
    print(f"mobilenet-np: {' '.join(str(error).split())}", file=sys.stderr)
    return code
