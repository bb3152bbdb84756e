"""What a learner reads from a check."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.course import NotRightYet, NotWrittenYet, exercise
from mobilenet_np.ops.linear import linear_backward, linear_forward


def test_right(capsys):
    with exercise("addition"):
        assert 1 + 1 == 2
    assert capsys.readouterr() == ("addition: right\n", "")


def _unwritten(*arrays, **options):
    raise NotImplementedError


@pytest.mark.parametrize(
    "check",
    [
        _unwritten,
        lambda: mn.check.student(_unwritten, _unwritten, like="linear").assert_ok(),
        lambda: mn.check.student(linear_forward, _unwritten, like="linear").assert_ok(),
        lambda: mn.gradcheck((linear_forward, _unwritten), np.ones((2, 2)), np.ones((2, 2)), np.ones(2)).assert_ok(),
        lambda: mn.gradcheck((_unwritten, _unwritten), np.ones((2, 2))).assert_ok(),
        lambda: mn.adjoint_test(_unwritten, _unwritten, (2, 2)),
    ],
)
def test_not_written_yet(check, capsys):
    with pytest.raises(NotWrittenYet, match=r"^addition: not written yet") as caught, exercise("addition"):
        check()
    assert capsys.readouterr() == ("", "")
    assert len(caught.value._render_traceback_()) == 1


def test_wrong_gradient_comes_with_its_diagnosis():
    def backward(dy, cache):
        dx, dw, db = linear_backward(dy, cache)
        return dx, dw, db / len(dy)

    with pytest.raises(NotRightYet, match=r"(?s)^the linear layer: student.*batch size"), exercise("the linear layer"):
        mn.check.student(linear_forward, backward, like="linear").assert_ok()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AssertionError("7 is not 8"), "7 is not 8"),
        (NameError("name 'f' is not defined"), "NameError: name 'f' is not defined"),
        (SystemExit(1), "SystemExit: 1"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_other_mistakes(error, words):
    with pytest.raises(NotRightYet) as caught, exercise("addition"):
        raise error
    assert str(caught.value) == f"addition: {words}"
    assert caught.value.__suppress_context__


def test_interrupt_is_not_a_mistake():
    with pytest.raises(KeyboardInterrupt), exercise("addition"):
        raise KeyboardInterrupt


CELLS = [
    "import mobilenet_np as mn",
    "def ratio(a, b):\n    return a / b",
    "with mn.course.exercise('a ratio'):\n    ratio(1, 0)",
    "with mn.course.exercise('a ratio'):\n    assert ratio(1, 2) == 2",
    "with mn.course.exercise('a ratio'):\n    raise NotImplementedError",
    "with mn.course.exercise('a ratio'):\n    assert ratio(4, 2) == 2, 'upside down'",
]


def test_in_jupyter(tmp_path):
    client = pytest.importorskip("nbclient", reason="needs Jupyter: the notebooks extra").NotebookClient
    nbformat = pytest.importorskip("nbformat", reason="needs Jupyter: the notebooks extra")
    pytest.importorskip("ipykernel", reason="needs Jupyter: the notebooks extra")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    client(notebook, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": tmp_path}}).execute()
    by_zero, upside_down, unwritten, right = (cell.outputs[0] for cell in notebook.cells[2:])
    assert by_zero.ename == "NotRightYet"
    assert by_zero.traceback == [
        "a ratio: ZeroDivisionError: division by zero",
        "    in ratio, line 2: return a / b",
    ]
    assert upside_down.traceback[1] == "    in <module>, line 2: assert ratio(1, 2) == 2"
    assert unwritten.ename == "NotWrittenYet"
    assert right.text == "a ratio: right\n"
