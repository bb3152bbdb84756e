"""The definition of each op as the page shows it: its formula, its lines of code, and the colours in both."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import NamedTuple

from ...ops import conv2d, depthwise_conv2d, linear, pointwise_conv2d
from . import grouped


class Definition(NamedTuple):
    """A convolution or a fully connected layer, written out in loops."""

    forward: Callable
    backward: Callable
    x: str
    """Index of x in the innermost line, a letter an axis, in the letters of `Taps`."""
    w: str
    y: str
    variables: str
    """``name=letter`` for every loop of the code: what a loop variable is called there, and its letter here."""


DEFINITIONS = {
    "conv2d": Definition(
        conv2d._forward_loops, conv2d._backward_loops, "n r s c", "a b q o", "n i j o", "n=n i=i j=j o=o a=a b=b c=c"
    ),
    "grouped_conv2d": Definition(
        grouped._forward_loops, grouped._backward_loops, "n r s c", "a b q o", "n i j o", "n=n i=i j=j o=o a=a b=b c=q"
    ),
    "depthwise_conv2d": Definition(
        depthwise_conv2d._forward_loops,
        depthwise_conv2d._backward_loops,
        "n r s c",
        "a b c",
        "n i j c",
        "n=n i=i j=j c=c a=a b=b",
    ),
    "pointwise_conv2d": Definition(
        pointwise_conv2d._forward_loops,
        pointwise_conv2d._backward_loops,
        "n i j c",
        "c o",
        "n i j o",
        "n=n i=i j=j o=o c=c",
    ),
    "linear": Definition(linear._forward_loops, linear._backward_loops, "n c", "c o", "n o", "n=n o=o c=c"),
}

_ELEMENT = re.compile(r"\b(d?)([xwy])(\[[^\]]*\])")


def coloured(line: str, names: Mapping[str, str], rename: bool = False) -> str:
    """A line of code as HTML, with every element of an array in the colour of its quantity.

    Parameters
    ----------
    line : str
    names : mapping
        What the code's x, w and y are called on the page.
    rename : bool
        Whether to write these names instead of the code's.

    Examples
    --------
    >>> coloured("y[i] += x[r]", {"x": "z", "w": "p", "y": "y"})
    '<b class="q q-y">y[i]</b> += <b class="q q-z">x[r]</b>'
    >>> coloured("dx[r] += 1", {"x": "z", "w": "p", "y": "y"}, rename=True)
    '<b class="q q-z gradient">dz[r]</b> += 1'
    """
    html, end = "", 0
    for match in _ELEMENT.finditer(line):
        d, name, index = match.groups()
        kind = f"q q-{names[name]}" + (" gradient" if d else "")
        text = f"{d}{names[name] if rename else name}{index}"
        html += f'{escape(line[end : match.start()], quote=False)}<b class="{kind}">{text}</b>'
        end = match.end()
    return html + escape(line[end:], quote=False)


def formula(op: str, names: Mapping[str, str], backward: bool) -> list[str]:
    """The innermost lines of the definition as formulas in the page's names, as HTML.

    >>> names = dict(x="x", w="w", y="y")
    >>> (line,) = formula("pointwise_conv2d", names, backward=False)
    >>> line.replace("</b>", "").replace('<b class="q q-', "<")
    '<y">y[n, i, j, o] = Σ<sub>c</sub> <x">x[n, i, j, c] · <w">w[c, o]'
    """
    definition = DEFINITIONS[op]
    loops = [variable.split("=") for variable in definition.variables.split()]
    summed = ", ".join(name for name, letter in loops if letter not in definition.y.split())
    lines = [line.strip() for _, kind, line in listing(op, backward) if kind in ("y", "dx", "dw")]
    html = [coloured(line, names, rename=True).replace(" * ", " · ") for line in lines]
    return html if backward else [line.replace("+=", f"= Σ<sub>{summed}</sub>") for line in html]


def listing(op: str, backward: bool) -> list[tuple[int, str, str]]:
    """The lines of the definition.

    Returns
    -------
    list of (int, str, str)
        Number, what the line does in a step ("y", "dx", "dw": it adds a product there; "if": it skips a padding zero;
        "": something else), and the text.
    """
    source = inspect.getsource(DEFINITIONS[op].backward if backward else DEFINITIONS[op].forward)
    return [(number, _kind(line.strip()), line) for number, line in enumerate(source.splitlines(), start=1)]


def _kind(line: str) -> str:
    adds = re.match(r"(y|dx|dw)\[.*\+=.*\*", line)
    return adds.group(1) if adds else "if" if line.startswith("if ") else ""
