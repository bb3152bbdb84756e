"""nbgrader takes the notebooks as they are: it generates the assignment, collects what is handed in, and grades it."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from mobilenet_np.course import edition

pytest.importorskip("nbgrader", reason="needs nbgrader: the notebooks extra")
pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's own, about SQLAlchemy and traitlets

REAL = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """nbgrader in a folder of its own, with an exchange of its own."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # it calls alembic by name
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(tmp_path / "course")
    config.CourseDirectory.course_id = "mobilenets"
    config.Exchange.root = str(tmp_path / "exchange")
    config.Exchange.cache = str(tmp_path / "cache")
    config.Exchange.assignment_dir = str(tmp_path / "student")
    (tmp_path / "course" / "source" / "week1").mkdir(parents=True)
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    return NbGraderAPI(config=config)


def _ok(result):
    assert result["success"], f"{result.get('error')}\n{result.get('log')}"


def _sources(path):
    return [cell["source"] for cell in edition.parse(path)["cells"]]


def test_all_notebooks_become_an_assignment(course, tmp_path):
    for path in REAL:
        shutil.copy(path, tmp_path / "course" / "source" / "week1")
    _ok(course.generate_assignment("week1"))
    released = sorted((tmp_path / "course" / "release" / "week1").glob("*.ipynb"))
    assert [path.name for path in released] == [path.name for path in REAL]
    for ours, theirs in zip(REAL, released, strict=True):
        student = edition.without_solutions(edition.parse(ours))
        assert [cell["source"] for cell in student["cells"]] == _sources(theirs)


def test_handed_in_collected_and_graded(course, notebook, tmp_path):
    """As on paper: released, one right answer, one wrong, and an answer that raises."""
    source = tmp_path / "course" / "source" / "week1" / "01_small.ipynb"
    source.write_text(json.dumps(notebook))
    _ok(course.generate_assignment("week1"))
    _ok(course.release_assignment("week1"))

    release = tmp_path / "course" / "release" / "week1" / "01_small.ipynb"
    answers = {
        "ada": ("def double(x):\n    return 2 * x", "def triple(x):\n    return 3 * x"),
        "bob": ("def double(x):\n    return x", "def triple(x):\n    return 3 * x"),
        "eve": (None, "def triple(x):\n    return 1 / 0"),
    }
    for student, written in answers.items():
        _hand_in(course, tmp_path, release, student, written)
    _ok(course.collect("week1"))
    for student in answers:
        _ok(course.autograde("week1", student))
    assert {student: _points(course, student) for student in answers} == {"ada": [2, 1], "bob": [0, 1], "eve": [0, 0]}


def _hand_in(course, tmp_path, release, student, written):
    from nbgrader.exchange import ExchangeFactory

    handed_in = edition.parse(release)
    for number, source in zip((2, 4), written, strict=True):
        handed_in["cells"][number]["source"] = source or handed_in["cells"][number]["source"]
    folder = tmp_path / "student" / "week1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "01_small.ipynb").write_text(edition.text_of(handed_in))
    course.coursedir.assignment_id, course.coursedir.student_id = "week1", student
    submit = ExchangeFactory(config=course.config).Submit(
        coursedir=course.coursedir, authenticator=course.authenticator, config=course.config
    )
    submit.start()
    course.coursedir.student_id = "*"


def _points(course, student):
    with course.gradebook as gradebook:
        submission = gradebook.find_submission_notebook("01_small", "week1", student)
        grades = {grade.name: grade.auto_score for grade in submission.grades}
    return [grades["01-double-check"], grades["01-triple-check"]]
