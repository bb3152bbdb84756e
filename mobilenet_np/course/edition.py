"""The student's edition of the notebooks: what nbgrader's ``generate_assignment`` would make of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..errors import check
from ..files import write

STUBS = {"code": ("# YOUR CODE HERE", "raise NotImplementedError()"), "markdown": ("YOUR ANSWER HERE",)}  # nbgrader's
Notebook = dict[str, Any]


def student_edition(out: str | Path, notebooks: str | Path = "notebooks") -> list[Path]:
    """Write the notebooks without the solutions.

    Parameters
    ----------
    out : path
        A folder, made if it is not there. A notebook of this name that is there is replaced.
    notebooks : path
        The folder with the solution edition.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        If ``out`` is the folder of the solutions, if that has no notebooks, or if the marks around a solution do not
        pair. Nothing is written then.
    """
    out, notebooks = Path(out), Path(notebooks)
    check(out.resolve() != notebooks.resolve(), f"course student: {out} holds the solutions; choose another folder")
    check(not out.is_file(), f"course student: {out} is a file; it must be a folder")
    texts = {name: text_of(without_solutions(notebook)) for name, notebook in read(notebooks).items()}
    out.mkdir(parents=True, exist_ok=True)
    return [write("course student", text, out / name) for name, text in texts.items()]


def read(folder: Path) -> dict[str, Notebook]:
    """The notebooks of a folder by file name, in order, with the source of each cell as one string."""
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    check(bool(paths), f"course: {folder} has no notebooks (like 00_start_here.ipynb)")
    return {path.name: parse(path) for path in paths}


def parse(path: Path) -> Notebook:
    """A notebook, with the source of each cell as one string and not in lines.

    Raises
    ------
    ValueError
        If it is not a notebook of format 4.
    """
    try:
        notebook = json.loads(path.read_bytes())
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            cell["metadata"] = dict(cell["metadata"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(f"course: {path} is not a notebook of format 4") from None
    return notebook


def text_of(notebook: Notebook) -> str:
    """A notebook as Jupyter writes it: sorted, with the source in lines."""
    cells = [cell | {"source": cell["source"].splitlines(keepends=True)} for cell in notebook["cells"]]
    return json.dumps(notebook | {"cells": cells}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def without_solutions(notebook: Notebook) -> Notebook:
    """The notebook with stubs for solutions, without outputs, and with the checks locked."""
    return notebook | {"cells": [_for_students(cell) for cell in notebook["cells"]]}


def _for_students(cell: dict[str, Any]) -> dict[str, Any]:
    cell = cell | {"metadata": dict(cell["metadata"])}
    if cell["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}
    if is_solution(cell):
        cell["source"] = _cut(cell["source"], STUBS[cell["cell_type"]])
        cell["metadata"]["deletable"] = False
    elif is_check(cell):
        cell["metadata"] |= {"deletable": False, "editable": False}
    else:
        check("BEGIN SOLUTION" not in cell["source"], f"course: a solution outside a solution cell: {cell['source']!r}")
    return cell


def is_solution(cell: dict[str, Any]) -> bool:
    """Whether the learner writes in it."""
    return bool(cell["metadata"].get("nbgrader", {}).get("solution"))


def is_check(cell: dict[str, Any]) -> bool:
    """Whether it gives points."""
    return bool(cell["metadata"].get("nbgrader", {}).get("grade"))


def _cut(source: str, stub: tuple[str, ...]) -> str:
    """The source with each marked region, or all of it if none is marked, replaced by the stub."""
    lines, inside, marked = [], False, False
    for line in source.split("\n"):
        if "BEGIN SOLUTION" in line:
            check(not inside, f"course: a solution begins within a solution: {source!r}")
            inside = marked = True
            indent = re.match(r"\s*", line)[0]
            lines += [indent + words for words in stub]
        elif "END SOLUTION" in line:
            inside = False
        elif not inside:
            lines.append(line)
    check(not inside, f"course: a solution that does not end: {source!r}")
    return "\n".join(lines if marked else stub)
