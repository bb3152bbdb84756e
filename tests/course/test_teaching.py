"""The teacher's page tells the truth about the notebooks."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \[(\d\d) [^\]]+\]\(([^)]+)\) \| .+ \| ([\d, ]*) ?\| (\d+) \| (\d+), (\d+) \|$", re.MULTILINE)
ROWS = {number: rest for number, *rest in ROW.findall(TEXT)}
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def _cells(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]


def test_every_notebook_is_there():
    assert [name for name, *_ in ROWS.values()] == NOTEBOOKS


@pytest.mark.parametrize("number", ROWS)
def test_needs(number):
    """What the notebook itself names before it begins."""
    name, needs, _, _, _ = ROWS[number]
    links = set(re.findall(r"\]\((\d\d)_\w+\.ipynb\)", "".join(_cells(name)[0]["source"])))
    assert set(re.findall(r"\d\d", needs)) == links
    assert all(needed < number for needed in links)


@pytest.mark.parametrize("number", ROWS)
def test_exercises(number):
    name, _, _, exercises, points = ROWS[number]
    marks = [cell["metadata"].get("nbgrader", {}) for cell in _cells(name)]
    graded = [mark["points"] for mark in marks if mark.get("grade")]
    assert (len(graded), sum(graded)) == (int(exercises), int(points))


def test_minutes_of_the_lecture():
    lecture = TEXT.partition("### One lecture, 90 minutes")[2].partition("###")[0]
    assert sum(map(int, re.findall(r"^\| (\d+) \|", lecture, re.MULTILINE))) == 90


def test_a_course_unit_has_as_many_sessions_as_it_needs():
    assert len(NOTEBOOKS) + 1 == 7 * 2


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):]+)\)", TEXT))))
def test_links(target):
    assert (FOLDER / target).is_file()


@pytest.mark.parametrize("quoted", re.findall(r'"([^"]+)" in \[\d\d\]\(([^)]+)\)', TEXT))
def test_quoted_headings(quoted):
    heading, name = quoted
    sources = ["".join(cell["source"]) for cell in _cells(name)]
    assert any(line.lstrip("# ") == heading for source in sources for line in source.splitlines() if line[:1] == "#")
