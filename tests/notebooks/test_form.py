"""What all notebooks have in common, seen without running them."""

import ast
import json
import re
from pathlib import Path

import pytest

from mobilenet_np import ops
from mobilenet_np.course.edition import is_check, is_solution, parse

PATHS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SETUP = """try:
    import mobilenet_np as mn
except ImportError:  # on Colab, say: install it, once
    %pip install --quiet "mobilenet_np[data]"
    import mobilenet_np as mn"""
ANSWER = {"schema_version": 3, "solution": True, "grade": False, "locked": False, "task": False}
CHECK = {"schema_version": 3, "solution": False, "grade": True, "locked": True, "task": False}
OPS = "|".join(ops.__all__)
OP = re.compile(rf"my_(forward|backward)|(my_)?({OPS})|(\w+_)?({OPS})(_\w+)?_(forward|backward)")

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def _code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _markdown(notebook):
    return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def _python(source):
    """The syntax tree, with magics left out."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))


def _defined(source):
    """The names of all functions in a cell, those of lambdas included."""
    for node in ast.walk(_python(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


@each
def test_valid(path):
    nbformat = pytest.importorskip("nbformat")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all(re.fullmatch(r"[\w-]+", cell["id"]) for cell in notebook["cells"])


@each
def test_no_stored_outputs(path):
    for cell in _code(parse(path)):
        assert (cell["outputs"], cell["execution_count"]) == ([], None), cell["id"]


@each
def test_title_and_aims(path):
    title, *_ = _markdown(parse(path))
    assert re.match(rf"# {path.name[:2]} · \S.*\n", title)
    aims = title.partition("**After this notebook you can**")[2]
    assert 3 <= len(re.findall(r"^- ", aims, re.MULTILINE)) <= 4


@each
def test_setup(path):
    first, second, *_ = _code(parse(path))
    assert first["source"] == SETUP
    assert re.search(r"^mn\.course\.setup\(\)$", second["source"], re.MULTILINE)


@each
def test_questions_before_answers(path):
    assert sum(text.count("**Predict**") for text in _markdown(parse(path))) >= 3


@each
def test_ends_in_what_it_claimed(path):
    cells = parse(path)["cells"]
    (at,) = (i for i, cell in enumerate(cells) if re.match("## What we claimed", cell["source"]))
    code = [cell for cell in cells[at:] if cell["cell_type"] == "code"]
    assert code
    assert not any(is_check(cell) or is_solution(cell) for cell in code)
    asserted = ast.walk(_python(code[-1]["source"]))
    assert any(isinstance(node, ast.Assert) or getattr(node, "attr", "") == "assert_ok" for node in asserted)


@each
def test_defines_no_op(path):
    """The library has them; the learner's own are in the cells where they are asked for."""
    for cell in _code(parse(path)):
        if not is_solution(cell):
            assert not [name for name in _defined(cell["source"]) if OP.fullmatch(name)], cell["id"]


@each
def test_lines_fit_a_projector(path):
    for cell in _code(parse(path)):
        assert max(map(len, cell["source"].splitlines()), default=0) <= 100, cell["id"]


@each
def test_exercises(path):
    """An answer between its marks, under a heading that says so, and its check behind it."""
    cells = parse(path)["cells"]
    answers = [i for i, cell in enumerate(cells) if is_solution(cell)]
    assert answers
    assert [i for i, cell in enumerate(cells) if is_check(cell)] == [i + 1 for i in answers]
    for i in answers:
        answer, check = cells[i : i + 2]
        before = [cell["source"] for cell in cells[:i] if cell["cell_type"] == "markdown"]
        assert any(re.search(r"^#+ .*Exercise", text, re.MULTILINE) for text in before), answer["id"]
        marks = dict(answer["metadata"]["nbgrader"])
        name = marks.pop("grade_id")
        assert name.startswith(path.name[:3].replace("_", "-"))
        assert marks == ANSWER
        assert re.fullmatch(r"(?s)def .*\n +### BEGIN SOLUTION\n.*\n +### END SOLUTION(\n.*)?", answer["source"])
        marks = dict(check["metadata"]["nbgrader"])
        assert 1 <= marks.pop("points") <= 5
        assert marks == CHECK | {"grade_id": f"{name}-check"}
        (only,) = _python(check["source"]).body  # everything that can go wrong is inside
        assert isinstance(only, ast.With)
        assert ast.unparse(only.items[0]).startswith("mn.course.exercise(")
        assert "HIDDEN TESTS" not in check["source"]


def test_names_of_exercises_are_unique():
    cells = [cell["metadata"]["nbgrader"] for path in PATHS for cell in _code(parse(path)) if is_solution(cell)]
    names = [marks["grade_id"] for marks in cells]
    assert len(names) == len(set(names))


@each
def test_nbgrader_reads_the_marks(path):
    nbformat = pytest.importorskip("nbformat")
    schema = pytest.importorskip("nbgrader.nbgraderformat")
    schema.MetadataValidator().validate_nb(nbformat.read(path, as_version=4))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def conv2d(x, w):\n    return x", True),
        ("if True:\n    def my_backward(dy, cache):\n        return dy", True),
        ("hard_swish = lambda x: x", True),
        ("def naive_conv2d_forward(x, w):\n    return x", True),
        ("def my_forward(x):\n    return x", True),
        ("def signed_square_forward(x):\n    return x * abs(x), x", False),
        ("class A:\n    def relu_forward(self, x):\n        return x", True),
        ("class A(Layer):\n    def forward(self, x):\n        return super().forward(x)", False),
        ("%pip install x\nfrom mobilenet_np.ops.conv2d import conv2d_forward\ny = conv2d_forward(x, w)", False),
        ("def draw(ax):\n    return ax", False),
    ],
)
def test_an_op_is_found(source, found):
    assert any(OP.fullmatch(name) for name in _defined(source)) is found
