"""The parts of a page, each a piece of HTML: put together by `page`, written by `write`.

Figures are embedded, so that the page is one file that can be mailed. A `chart` is drawn twice, in light and in dark
ink, and the browser takes the one that fits the page. Nothing is loaded, and no script runs but in a `frame`.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import files
from ..errors import check
from ..show.style import THEMES, style

_SHRINKS, _REM = 6, 6.4  # inches of a figure up to which it does, and the size of an inch of those that do not
_DOTS = 130  # an inch, of what a chart draws as dots


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


class Section(NamedTuple):
    """One chapter of the page, with an anchor and an entry in the table of contents."""

    anchor: str
    title: str
    body: str


def escape(text: object) -> Html:
    """Any value as HTML text; `Html` stays as it is.

    >>> escape("a < b"), escape(Html("<b>a</b>"))
    ('a &lt; b', '<b>a</b>')
    """
    return text if isinstance(text, Html) else Html(html.escape(str(text)))


def verdict(ok: bool, yes: str = "equal", no: str = "differs") -> Html:
    """A word with a mark in front of it: told apart without colours, too."""
    return Html(f'<span class="{"good" if ok else "bad"}">{"✓" if ok else "✗"} {escape(yes if ok else no)}</span>')


def table(head: Sequence[str], rows: Iterable[Sequence[object]], align: str, foot: Sequence[object] = ()) -> Html:
    """A table in a box of its own, inside which it scrolls if it is wider than the screen.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequences
        Of any values; integers get thousands separators, `Html` is not escaped.
    align : str
        A letter a column: "l" text, "n" text in one line, "r" numbers.
    foot : sequence, optional
        The line of totals.
    """
    check(len(head) == len(align), f"table: {len(head)} columns, align {align!r} has {len(align)} letters")

    def line(cells: Sequence[object], tag: str) -> str:
        check(len(cells) == len(align), f"table: a line has {len(cells)} cells, the head has {len(head)}")
        return (
            "<tr>"
            + "".join(
                f'<{tag} class="{letter}">{_cell(cell, letter)}</{tag}>'
                for cell, letter in zip(cells, align, strict=True)
            )
            + "</tr>"
        )

    body = "\n".join(line(row, "td") for row in rows)
    end = f"<tfoot>{line(foot, 'td')}</tfoot>" if foot else ""
    return Html(
        f'<div class="scroll" tabindex="0"><table><thead>{line(head, "th")}</thead>\n<tbody>{body}</tbody>{end}'
        "</table></div>"
    )


def _cell(cell: object, letter: str) -> Html:
    text = _number(cell)
    return Html(text.replace("/", "/<wbr>")) if letter == "l" and not isinstance(cell, Html) else text  # long paths


def _number(cell: object) -> Html:
    return Html(f"{cell:,}") if isinstance(cell, (int, np.integer)) else escape(cell)


def facts(items: Iterable[tuple[str, object, str]]) -> Html:
    """The few numbers that matter: each as (label, value, remark)."""
    cards = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{_number(value)}</dd><p>{escape(remark)}</p></div>"
        for label, value, remark in items
    )
    return Html(f'<dl class="facts">{cards}</dl>')


def details(summary: str, body: str, opened: bool = False) -> Html:
    """A part that can be folded away."""
    return Html(f"<details{' open' if opened else ''}><summary>{escape(summary)}</summary>{body}</details>")


def gallery(*figures: str, smallest: int = 24, columns: int = 0) -> Html:
    """Figures side by side.

    Parameters
    ----------
    *figures : str
    smallest : int
        Width, in letters, below which a figure does not shrink: as many stand in a line as have room.
    columns : int
        So many in a line on every screen, instead: for small ones.
    """
    if columns:
        kind = f'class="gallery fixed" style="--columns:{columns}"'
    else:
        kind = f'class="gallery" style="--smallest:{smallest}rem"'
    return Html(f"<div {kind}>{''.join(figures)}</div>")


def picture(array: np.ndarray, alt: str, caption: str = "", kernel: np.ndarray | None = None) -> Html:
    """A photograph or a map as an image.

    Parameters
    ----------
    array : (H, W, 3) or (H, W) float in [0, 1]
    alt : str
        What it shows, for those who cannot see it.
    caption : str
    kernel : (kh, kw) float in [0, 1], optional
        The filter that it went through, shown in its corner.
    """
    inset = "" if kernel is None else f'<img class="kernel" src="{_pixels(kernel, "png")}" alt="">'
    image = f'<img src="{_pixels(array, "jpeg")}" alt="{escape(alt)}">'
    return _figure(f'<div class="picture">{image}{inset}</div>', caption)


def _pixels(array: np.ndarray, kind: str) -> str:
    from matplotlib.image import imsave

    buffer, options = io.BytesIO(), {"pil_kwargs": {"quality": 85}} if kind == "jpeg" else {}
    imsave(buffer, np.clip(array, 0, 1), format=kind, cmap="gray", vmin=0, vmax=1, **options)
    return _data(buffer.getvalue(), f"image/{kind}")


def chart(
    draw: Callable[[Any], object],
    alt: str,
    caption: str = "",
    size: tuple[float, float] = (4.6, 3.4),
    columns: int = 1,
) -> Html:
    """A plot, drawn in light and in dark ink.

    Parameters
    ----------
    draw : callable
        Draws on the axes that it is given, or on an array of them; called once a theme.
    alt : str
        What it shows, for those who cannot see it.
    caption : str
    size : (float, float)
        Inches. At 4.6 the letters can be read on a phone; what is wider than 6 does not shrink with the screen, but
        scrolls.
    columns : int
        How many axes, side by side.
    """
    images = {theme: _data(_svg(draw, theme, size, columns), "image/svg+xml") for theme in THEMES}
    wide = size[0] > _SHRINKS
    look = f'class="chart wide" style="width:{_REM * size[0]:g}rem"' if wide else 'class="chart"'
    picture = (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{images["dark"]}">'
        f'<img {look} src="{images["light"]}" alt="{escape(alt)}"></picture>'
    )
    return _figure(f'<div class="scroll plain" tabindex="0">{picture}</div>' if wide else picture, caption)


def _svg(draw: Callable[[Any], object], theme: str, size: tuple[float, float], columns: int) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    # A fixed salt and no date: the same numbers give the same page.
    with style(theme), mpl.rc_context({"svg.hashsalt": "mobilenet_np"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot() if columns == 1 else figure.subplots(1, columns))
        figure.savefig(buffer, format="svg", dpi=_DOTS, metadata={"Date": None})
    return re.sub(rb">\s+<", b"><", buffer.getvalue())  # a tenth of it is indentation


def frame(document: str, title: str, otherwise: str = "") -> Html:
    """A page of its own inside the page, the only place where scripts run.

    Parameters
    ----------
    document : str
        The whole of it.
    title : str
        What it is, for those who cannot see it.
    otherwise : str
        HTML that says the same without a script, folded away.
    """
    inside = f'<iframe srcdoc="{html.escape(document)}" sandbox="allow-scripts" title="{escape(title)}"></iframe>'
    return Html(inside + (details("The same as tables, without a script", otherwise) if otherwise else ""))


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _figure(inner: str, caption: str) -> Html:
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return Html(f"<figure>{inner}{text}</figure>")


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole page.

    Parameters
    ----------
    title : str
    lead : str
        HTML below the title.
    sections : sequence of Section
    """
    css = (resources(__package__) / "style.css").read_text(encoding="utf-8")
    contents = "".join(f'<li><a href="#{s.anchor}">{escape(s.title)}</a></li>' for s in sections)
    body = "\n".join(
        f'<section id="{s.anchor}"><h2>{number}. {escape(s.title)}</h2>\n{s.body}</section>'
        for number, s in enumerate(sections, start=1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style></head>\n"
        f"<body><main><header><h1>{escape(title)}</h1>\n{lead}\n"
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav></header>\n{body}\n</main></body></html>\n'
    )


def write(text: str, path: str | Path) -> Path:
    """Write a page: what is there under ``path`` is always whole.

    Raises
    ------
    ValueError
        If the folder does not exist or the path is a folder.
    """
    return files.write("report", text, path)
