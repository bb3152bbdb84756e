"""One number and all its terms, written out as a table that needs no script and can be checked on paper."""

from __future__ import annotations

from collections import Counter

from .definitions import DEFINITIONS
from .grids import table, text
from .stage import Record, Stage, Taps, output_shape


def written_out(stage: Stage, sums: Record, backward: bool) -> str:
    """The whole sum behind the middle output number; backward, behind a pixel's gradient. HTML that unfolds."""
    taps, names = sums.taps, stage.names
    if backward:
        pixels = list(zip(taps.r, taps.s, taps.c, strict=True))
        # One that lies in many windows, in the first channel.
        busiest = Counter(p for p, inside in zip(pixels, taps.inside, strict=True) if inside).most_common(1)[0][0]
        mine = [k for k, pixel in enumerate(pixels) if pixel == busiest]
        rows = [
            (
                element(stage, "y", taps, k, "d"),
                text(stage.dy[taps.i[k], taps.j[k], taps.o[k]]),
                element(stage, "w", taps, k),
                text(stage.w[taps.a[k], taps.b[k], taps.c[k] % stage.w.shape[2], taps.o[k]]),
                text(taps.dyw[k]),
                text(taps.dx[k]),
            )
            for k in mine
        ]
        of, head = element(stage, "x", taps, mine[0], "d"), (f"d{names['y']}", "", names["w"], "", "product", "sum")
    else:
        Ho, Wo, _ = output_shape(stage)
        i, j = Ho // 2, Wo // 2
        mine = [k for k in range(len(taps.i)) if (taps.i[k], taps.j[k], taps.o[k]) == (i, j, 0)]
        rows = [
            (
                element(stage, "x", taps, k) if taps.inside[k] else "padding",
                text(stage.x[taps.r[k], taps.s[k], taps.c[k]]) if taps.inside[k] else "0",
                element(stage, "w", taps, k),
                text(stage.w[taps.a[k], taps.b[k], taps.c[k] % stage.w.shape[2], taps.o[k]]),
                text(taps.xw[k]),
                text(taps.y[k]),
            )
            for k in mine
        ]
        of, head = element(stage, "y", taps, mine[0]), (names["x"], "", names["w"], "", "product", "sum")
    return f"<details><summary>All terms of {of}, written out</summary>{table(head, rows)}</details>"


def element(stage: Stage, role: str, taps: Taps, k: int, d: str = "") -> str:
    """An array element of tap k as the page calls it: its name and its indices in the whole layer.

    Parameters
    ----------
    role : {"x", "w", "y"}
    d : {"", "d"}
        "d" for the gradient.
    """
    index = getattr(DEFINITIONS[stage.op], role).split()
    return f"{d}{stage.names[role]}[{','.join(text(_letter(stage, letter, taps, k)) for letter in index)}]"


def _letter(stage, letter, taps, k):
    if letter == "n":
        return stage.origin["n"]
    if letter in "ijrs":
        return getattr(taps, letter)[k] + stage.origin[letter]
    if letter in "ab":
        return getattr(taps, letter)[k]
    if letter == "o":
        return stage.outputs[taps.o[k]]
    if letter == "q":
        share = stage.w.shape[2]
        return taps.c[k] % share if stage.groups > 1 else stage.inputs[taps.c[k]]
    return stage.inputs[taps.c[k]]
