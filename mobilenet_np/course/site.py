"""The course as a folder of web pages: every notebook executed, linked with its neighbours, and searchable.

Nothing is loaded from a network, so that the folder works on any web server and from a USB stick.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from string import Template
from typing import TYPE_CHECKING, NamedTuple

from ..errors import check
from ..files import write
from . import render

if TYPE_CHECKING:
    from nbformat import NotebookNode

GLOSSARY = "GLOSSARY.md"
TEXTS = {GLOSSARY: "glossary.html", "README.md": "teaching.html"}  # after the notebooks, where they are there
NEEDED = ("nbclient", "nbconvert", "ipykernel", "latex2mathml")
WHO = "course site"
TITLE = "MobileNet in NumPy: the course"
LEAD = """Why does factorizing a convolution pay, what does it cost, and how is it trained? Read the notebooks in this
order, with paper and pencil: where it says *predict*, do so before you read on."""
SECONDS_A_CELL = 600


class _Page(NamedTuple):
    """A page in the order of the course."""

    source: str
    address: str
    body: render.Body


def site(out: str | Path, notebooks: str | Path = "notebooks") -> Path:
    """Execute the notebooks and write them as web pages.

    The student's edition can be shown, too: a check of an answer that is not written yet says so on its page.

    Parameters
    ----------
    out : path
        The folder to write into; made if it is not there.
    notebooks : path
        The folder with the notebooks, and with GLOSSARY.md and README.md if there is to be a page of them.

    Returns
    -------
    Path
        Of the contents page, index.html.

    Raises
    ------
    ImportError
        If what the ``notebooks`` extra brings is missing.
    ValueError
        If there are no notebooks, or one has a link that leads nowhere or a formula that cannot be shown.
    ChildProcessError
        If a cell fails, or takes longer than ten minutes.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(f'course site needs {", ".join(missing)}: pip install "mobilenet_np[notebooks]"')
    folder, out = Path(notebooks), Path(out)
    sources = read(folder)
    pages(sources, folder)  # a link that leads nowhere is found before minutes are spent on executing
    out.mkdir(parents=True, exist_ok=True)
    execute(sources)
    return publish(out, sources, folder)


def read(folder: Path) -> dict[str, NotebookNode]:
    """The notebooks of a folder, by file name, in order."""
    import nbformat

    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    check(bool(paths), f"course site: {folder} has no notebooks (like 00_start_here.ipynb)")
    return {path.name: nbformat.read(path, as_version=4) for path in paths}


