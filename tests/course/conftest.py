"""A notebook of two small exercises, as the real ones are made."""

import json

import pytest

ANSWER = {"schema_version": 3, "solution": True, "grade": False, "locked": False, "task": False}
CHECK = {"schema_version": 3, "solution": False, "grade": True, "locked": True, "task": False}
DOUBLE = '''def double(x):
    """Twice as much."""
    ### BEGIN SOLUTION
    twice = x + x
    return twice
    ### END SOLUTION'''
TRIPLE = """def triple(x):
    ### BEGIN SOLUTION
    return 3 * x
    ### END SOLUTION"""
CHECK_DOUBLE = '''with mn.course.exercise("twice as much"):
    assert double(4) == mn.cost("v1").params_total * 0 + 8, f"{double(4)} is not twice 4"'''
CHECK_TRIPLE = """with mn.course.exercise("three times as much"):
    assert triple(3) == 9"""


def _code(name, source, **metadata):
    cell = {"cell_type": "code", "id": name, "metadata": {}, "outputs": [], "execution_count": None, "source": source}
    if metadata:
        cell["metadata"] = {"nbgrader": metadata | {"grade_id": name}}
    return cell


def _notebook():
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# 01 · Small numbers"},
        _code("setup", "import mobilenet_np as mn"),
        _code("01-double", DOUBLE, **ANSWER),
        _code("01-double-check", CHECK_DOUBLE, **CHECK, points=2),
        _code("01-triple", TRIPLE, **ANSWER),
        _code("01-triple-check", CHECK_TRIPLE, **CHECK, points=1),
        _code("claims", "assert 2 + 2 == 4"),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def notebook():
    return _notebook()


@pytest.fixture
def solutions(tmp_path):
    """A folder with the solution edition."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "01_small.ipynb").write_text(json.dumps(_notebook()))
    return folder
