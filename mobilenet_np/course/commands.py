"""``course``: what a teacher does with the notebooks."""

from __future__ import annotations

import argparse
import sys


def add_course(commands: argparse._SubParsersAction) -> None:
    """Add the command ``course`` and its own commands."""
    course = commands.add_parser("course", help="the notebooks for a class: handed out, graded, shown")
    parts = course.add_subparsers(title="commands", required=True, metavar="command")
    _add_student(parts)
    _add_check(parts)
    _add_site(parts)
    _add_figures(parts)


def _add_student(parts: argparse._SubParsersAction) -> None:
    add = parts.add_parser("student", help="write the students' edition: solutions cut out, checks kept")
    add.add_argument("out", metavar="OUT", help="a folder")
    add_notebooks(add)
    add.set_defaults(run=_student)


def _add_check(parts: argparse._SubParsersAction) -> None:
    add = parts.add_parser("check", help="grade a folder of submissions, each within limits of time and memory")
    add.add_argument("students", metavar="STUDENT_DIR", help="has a folder for each student, or is nbgrader's")
    add.add_argument("--out", default="grades.csv", metavar="FILE", help="the table (grades.csv)")
    add.add_argument("--seconds", type=float, default=60.0, help="that a cell may take (60)")
    add.add_argument("--memory", type=float, default=4.0, metavar="GIB", help="that a notebook may take (4)")
    add_notebooks(add)
    add.set_defaults(run=_check)


def _add_site(parts: argparse._SubParsersAction) -> None:
    add = parts.add_parser("site", help="execute the notebooks and write them as web pages")
    add.add_argument("out", metavar="OUT", help="a folder")
    add_notebooks(add)
    add.set_defaults(run=_site)


def _add_figures(parts: argparse._SubParsersAction) -> None:
    add = parts.add_parser("figures", help="draw the figures of the course for slides, as SVG and PNG")
    add.add_argument("out", metavar="OUT", help="a folder")
    add.set_defaults(run=_figures)


def add_notebooks(add: argparse.ArgumentParser) -> None:
    """The option that all of them have."""
    add.add_argument("--notebooks", default="notebooks", metavar="FOLDER", help="of the course (notebooks)")


def _student(arguments: argparse.Namespace) -> int:
    from .edition import student_edition

    written = student_edition(arguments.out, arguments.notebooks)
    print(f"{len(written)} notebooks in {arguments.out}")
    return 0


def _site(arguments: argparse.Namespace) -> int:
    from .site import site

    print(f"open {site(arguments.out, arguments.notebooks)}")
    return 0


def _figures(arguments: argparse.Namespace) -> int:
    from .figures import figures

    print(f"{len(figures(arguments.out))} files in {arguments.out}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from .grading import grade

    try:
        grades = grade(arguments.students, arguments.out, arguments.notebooks, arguments.seconds, arguments.memory)
    except KeyboardInterrupt:
        print(f"stopped; what is graded so far: {arguments.out}", file=sys.stderr)
        raise
    totals: dict[str, list[float]] = {}
    for row in grades:
        total = totals.setdefault(row.student, [0.0, 0.0])
        total[0] += row.points
        total[1] += row.max_points
    width = max(map(len, totals))
    print("\n".join(f"{student:<{width}}  {points:g} of {most:g}" for student, (points, most) in totals.items()))
    print(f"every exercise: {arguments.out}")
    return 0
