"""Grading: what each kind of bad submission costs, and whom."""

import csv
import json
import os
import subprocess
import sys
import time

import pytest

from mobilenet_np.cli import main
from mobilenet_np.course.grading import Grade, grade

pytest.importorskip("IPython")
pytest.importorskip("resource")

RIGHT = "def double(x):\n    return 2 * x"
RIGHT_TRIPLE = "def triple(x):\n    return 3 * x"


def _hand_in(folder, notebook, *changes):
    """Write a notebook in which (cell number, source or None to delete) are changed."""
    for number, source in sorted(changes, reverse=True):
        if source is None:
            del notebook["cells"][number]
        else:
            notebook["cells"][number]["source"] = source
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "01_small.ipynb").write_text(json.dumps(notebook))


@pytest.fixture
def graded(solutions, notebook, tmp_path):
    """Grades one submission: the points of both exercises, and the messages."""

    def run(*changes, seconds=2.0, memory=2.0):
        _hand_in(tmp_path / "class" / "ada", notebook, *({2: RIGHT, 4: RIGHT_TRIPLE} | dict(changes)).items())
        rows = grade(tmp_path / "class", tmp_path / "grades.csv", solutions, seconds, memory)
        return [row.points for row in rows], [row.message for row in rows]

    return run


def test_all_right(graded):
    assert graded() == ([2, 1], ["", ""])


def test_half_right(graded):
    points, messages = graded((2, "def double(x):\n    return x + 1"))
    assert points == [0, 1]
    assert messages == ["twice as much: 5 is not twice 4", ""]


def test_not_written(graded):
    points, messages = graded((2, "def double(x):\n    raise NotImplementedError()"))
    assert points == [0, 1]
    assert messages[0].startswith("twice as much: not written yet")


