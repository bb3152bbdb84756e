"""A notebook, a page of text or a module as the HTML of a page: mathematics as MathML, which needs no script.

The headings of a page come with it, for its table of contents and for the search.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from bs4 import Tag
    from nbformat import NotebookNode

# In raw HTML, which Markdown leaves alone.
MATH = re.compile(r"(?<![\\$])(\${1,2})(?!\$)(.+?)(?<!\\)\1(?!\$)", re.DOTALL)
SAME = {  # what the converter does not know, in words that it knows
    r"\{aligned\}": "{split}",
    r"\\operatorname\*?\{(\w+)\}": r"\\text{\1}",
    r"\\arg\b": r"\\text{arg}",
}
BETTER = {  # in its result
    r"<m[io]>([a-zA-Z]\w+)</m[io]>(?!<mo stretchy=\"false\">&#x00028;)": r'<mi>\1</mi><mspace width="0.167em"/>',
    r"<m[io]>([a-zA-Z]\w+)</m[io]>": r"<mi>\1</mi>",  # a function is no infix, which would have room on both sides
    r"(?<=\d)</mn><mrow><mo>&#x0002C;</mo></mrow><mn>(?=\d{3}\b)": ",",  # 1{,}000 is one number
    "<mo><mrow><mo>&#x0002B;</mo></mrow></mo><mo>&#x0003D;</mo>": "<mo>+=</mo>",  # one operator, without a gap in it
}


class Place(NamedTuple):
    """What a link or a search can lead to within a page."""

    words: str
    html: str
    anchor: str


class Body(NamedTuple):
    """What a page has to say."""

    title: str
    html: str
    headings: tuple[Place, ...] = ()
    """Below the title."""
    rows: tuple[Place, ...] = ()
    """Of tables: the first two cells; for a glossary."""


def notebook(nb: NotebookNode, link: Callable[[str], str], folder: Path, name: str) -> Body:
    """The body of a page of a notebook, with the outputs that are in it; solutions are folded away.

    Parameters
    ----------
    nb : NotebookNode
    link : callable
        From the target of a relative link to the address in the site.
    folder : Path
        Where pictures are looked for.
    name : str
        For errors.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=(files(__package__) / "web" / "cells.html.j2").read_text(encoding="utf-8"))
    exporter.register_filter("markdown2html", lambda source: _markdown(source, name))
    html, _ = exporter.from_notebook_node(nb)
    return _finish(html, link, folder, name)


def text(source: str, link: Callable[[str], str], folder: Path, name: str) -> Body:
    """The body of a page of Markdown."""
    return _finish(f'<div class="text">{_markdown(source, name)}</div>', link, folder, name)


def module(source: str, title: str) -> Body:
    """The body of a page with the text of a module of the library."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    code = highlight(source, PythonLexer(), HtmlFormatter())
    return Body(title, f"<h1>{escape(title)}</h1>{code}")


def inline(source: str) -> str:
    """A line of Markdown as HTML without a paragraph around it."""
    return _markdown(source, "a title").strip().removeprefix("<p>").removesuffix("</p>")


def colours() -> str:
    """Style sheet of the code's colours, for a light and for a dark page."""
    from pygments.formatters import HtmlFormatter

    def rules(style: str) -> dict[str, str]:
        lines = HtmlFormatter(style=style).get_style_defs(".highlight").splitlines()
        found = (re.match(r"(\.highlight \.\w+) \{.*?\bcolor: (#\w+)", line) for line in lines)
        return {match[1]: match[2] for match in found if match}

    light, dark = rules("xcode"), rules("github-dark")
    plain = "currentcolor"
    return "\n".join(
        f"{name} {{ color: light-dark({light.get(name, plain)}, {dark.get(name, plain)}) }}"
        for name in sorted(light | dark)
    )


