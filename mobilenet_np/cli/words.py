"""What the commands have in common: exit codes, the options that choose a network, and numbers as words."""

from __future__ import annotations

import argparse
import re

from ..convention import SOURCES
from ..costs.quantity import quantity
from ..tables import TABLES

OK, WRONG, MISUSED, INTERRUPTED = 0, 1, 2, 130


def add_network(add: argparse.ArgumentParser) -> None:
    """The options that choose a network, and the size of its images."""
    add.add_argument("model", help=", ".join(TABLES))
    add.add_argument("--width", type=float, default=1.0, help="width multiplier (1.0)")
    add.add_argument("--resolution", type=resolution, default=224, help="side, or HEIGHTxWIDTH, of the image (224)")
    add.add_argument("--classes", type=int, default=1000, help="(1000)")
    add.add_argument("--convention", default="tf", help=f"whose rounding and padding: {', '.join(SOURCES)} (tf)")


def add_json(add: argparse.ArgumentParser) -> None:
    """The option to print for a program to read."""
    add.add_argument("--json", action="store_true", help="print JSON and nothing else")


def add_seed(add: argparse.ArgumentParser, what: str) -> None:
    """The option that makes everything random the same again."""
    add.add_argument("--seed", type=count, default=0, help=f"of {what} (0)")


def resolution(text: str) -> int | tuple[int, int]:
    """``"224"`` or ``"97x160"``, height x width."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a side (224) nor height x width (97x160)")
    height, width = (int(side or match[1]) for side in match.groups())
    if min(height, width) < 32:
        raise argparse.ArgumentTypeError(f"{text!r} is too small: images must be at least 32x32")
    return (height, width) if match[2] else height


def index(text: str) -> tuple[int, ...]:
    """``"0,3,4,7"``: where in an array an element is."""
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no index like 0,3,4,7")
    return tuple(map(int, text.split(",")))


def whole(text: str) -> int:
    """``"100M"``, ``"0.3G"``: a quantity as a whole number."""
    try:
        return int(quantity(text)[0])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None


def count(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
