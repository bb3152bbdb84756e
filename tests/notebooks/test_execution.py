"""The notebooks run: with the solutions everything, also without Numba; without them everything but the checks."""

import re
from pathlib import Path

import pytest

from mobilenet_np.course.edition import is_check

PATHS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def _errors(cell):
    return [output for output in cell.get("outputs", ()) if output.output_type == "error"]


def _traceback(errors):
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(errors[0].traceback)) if errors else ""


def _said(cell, name):
    return "".join(o.text for o in cell.get("outputs", ()) if o.output_type == "stream" and o.name == name)


@EACH
@pytest.mark.parametrize("which", ["solutions", "without_numba"])
def test_with_solutions(outputs):
    for cell in outputs:
        assert not _errors(cell), f"{cell.id}: {_traceback(_errors(cell))}"
        assert "Warning" not in _said(cell, "stderr"), cell.id
        if is_check(cell):
            assert _said(cell, "stdout").endswith(": right\n"), cell.id
            # nbgrader gives no points for a check that writes to stderr, and takes a result for the points.
            assert {(o.output_type, o.get("name")) for o in cell.outputs} == {("stream", "stdout")}, cell.id


@EACH
@pytest.mark.parametrize("which", ["students"])
def test_without_solutions_the_checks_say_so_and_all_else_runs(outputs):
    for cell in outputs:
        errors = _errors(cell)
        if is_check(cell):
            assert [error.ename for error in errors] == ["NotWrittenYet"], f"{cell.id}: {errors}"
            assert len(errors[0].traceback) == 1, cell.id
        else:
            assert not errors, f"{cell.id}: {_traceback(errors)}"
