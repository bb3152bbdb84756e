"""The command ``mobilenet-np``: a file for each group of commands, which adds them and runs them.

Exit code 0: all right. 1: something that was checked is wrong, or cannot run. 2: the command was not understood.
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ..course.commands import add_course
from . import costs, gradients, layers, machine, tour
from .words import INTERRUPTED, MISUSED, OK, WRONG

__all__ = ["main"]

_GROUPS = (tour, costs, layers, gradients, machine)  # in the order of the help


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
    for group in _GROUPS:
        group.add_commands(commands)
    add_course(commands)
    return parser


def _fail(error: Exception, code: int) -> int:
    print(f"mobilenet-np: {' '.join(str(error).split())}", file=sys.stderr)
    return code
