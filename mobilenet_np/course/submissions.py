"""Finds what students handed in, and puts our checks into it."""

from __future__ import annotations

from pathlib import Path

from ..errors import check
from .edition import Notebook, is_check, is_solution, parse
from .limited import Cell

LARGEST = 64 << 20  # bytes of a notebook


def find(folder: str | Path, names: list[str]) -> dict[tuple[str, str], Path]:
    """The notebooks of a folder, by student and name.

    Parameters
    ----------
    folder : path
        With a folder for each student, in which notebooks are found at any depth; or nbgrader's course, which has
        ``submitted/<student>/<assignment>/``; or the notebooks of one student.
    names : list of str
        The files to look for. Of two with the same name, the one that was changed last counts.

    Returns
    -------
    dict
        (student, name) -> path, in this order.

    Raises
    ------
    ValueError
        If there is no folder or nothing in it.
    """
    folder = Path(folder)
    check(folder.is_dir(), f"course check: the folder {folder} does not exist")
    if (folder / "submitted").is_dir():
        folder = folder / "submitted"
    places = [(path.name, path.rglob("*.ipynb")) for path in folder.iterdir() if path.is_dir()]
    places.append((folder.resolve().name, folder.glob("*.ipynb")))
    found = [
        ((student, path.name), path)
        for student, paths in places
        for path in sorted(filter(Path.is_file, paths), key=lambda path: path.stat().st_mtime)
        if path.name in names and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]
    check(bool(found), f"course check: {folder} has no notebooks of the course (like {names[0]}), one folder a student")
    return dict(sorted(dict(found).items()))


def checks(notebook: Notebook) -> dict[str, float]:
    """The points of each exercise."""
    return {_name(cell): float(cell["metadata"]["nbgrader"]["points"]) for cell in notebook["cells"] if is_check(cell)}


def program(notebook: Notebook, path: Path) -> list[Cell]:
    """The cells to run: the student's, up to the last check, and our checks in place of those that were handed in.

    A check goes behind the answer that it is for; if that is missing, to the end.

    Raises
    ------
    ValueError
        If the file is not a notebook.
    """
    check(path.stat().st_size <= LARGEST, f"course: {path} is larger than {LARGEST >> 20} MB")
    ours = checks(notebook)
    own = [cell for cell in parse(path)["cells"] if cell.get("cell_type") == "code" and _name(cell) not in ours]
    after: dict[int, list[Cell]] = {}
    answer = ""
    for cell in notebook["cells"]:
        if is_solution(cell):
            answer = _name(cell)
        elif is_check(cell):
            places = [i for i, theirs in enumerate(own) if answer and _name(theirs) == answer]
            after.setdefault(places[-1] if places else len(own) - 1, []).append(Cell(cell["source"], _name(cell)))
    cells = after.get(-1, [])
    for i, cell in enumerate(own[: max(after, default=-1) + 1]):
        cells += [Cell(cell["source"]), *after.get(i, [])]
    return cells


def _name(cell: dict) -> str:
    marks = cell["metadata"].get("nbgrader")
    return str(marks.get("grade_id", "")) if isinstance(marks, dict) else ""
