"""The page: HTML tables that say everything without a script, and the script that plays through them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np

from ...files import write
from .definitions import DEFINITIONS, coloured, formula, listing
from .grids import number, picture
from .stage import Record, Stage, record
from .terms import written_out

TEMPLATE, STYLE, SCRIPTS = "stepper.html", "stepper.css", ("steps.js", "draw.js", "controls.js")
JUMP = '<small class="progress"></small> <button type="button" class="jump" data-do="jump">go there</button>'


class Page:
    """A self-contained page: shown by a notebook as the value of a cell, or saved and opened in a browser.

    Attributes
    ----------
    html : str
        The whole page; it loads nothing.
    tables : str
        What it says without a script, for where none may run.
    """

    def __init__(self, html: str, tables: str):
        self.html, self.tables = html, tables

    def save(self, path: str | Path) -> Path:
        """Write the page: what is there under ``path`` is always whole.

        Raises
        ------
        ValueError
            If the folder does not exist or the path is a folder.
        """
        return write("Page.save", self.html, path)

    def _repr_html_(self) -> str:
        # A notebook that is not trusted drops the frame and keeps the tables.
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" title="convolution, step by step" '
            'style="width:100%;height:52rem;border:1px solid #8888;border-radius:6px"></iframe>'
            f"<details><summary>The same as tables, without a script</summary>{self.tables}</details>"
        )

    def __repr__(self) -> str:
        return f"Page({len(self.html):,} characters; .save(path) writes it, a notebook shows it)"


class Way(NamedTuple):
    """One or several stages that run one after the other."""

    key: str
    title: str
    stages: Sequence[tuple[str, str, Stage]]
    """Each with its title and a sentence in HTML."""


class Runner(NamedTuple):
    """One line of the count: who multiplies how often, and when the output numbers are finished."""

    title: str
    total: int
    before: int
    """Multiplications before the first one that goes into an output number."""
    taps_a_number: int


def assemble(
    title: str, lead: str, ways: Sequence[Way], runners: Sequence[Runner], final: str, notes: str, digits: bool
) -> Page:
    """Put a page together.

    Parameters
    ----------
    title : str
    lead : str
        HTML below the title.
    ways : sequence of Way
        What can be stepped through.
    runners : sequence of Runner
        Who is counted side by side.
    final : str
        HTML: how the count ends.
    notes : str
        HTML at the end of the page.
    digits : bool
        Whether the cells have numbers in them.
    """
    import json
    from importlib.resources import files

    records = {way.key: [record(stage) for _, _, stage in way.stages] for way in ways}
    sections = "".join(_way(way, records[way.key], digits, alone=len(ways) == 1) for way in ways)
    counts = _counts(runners, final)
    data = {
        "ways": {
            way.key: [_data(stage, sums) for (_, _, stage), sums in zip(way.stages, records[way.key], strict=True)]
            for way in ways
        },
        "runners": [dict(title=r.title, total=r.total, before=r.before, tapsANumber=r.taps_a_number) for r in runners],
    }
    here = files(__package__)
    read = {name: (here / name).read_text(encoding="utf-8") for name in (TEMPLATE, STYLE, *SCRIPTS)}
    html = Template(read[TEMPLATE]).substitute(
        title=escape(title),
        lead=lead,
        ways=_choice(ways),
        sections=sections,
        counts=counts,
        notes=notes,
        css=read[STYLE],
        js="\n".join(read[name] for name in SCRIPTS),
        data=json.dumps(data, separators=(",", ":")).replace("</", "<\\/"),
    )
    return Page(html, f"<h3>{escape(title)}</h3>{lead}{sections}{counts}{notes}".replace(JUMP, ""))


# ---------------------------------------------------------------------------------------------------------------------
# Ways and stages


def _choice(ways):
    if len(ways) == 1:
        return ""
    radios = "".join(
        f'<label><input type="radio" name="way" value="{way.key}"{" checked" if n == 0 else ""}>'
        f"<span>{escape(way.title)}</span></label>"
        for n, way in enumerate(ways)
    )
    return f'<fieldset class="choice"><legend>Convolution</legend>{radios}</fieldset>'


def _way(way, records, digits, alone):
    head = "" if alone else f"<h2>{escape(way.title)}</h2>"
    stages = "".join(
        f'<section class="stage" data-stage="{n}"><h3>{escape(title)} {JUMP}</h3><p class="says">{says}</p>'
        + "".join(_pass(stage, sums, backward, digits) for backward in (False, True))
        + "</section>"
        for n, ((title, says, stage), sums) in enumerate(zip(way.stages, records, strict=True))
    )
    return f'<section class="way" data-way="{way.key}">{head}{stages}</section>'


def _pass(stage, sums, backward, digits):
    name = "backward" if backward else "forward"
    lines = "".join(f"<li>{line}</li>" for line in formula(stage.op, stage.names, backward))
    return (
        f'<div class="pass" data-pass="{name}"><h4>{name.capitalize()}</h4><div class="columns">'
        f"{picture(stage, sums, backward, digits)}"
        f'<div class="aside"><div class="formula"><ul>{lines}</ul><div class="now"></div></div>'
        f'<div class="lens"></div>{_code(stage, backward)}</div></div>{written_out(stage, sums, backward)}</div>'
    )


def _code(stage, backward):
    definition = DEFINITIONS[stage.op]
    function = definition.backward if backward else definition.forward
    where = f"{function.__module__.removeprefix('mobilenet_np.').replace('.', '/')}.py"
    other = [f"{code} is {page}" for code, page in stage.names.items() if code != page]
    here = f"; here {', '.join(other)}" if other else ""
    lines = "".join(
        f'<span class="line" data-runs="{kind}">{coloured(line, stage.names)}\n</span>'
        for _, kind, line in listing(stage.op, backward)
    )
    return (
        f'<figure class="code"><figcaption>The definition, {where}{here}</figcaption>'
        f'<pre tabindex="0"><code>{lines}</code></pre><p class="variables"></p></figure>'
    )


# ---------------------------------------------------------------------------------------------------------------------
# The count


def _counts(runners, final):
    longest = max(runner.total for runner in runners)
    lines = "".join(
        f'<div class="runner" style="--length:{runner.total / longest:.4f}"><dt>{escape(runner.title)}</dt>'
        f'<dd class="count">{runner.total:,}</dd><dd class="track"><span class="bar"></span></dd></div>'
        for runner in runners
    )
    return (
        '<section class="counts"><h2>Multiplications, side by side</h2>'
        f'<dl>{lines}</dl><p class="running"></p><p class="final">{final}</p></section>'
    )


# ---------------------------------------------------------------------------------------------------------------------
# What the script gets


def _data(stage: Stage, sums: Record) -> dict[str, Any]:
    definition = DEFINITIONS[stage.op]
    (top, _), (left, _) = stage.padding
    return {
        "names": dict(stage.names),
        "index": {role: getattr(definition, role).split() for role in "xwy"},
        "variables": [variable.split("=") for variable in definition.variables.split()],
        "origin": dict(stage.origin),
        "inputs": list(stage.inputs),
        "outputs": list(stage.outputs),
        "groups": stage.groups,
        "share": stage.w.shape[2],
        "kernel": stage.w.shape[:2],
        "top": top,
        "left": left,
        "tapsANumber": stage.taps_a_number,
        "x": _numbers(stage.x),
        "w": _numbers(stage.w),
        "dy": _numbers(stage.dy),
        "whole": {name: _numbers(values) for name, values in stage.whole.items()},
        "limits": {name: number(np.abs(v).max()) for name, v in (("y", sums.y), ("dx", sums.dx), ("dw", sums.dw))},
        "taps": {name: _column(column) for name, column in sums.taps._asdict().items() if name != "dyw"},
    }


def _column(values: list) -> list:
    return [None if value is None else number(value) for value in values]


def _numbers(array: np.ndarray) -> Any:
    return [_numbers(inner) for inner in array] if array.ndim > 1 else [number(value) for value in array]
