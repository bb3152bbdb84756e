"""Every channel and every kernel as a small table; the page's script fills and lights their cells.

They are laid out like a matrix that is multiplied with a vector. Above, the channels of x; at the right, those of y;
between them, in the row of output channel o and the column of input channel c, the kernel that leads from c to o.
Full, in blocks, on the diagonal: standard, grouped and depthwise convolution are seen for what they are.

Line breaks, ``border`` and ``inline-table`` keep that order where the style sheet is dropped, as in a notebook that is
not trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...geometry import Padding
from .stage import Record, Stage

NO_PADDING = ((0, 0), (0, 0))


def number(value: float) -> int | float:
    """A value as the page writes it: an integer as it is, anything else with four significant digits.

    >>> number(np.float32(3)), number(1 / 3), number(-123456.7)
    (3, 0.3333, -123500)
    """
    value = float(value)
    short = value if value.is_integer() and abs(value) < 1e6 else float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def text(value: float) -> str:
    """`number` with a true minus sign.

    >>> text(-0.00012345)
    '−0.0001234'
    """
    return str(number(value)).replace("-", "−")


def picture(stage: Stage, sums: Record, backward: bool, digits: bool) -> str:
    """All grids of a stage.

    Parameters
    ----------
    stage : Stage
    sums : Record
    backward : bool
        Draw dx, dw and dy instead of x, w and y.
    digits : bool
        Write the numbers into the cells; otherwise only shade them, for long numbers in many channels.
    """
    x, w, y = (sums.dx, sums.dw, stage.dy) if backward else (stage.x, stage.w, sums.y)
    (C_in, C_out), share = (x.shape[2], y.shape[2]), w.shape[2]
    d = "d" if backward else ""
    name = {role: f"{d}{letters}" for role, letters in stage.names.items()}

    def one(role, key, values, padding, head):
        kind = f"grid q-{stage.names[role]}" + " gradient" * backward + " out" * (role == "y")
        limit = float(np.abs({"x": x, "w": w, "y": y}[role]).max())
        return _table(kind, f"{d}{role}:{key}", values, padding, head, limit)

    padding = NO_PADDING if backward else stage.padding  # a padding zero has no gradient
    cells = []
    for c in range(C_in):
        cells.append(one("x", c, x[:, :, c], padding, _head(name["x"], stage.inputs[c], "")))
    cells.append('<span class="corner"></span><br>')
    for o in range(C_out):
        for c in range(C_in):
            if stage.connected(c, o):
                head = _head(name["w"], f"{stage.inputs[c]}→{stage.outputs[o]}", "quiet")
                cells.append(one("w", f"{c}:{o}", w[:, :, c % share, o], NO_PADDING, head))
            else:
                cells.append('<span class="none" title="no kernel: these two channels never meet">·</span>')
        cells.append(one("y", o, y[:, :, o], NO_PADDING, _head(name["y"], stage.outputs[o], "")) + "<br>")
    label = f"{name['x']}, {C_in} channels above; {name['w']}, the kernels; {name['y']}, {C_out} channels at the right"
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<div class="picture{"" if digits else " shaded"}" style="--columns:{C_in + 1}">{"".join(cells)}</div></div>'
    )


def _head(name, index, kind):
    return f'<caption class="{kind}">{name}<sub>{index}</sub></caption>'


def _table(kind: str, key: str, values: np.ndarray, padding: Padding, head: str, limit: float) -> str:
    (top, bottom), (left, right) = padding
    side = '<td class="padding side">0</td>'
    edge = f'<tr class="edge">{side * left}{"<td class=padding>0</td>" * values.shape[1]}{side * right}</tr>'
    rows = "".join(f"<tr>{side * left}{''.join(_cell(v, limit) for v in row)}{side * right}</tr>" for row in values)
    return (
        f'<table class="{kind}" data-grid="{key}" border="1" cellspacing="0" '
        f'style="display:inline-table;--n:{values.shape[1]};--sides:{left + right}">{head}'
        f"{edge * top}{rows}{edge * bottom}</table>"
    )


def _cell(value: float, limit: float) -> str:
    """How dark a shaded cell is goes by its size; a negative one gets a mark of its own."""
    size = f"{abs(value) / limit:.2f}" if limit else "0"
    return f'<td{" class=neg" if value < 0 else ""} style="--m:{size}">{text(value)}</td>'


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of text in HTML; integers get thousands separators."""

    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{_shown(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="scroll" tabindex="0"><table class="plain">{line(head, "th")}{body}</table></div>'


def _shown(cell):
    return f"{cell:,}" if isinstance(cell, (int, np.integer)) else str(cell)
