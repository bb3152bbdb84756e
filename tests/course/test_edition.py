"""The students' edition."""

import json
from pathlib import Path

import pytest

from mobilenet_np.cli import main
from mobilenet_np.course import edition

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
REAL = sorted(NOTEBOOKS.glob("*.ipynb"))
IDIOM = len("for index in np.ndindex(*x.shape):")  # what is no longer gives nothing away


def _sources(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


def test_solutions_become_stubs(solutions, tmp_path, capsys):
    assert main(["course", "student", str(tmp_path / "out"), "--notebooks", str(solutions)]) == 0
    assert capsys.readouterr() == (f"1 notebooks in {tmp_path / 'out'}\n", "")
    before, after = _sources(solutions / "01_small.ipynb"), _sources(tmp_path / "out" / "01_small.ipynb")
    assert after[2] == (
        'def double(x):\n    """Twice as much."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
    )
    assert after[4] == "def triple(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert [after[i] for i in (0, 1, 3, 5, 6)] == [before[i] for i in (0, 1, 3, 5, 6)]


def test_a_solution_cell_without_marks_is_all_solution(notebook):
    notebook["cells"][4]["source"] = "triple = lambda x: 3 * x"
    cell = edition.without_solutions(notebook)["cells"][4]
    assert cell["source"] == "# YOUR CODE HERE\nraise NotImplementedError()"


def test_outputs_are_cleared_and_checks_locked(notebook):
    notebook["cells"][3] |= {
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "8"}],
        "execution_count": 3,
    }
    cells = edition.without_solutions(notebook)["cells"]
    assert (cells[3]["outputs"], cells[3]["execution_count"]) == ([], None)
    assert cells[3]["metadata"]["editable"] is cells[3]["metadata"]["deletable"] is False
    assert notebook["cells"][3]["execution_count"] == 3


def test_written_as_jupyter_writes(notebook, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    (tmp_path / "01.ipynb").write_text(edition.text_of(notebook))
    nbformat.write(nbformat.read(tmp_path / "01.ipynb", as_version=4), tmp_path / "02.ipynb")
    assert (tmp_path / "01.ipynb").read_text() == (tmp_path / "02.ipynb").read_text()


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_no_answer_is_left(path):
    """Neither a mark nor a line of a solution, wherever in the notebook."""
    before = edition.parse(path)
    after = edition.without_solutions(before)
    left = {line.strip() for cell in after["cells"] for line in cell["source"].splitlines()}
    answers = [
        line.strip() for cell in before["cells"] if edition.is_solution(cell) for line in _answer(cell["source"])
    ]
    assert answers
    assert "SOLUTION" not in edition.text_of(after)
    assert not {line for line in answers if len(line) > IDIOM} & left


def _answer(source):
    return source.partition("### BEGIN SOLUTION\n")[2].partition("### END SOLUTION")[0].splitlines()


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_as_nbgrader_makes_it(path):
    """Stubs, outputs and locks, cell by cell."""
    nbformat = pytest.importorskip("nbformat")
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    theirs, resources = nbformat.read(path, as_version=4), {}
    for step in (preprocessors.LockCells, preprocessors.ClearSolutions, preprocessors.ClearOutput):
        theirs, resources = step().preprocess(theirs, resources)
    ours = nbformat.reads(edition.text_of(edition.without_solutions(edition.parse(path))), as_version=4)
    assert [cell.source for cell in ours.cells] == [cell.source for cell in theirs.cells]
    assert [cell.metadata for cell in ours.cells] == [cell.metadata for cell in theirs.cells]


@pytest.mark.parametrize(
    ("number", "source", "message"),
    [
        (1, "### BEGIN SOLUTION\n### END SOLUTION", "outside a solution cell"),
        (2, "### BEGIN SOLUTION\nx", "does not end"),
        (2, "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "begins within"),
    ],
)
def test_marks_that_do_not_pair(solutions, notebook, tmp_path, number, source, message):
    notebook["cells"][number]["source"] = source
    (solutions / "02_wrong.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(ValueError, match=message):
        edition.student_edition(tmp_path / "out", solutions)
    assert not (tmp_path / "out").exists()


def test_the_solutions_are_not_overwritten(solutions, capsys):
    before = (solutions / "01_small.ipynb").read_bytes()
    assert main(["course", "student", f"{solutions}/../notebooks", "--notebooks", str(solutions)]) == 2
    assert "holds the solutions" in capsys.readouterr().err
    assert (solutions / "01_small.ipynb").read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": [1]}', '{"worksheets": []}', "[" * 100_000])
def test_not_a_notebook(solutions, text):
    (solutions / "01_small.ipynb").write_text(text)
    with pytest.raises(ValueError, match=r"01_small\.ipynb is not a notebook of format 4"):
        edition.read(solutions)


def test_no_notebooks(tmp_path):
    with pytest.raises(ValueError, match="has no notebooks"):
        edition.read(tmp_path)