BAD = {
    "endless loop": ("def double(x):\n    while True: pass", "took longer than 2 s"),
    "endless loop when defined": ("while True: pass", "(a cell before: took longer than 2 s)"),
    "loop that catches everything": (
        "def double(x):\n    while True:\n        try:\n            while 1: pass\n        except BaseException: pass",
        "took longer than 2 s",
    ),
    "sleep": ("import time\ntime.sleep(100)", "took longer than 2 s"),
    "exit": ("import os\ndef double(x):\n    os._exit(0)", "ended the process (exit code 0)"),
    "crash": ("import ctypes\ndef double(x):\n    ctypes.string_at(0)", "ended the process (SIGSEGV)"),
    "killed": ("import os\ndef double(x):\n    os.kill(os.getpid(), 9)", "ended the process (SIGKILL)"),
    "sys.exit": ("import sys\ndef double(x):\n    sys.exit()", "SystemExit"),
    "memory": ("def double(x):\n    return len(bytearray(1 << 33)) and 8", "MemoryError"),
    "syntax error": ("def double(x)\n    return 8", "(a cell before: SyntaxError: expected ':'"),
    "error": (
        "def double(x):\n    return 1 / 0",
        "ZeroDivisionError: division by zero in double, line 2: return 1 / 0",
    ),
    "deleted": (None, "NameError: name 'double' is not defined"),
    "input": ("def double(x):\n    return 2 * int(input())", "EOFError"),
    "closed pipe": ("import os\nos.closerange(3, 64)\ndouble = lambda x: 8", "ended the process"),
    "recursion": ("def double(x):\n    return double(x)", "RecursionError"),
    "binary": ("def double(x):\n    raise ValueError('\\x00\\ud800' * 9999)", "ValueError: ??"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_costs_its_own_points_only(graded, name):
    source, words = BAD[name]
    points, messages = graded((2, source))
    assert points == [0, 1]
    assert words in messages[0]
    assert len(messages[0]) <= 500


def test_output_without_end_is_thrown_away(graded):
    flood = "def double(x):\n    for _ in range(20_000):\n        print('x' * 1000)\n    return 2 * x"
    assert graded((2, flood), seconds=20) == ([2, 1], ["", ""])


def test_children_do_not_outlive_it(graded, tmp_path):
    """Neither one that loops on in the background nor one that would run the rest of the notebook again."""
    mark = tmp_path / "children"
    source = f"""import os, time
def double(x):
    for _ in range(3):
        if os.fork() == 0:
            open({str(mark)!r}, "a").write(f"{{os.getpid()}}\\n")
            time.sleep(1000)
    while len(open({str(mark)!r}).read().split()) < 3:
        time.sleep(0.01)
    return 2 * x
if os.fork() == 0:
    double = lambda x: 0"""
    mark.touch()
    assert graded((2, source), seconds=10) == ([2, 1], ["", ""])
    pids = [int(pid) for pid in mark.read_text().split()]
    deadline = time.monotonic() + 10
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 3
    assert not any(map(_alive, pids))


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_checks_are_ours(graded, notebook):
    """Edited, deleted, given more points, or checked by a library that the notebook has changed."""
    notebook["cells"][3]["metadata"]["nbgrader"]["points"] = 1000
    points, messages = graded((2, "double = lambda x: 0"), (3, "1 + 1"), (4, "triple = lambda x: 0"), (5, None))
    assert points == [0, 0]
    assert messages[0] == "twice as much: 0 is not twice 4"
    assert messages[1] == "three times as much: AssertionError in <module>, line 2: assert triple(3) == 9"


def test_a_changed_library_is_put_right(graded):
    source = "import contextlib\nmn.course.exercise = lambda name: contextlib.suppress(Exception)\nmn = None"
    assert graded((2, source))[0] == [0, 1]


def test_helpers_and_errors_elsewhere_cost_nothing(graded):
    assert graded((1, "import mobilenet_np as mn\nfactor = 2"), (2, "double = lambda x: factor * x"), (6, "1/0"))[
        0
    ] == [
        2,
        1,
    ]


def test_magics_and_top_level_await(graded):
    source = "%matplotlib inline\nimport asyncio\nawait asyncio.sleep(0)\n!true\ndouble = lambda x: 2 * x"
    assert graded((2, source), seconds=20) == ([2, 1], ["", ""])


def test_a_notebook_that_does_nothing_but_hang_is_given_up(graded, notebook):
    notebook["cells"][6:] = [dict(notebook["cells"][1], source="while True: pass") for _ in range(6)]
    notebook["cells"].append(notebook["cells"].pop(4))
    points, messages = graded((4, notebook["cells"][4]["source"]), seconds=0.3)
    assert points == [2, 0]
    assert messages[1].startswith("not run: 5 cells of this notebook had to be stopped")


def test_a_class(solutions, notebook, tmp_path, capsys):
    """Both layouts of folders, one who handed in nothing of use, and the last of two versions."""
    other = json.loads(json.dumps(notebook))
    other["cells"] = other["cells"][:4]
    other["cells"][2]["metadata"]["nbgrader"]["grade_id"] = "02-double"
    other["cells"][3]["metadata"]["nbgrader"]["grade_id"] = "02-double-check"
    (solutions / "02_more.ipynb").write_text(json.dumps(other))
    (solutions / "03_never.ipynb").write_text(json.dumps(other))
    submitted = tmp_path / "course" / "submitted"
    _hand_in(submitted / "ada" / "week1", notebook)
    _hand_in(submitted / "ada" / "week1" / ".ipynb_checkpoints", notebook, (2, "1/0"))
    (submitted / "李" / "week1").mkdir(parents=True)
    (submitted / "李" / "week1" / "01_small.ipynb").write_text("{broken")
    (submitted / "李" / "week1" / "02_more.ipynb").write_text(json.dumps(other))
    table = tmp_path / "grades.csv"
    argv = ["course", "check", str(tmp_path / "course"), "--notebooks", str(solutions), "--out", str(table)]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"ada  3 of 5\n李    2 of 5\nevery exercise: {table}\n"
    with table.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == Grade._fields
    assert [row[:5] for row in rows] == [
        ["ada", "01_small", "01-double-check", "2", "2"],
        ["ada", "01_small", "01-triple-check", "1", "1"],
        ["ada", "02_more", "02-double-check", "0", "2"],
        ["李", "01_small", "01-double-check", "0", "2"],
        ["李", "01_small", "01-triple-check", "0", "1"],
        ["李", "02_more", "02-double-check", "2", "2"],
    ]
    assert rows[2][5] == "not handed in"
    assert rows[3][5].endswith("is not a notebook of format 4")


def test_one_folder_and_the_newer_of_two(solutions, notebook, tmp_path):
    _hand_in(tmp_path / "ada" / "first", json.loads(json.dumps(notebook)), (2, "double = lambda x: 0"))
    _hand_in(tmp_path / "ada" / "again", notebook)
    os.utime(tmp_path / "ada" / "first" / "01_small.ipynb", (0, 0))
    only = grade(tmp_path / "ada" / "again", tmp_path / "grades.csv", solutions)
    newer = [row for row in grade(tmp_path, tmp_path / "grades.csv", solutions) if row.student == "ada"]
    assert {row.student for row in only} == {"again"}
    assert [row.points for row in only] == [row.points for row in newer] == [2, 1]


def test_ctrl_c_keeps_what_is_graded(solutions, notebook, tmp_path, monkeypatch, capsys):
    from mobilenet_np.course import grading

    for name in ("ada", "bob", "eve"):
        _hand_in(tmp_path / "class" / name, notebook)
    real, started = grading.run, []

    def run(*arguments):
        started.append(arguments)
        if len(started) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(grading, "run", run)
    table = tmp_path / "grades.csv"
    argv = ["course", "check", str(tmp_path / "class"), "--notebooks", str(solutions), "--out", str(table)]
    assert main(argv) == 130
    assert f"stopped; what is graded so far: {table}" in capsys.readouterr().err
    assert [line.partition(",")[0] for line in table.read_text().splitlines()] == ["student", "ada", "ada"]


def test_ctrl_c_stops_the_cell(solutions, notebook, tmp_path):
    """The signal goes to the command; the process in which the cell loops is ended by it."""
    mark = tmp_path / "pid"
    _hand_in(
        tmp_path / "class" / "ada",
        notebook,
        (2, f"import os\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"),
    )
    argv = ["course", "check", str(tmp_path / "class"), "--notebooks", str(solutions)]
    with subprocess.Popen(
        [sys.executable, "-m", "mobilenet_np", *argv],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(2)
        assert process.wait(timeout=30) == 130
    assert not _alive(int(mark.read_text()))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("nowhere", "the folder nowhere does not exist"),
        (".", "has no notebooks of the course (like 01_small.ipynb)"),
        (". --out nowhere/grades.csv", "the folder nowhere does not exist"),
        (". --out notebooks", "notebooks is a folder"),
        (". --seconds 0", "seconds is 0.0"),
        (". --notebooks nowhere", "nowhere has no notebooks"),
    ],
)
def test_misuse(solutions, tmp_path, monkeypatch, capsys, argv, message):
    monkeypatch.chdir(tmp_path)
    if message.startswith("has no"):
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path / "empty")
        argv += f" --notebooks {solutions}"
    assert main(["course", "check", *argv.split()]) == 2
    assert message in capsys.readouterr().err
