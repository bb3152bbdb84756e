"""Grades a folder of submissions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import check, check_positive
from ..files import write
from . import edition, submissions
from .edition import Notebook
from .limited import run

LONGEST = 500  # characters of a message


class Grade(NamedTuple):
    """A row of the table."""

    student: str
    notebook: str
    exercise: str
    points: float
    max_points: float
    message: str


def grade(
    students: str | Path,
    out: str | Path = "grades.csv",
    notebooks: str | Path = "notebooks",
    seconds: float = 60.0,
    memory: float = 4.0,
) -> list[Grade]:
    """Run the checks of all submissions, each in a process of its own, and write a table.

    The limits keep accidents from others' grades: endless loops, crashes, too much memory. They are no prison: an
    answer can do what the user can who runs this. Linux and macOS only.

    Parameters
    ----------
    students : path
        See `submissions.find`.
    out : path
        A CSV file: student, notebook, exercise, points, max_points, message. It is whole after every submission. A
        notebook that some students handed in and others did not is in it for all.
    notebooks : path
        The folder with the solution edition, from which the checks are taken.
    seconds : float
        That each cell may take.
    memory : float
        GiB that each process may have.

    Returns
    -------
    list of Grade

    Raises
    ------
    ValueError
        If there is nothing to grade, or nowhere to write.
    ImportError
        Without IPython.
    """
    _check_tools()
    check_positive("course check", "seconds", seconds)
    check_positive("course check", "memory", memory)
    out = Path(out)
    check(out.parent.is_dir(), f"course check: the folder {out.parent} does not exist")
    check(not out.is_dir(), f"course check: {out} is a folder")
    ours = edition.read(Path(notebooks))
    found = submissions.find(students, list(ours))
    names = sorted({student for student, _ in found}), sorted({name for _, name in found})
    grades: list[Grade] = []
    for student, name in _progress([(student, name) for student in names[0] for name in names[1]]):
        path = found.get((student, name))
        grades += [
            Grade(student, Path(name).stem, *row) for row in _rows(ours[name], path, seconds, int(memory * 2**30))
        ]
        write("course check", _table(grades), out)
    return grades


def _rows(ours: Notebook, path: Path | None, seconds: float, memory: int) -> Iterator[tuple[str, float, float, str]]:
    points = submissions.checks(ours)
    try:
        if path is None:
            raise ValueError("not handed in")
        cells = submissions.program(ours, path)
    except (ValueError, OSError) as error:
        yield from ((exercise, 0.0, most, _words(str(error))) for exercise, most in points.items())
        return
    errors, trouble = {}, ""
    for cell, error in zip(cells, run(cells, seconds, memory), strict=True):
        if cell.check:
            errors[cell.check] = f"{error} (a cell before: {trouble})" if error and trouble else error
            trouble = ""
        else:
            trouble = trouble or error
    for exercise, most in points.items():
        yield exercise, 0.0 if errors[exercise] else most, most, _words(errors[exercise])


def _check_tools() -> None:
    from importlib.util import find_spec

    if not find_spec("IPython"):
        raise ImportError('course check needs IPython: pip install "mobilenet_np[notebooks]"')
    if not find_spec("resource"):
        raise ImportError("course check needs Linux or macOS, for the limits of time and memory")


def _progress(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    from tqdm import tqdm

    with tqdm(pairs, unit="notebook", disable=None) as bar:
        for student, name in bar:
            bar.set_postfix_str(f"{student} {Path(name).stem}")
            yield student, name


def _table(grades: list[Grade]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(Grade._fields)
    rows.writerows(grade._replace(points=f"{grade.points:g}", max_points=f"{grade.max_points:g}") for grade in grades)
    return text.getvalue().encode("utf-8", "backslashreplace").decode()  # names of files may be no text


def _words(message: str) -> str:
    """In one line, of a length that fits a table."""
    line = " ".join(message.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