def execute(sources: dict[str, NotebookNode]) -> None:
    """Run every cell; the outputs go into the notebooks."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from tqdm import tqdm

    cells = sum(cell.cell_type == "code" for nb in sources.values() for cell in nb.cells)
    with tqdm(total=cells, unit="cell", disable=None) as bar, tempfile.TemporaryDirectory() as empty:
        for name, nb in sources.items():
            bar.set_description(name.removesuffix(".ipynb"))
            client = NotebookClient(
                nb,
                timeout=SECONDS_A_CELL,
                kernel_name="python3",
                resources={"metadata": {"path": empty}},  # what a notebook writes stays out of the way
                extra_arguments=["--log-level=ERROR"],
                allow_error_names=["NotWrittenYet"],
                coalesce_streams=True,  # what is printed bit by bit is one block
                on_cell_complete=lambda **_: bar.update(),
            )
            try:
                client.execute()
            except CellExecutionError as error:
                raise ChildProcessError(f"course site: {name}: {error.ename}: {error.evalue}") from error
            except (CellTimeoutError, DeadKernelError) as error:
                raise ChildProcessError(f"course site: {name}: {str(error).splitlines()[0]}") from error


# ---------------------------------------------------------------------------------------------------------------------
# Pages


class _Links:
    """From what a notebook links to, to the address in the site; remembers which modules are asked for."""

    def __init__(self, addresses: dict[str, str], name: str):
        self.addresses, self.name, self.modules = addresses, name, set()

    def __call__(self, target: str) -> str:
        path, mark, anchor = target.partition("#")
        if path in self.addresses:
            return self.addresses[path] + mark + anchor
        parts = PurePosixPath(path).parts
        if parts[:2] == ("..", "mobilenet_np"):
            module = "/".join(parts[2:]) if path.endswith(".py") else "/".join((*parts[2:], "__init__.py"))
            if _library().joinpath(module).is_file():
                self.modules.add(module)
                return _module_address(module)
        raise ValueError(f"course site: {self.name} links to {target}, which is not in the course")


def pages(sources: dict[str, NotebookNode], folder: Path) -> tuple[list[_Page], set[str]]:
    """All pages of the course in order, and the modules that they link to."""
    texts = {name: address for name, address in TEXTS.items() if (folder / name).is_file()}
    addresses = {name: name.replace(".ipynb", ".html") for name in sources} | texts
    result, modules = [], set()
    for name, address in addresses.items():
        links = _Links(addresses, name)
        if name in sources:
            body = render.notebook(sources[name], links, folder, name)
        else:
            body = render.text((folder / name).read_text(encoding="utf-8"), links, folder, name)
        result.append(_Page(name, address, body))
        modules |= links.modules
    return result, modules


def publish(out: Path, sources: dict[str, NotebookNode], folder: Path) -> Path:
    """Write executed notebooks as pages, and what they share."""
    course, modules = pages(sources, folder)
    for number, page in enumerate(course):
        neighbours = course[number - 1] if number else None, course[number + 1] if number + 1 < len(course) else None
        write(WHO, _page(page.body, _turn(*neighbours)), out / page.address)
    (out / "source").mkdir(exist_ok=True)
    for module in sorted(modules):
        source = _library().joinpath(module).read_text(encoding="utf-8")
        write(WHO, _page(render.module(source, f"mobilenet_np/{module}"), "", "../"), out / _module_address(module))
    web = files(__package__) / "web"
    for name in ("site.js", "theme.js"):
        write(WHO, (web / name).read_text(encoding="utf-8"), out / name)
    write(WHO, (web / "style.css").read_text(encoding="utf-8") + render.colours() + "\n", out / "style.css")
    write(WHO, f"const PAGES = {_index(course)};\n", out / "search.js")
    return write(WHO, _page(_contents(course, sources), ""), out / "index.html")


def _page(body: render.Body, turn: str, root: str = "") -> str:
    entries = "".join(f'<li><a href="#{place.anchor}">{place.html}</a></li>' for place in body.headings)
    nav = f'<nav class="headings" aria-label="On this page"><ol>{entries}</ol></nav>' if entries else ""
    template = Template((files(__package__) / "web" / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(body.title),
        root=root,
        headings=nav,
        body=body.html,
        turn=turn,
    )


def _turn(before: _Page | None, after: _Page | None) -> str:
    links = ""
    for page, kind, word in ((before, "prev", "Previous"), (after, "next", "Next")):
        if page:
            title = escape(page.body.title)
            links += f'<a class="{kind}" rel="{kind}" href="{page.address}"><small>{word}</small>{title}</a>'
    return f'<nav class="turn" aria-label="Previous and next">{links}</nav>'


def _contents(course: Sequence[_Page], sources: dict[str, NotebookNode]) -> render.Body:
    items = "".join(
        f'<li><h2><a href="{page.address}">{escape(page.body.title)}</a></h2>{_aims(sources.get(page.source))}</li>'
        for page in course
    )
    lead = render.inline(" ".join(LEAD.split()))
    return render.Body(TITLE, f'<h1>{TITLE}</h1><p>{lead}</p><ol class="contents">{items}</ol>')


def _aims(nb: NotebookNode | None) -> str:
    """What the reader will be able to do: the list that follows "After this notebook you can"."""
    if nb is None:
        return ""
    text = next((cell.source for cell in nb.cells if "After this notebook you can" in cell.source), "")
    _, _, rest = text.partition("After this notebook you can")
    aims = render.text(f"# Aims\n\n{rest.partition(chr(10))[2]}", lambda target: target, Path(), "the contents")
    return "".join(_first_list(aims.html))


def _first_list(html: str) -> Iterable[str]:
    from bs4 import BeautifulSoup

    found = BeautifulSoup(html, "html.parser").find("ul")
    for link in found.select("a") if found else ():
        link.unwrap()
    return [str(found)] if found else []


def _index(course: Sequence[_Page]) -> str:
    """For the search: [title, [[heading, address], ...], address] of each page."""
    entries = []
    for page in course:
        inside = page.body.headings + (page.body.rows if page.source == GLOSSARY else ())
        headings = [[place.words, f"{page.address}#{place.anchor}"] for place in inside]
        entries.append([page.body.title, headings, page.address])
    return json.dumps(entries, ensure_ascii=False).replace("</", "<\\/")


def _library():
    return files("mobilenet_np")


def _module_address(module: str) -> str:
    return f"source/{module.removesuffix('.py').replace('/', '.')}.html"