def mathml(latex: str, display: bool, name: str) -> str:
    """LaTeX as MathML.

    Raises
    ------
    ValueError
        If something in it is not understood.
    """
    from latex2mathml.converter import convert

    known = latex.strip()
    for command, other in SAME.items():
        known = re.sub(command, other, known)
    try:
        result = convert(known, display="block" if display else "inline").replace(r"\_", "_")
    except Exception as error:  # its errors are of many kinds, and tell neither the formula nor the page
        raise ValueError(f"course site: {name}: ${latex.strip()}$ is not understood: {error!r}") from error
    unknown = re.search(r"\\[a-zA-Z]+", result)
    check(unknown is None, f"course site: {name}: ${latex.strip()}$: {unknown and unknown[0]} is not understood")
    for pattern, better in BETTER.items():
        result = re.sub(pattern, better, result)
    result = result.replace("<math ", f'<math alttext="{escape(latex.strip())}" ', 1)
    return f'<span class="math" tabindex="0">{result}</span>' if display else result


def _markdown(source: str, name: str) -> str:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    def formulas(html: str) -> str:
        return MATH.sub(lambda match: mathml(match[2], len(match[1]) == 2, name), html)

    class Renderer(IPythonRenderer):
        def inline_math(self, body: str) -> str:
            return mathml(body, False, name)

        def block_math(self, body: str) -> str:
            return mathml(body, True, name)

        def latex_environment(self, name: str, body: str) -> str:
            return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

        def block_html(self, html: str) -> str:
            return super().block_html(formulas(html))

    renderer = Renderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)


def _finish(html: str, link: Callable[[str], str], folder: Path, name: str) -> Body:
    """Anchors, links, and boxes in which what is wider than a phone can scroll."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    first = soup.find("h1")
    check(first is not None, f"course site: {name} has no title")
    title, headings, rows, taken = _words(first), [], [], set()
    for heading in soup.select(".text h1, .text h2, .text h3"):
        heading["id"] = _slug(heading.get_text(), taken)
        if heading.name != "h1":
            headings.append(Place(_words(heading), heading.decode_contents(), heading["id"]))
        mark = soup.new_tag(
            "a", href=f"#{heading['id']}", attrs={"class": "anchor", "aria-label": "link to this heading"}
        )
        mark.string = "#"
        heading.append(mark)
    for a in soup.select("a[href]"):
        if not re.match(r"[a-z]+:|#", a["href"]):
            a["href"] = link(a["href"])
    for image in soup.select("img[src]"):
        if not image["src"].startswith("data:"):
            image["src"] = _embedded(folder / image["src"], name)
    for table in soup.select(".text table"):
        table.wrap(soup.new_tag("div", attrs={"class": "wide", "tabindex": "0"}))
        names = [head.get_text() for head in table.select("thead th")]
        for row in table.select("tbody tr"):
            cells = row.select("td")
            for cell, column in zip(cells, names, strict=False):
                cell["data-column"] = column  # shown on a phone, where a long row stands upright
            row["id"] = _slug(cells[0].get_text(), taken)
            rows.append(Place(" ".join(map(_words, cells[:2])), "", row["id"]))
    for scrolling in soup.select(".highlight pre"):
        scrolling["tabindex"] = "0"
    return Body(title, str(soup), tuple(headings), tuple(rows))


def _embedded(path: Path, name: str) -> str:
    check(path.is_file(), f"course site: {name} shows {path.name}, which is not there")
    return f"data:{mimetypes.guess_type(path)[0]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _words(tag: Tag) -> str:
    """Text for a title and for the search, in which a formula stands as it is typed."""
    parts = (
        re.sub(r"[\\{}]", "", part["alttext"]) if part.name == "math" else part.get_text() for part in tag.contents
    )
    return "".join(parts)


def _slug(words: str, taken: set[str]) -> str:
    """The anchor of a heading, as GitHub makes it; it is taken then.

    >>> taken = set()
    >>> _slug("1/N + 1/K²: the saving", taken), _slug("Again", taken), _slug("Again", taken)
    ('1n--1k²-the-saving', 'again', 'again-1')
    """
    base = slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
    number = 0
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    taken.add(slug)
    return slug
