"""Every plot: it draws on the axes it is given, returns them, opens no window, and shows the numbers it was given."""

import ast
import functools
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import cost, show
from mobilenet_np.measured import Machine
from mobilenet_np.receptive_field import ReceptiveField
from mobilenet_np.show.photograph import one_pattern_each, one_pattern_for_all
from mobilenet_np.train import History

PHOTO = np.random.default_rng(0).uniform(0, 1, (12, 10, 3))
HISTORIES = {
    name: History(loss=[2.0, 1.0, 1.0, 0.5], train_accuracy=[0.25, 0.5], test_accuracy=[0.375, last], steps=2)
    for name, last in (("one", 0.625), ("two", 0.75))
}
COUNTS = np.array([[3, 1, 0], [0, 4, 0], [0, 2, 2]])
LABELS, PREDICTIONS = np.array([0, 1, 2, 2]), np.array([0, 2, 2, 1])
PICTURES = np.linspace(0, 1, 4 * 5 * 5 * 3).reshape(4, 5, 5, 3)
MACHINE = Machine(2, 5e10, 1e11, 2e10)
KERNEL = np.random.default_rng(1).standard_normal((3, 3, 3, 5))


@functools.cache
def _trace():
    net = mn.build("v1", width=0.25, classes=4)
    return mn.trace(net, np.ones((2, 32, 32, 3), np.float32), np.array([0, 1]))


ONE_AXES = {
    "macs_by_block": lambda ax=None: show.macs_by_block(cost("v3-small"), ax=ax),
    "saving": lambda ax=None: show.saving([(16, 25 / 144)], ax=ax),
    "kernels_needed": lambda ax=None: show.kernels_needed({"a": [0.5, 0.0]}, ax=ax),
    "losses": lambda ax=None: show.losses(HISTORIES, ax=ax),
    "accuracies": lambda ax=None: show.accuracies(HISTORIES, ax=ax),
    "numbers": lambda ax=None: show.numbers({"x": COUNTS}, ax=ax),
    "confusion_matrix": lambda ax=None: show.confusion_matrix(COUNTS, ax=ax),
    "architecture": lambda ax=None: show.architecture(cost("v3-small"), ax=ax),
    "filters": lambda ax=None: show.filters(KERNEL[:, :, 0], ax=ax),
    "feature_maps": lambda ax=None: show.feature_maps(PHOTO, ax=ax),
    "gradient_norms": lambda ax=None: show.gradient_norms(_trace(), ax=ax),
    "manifold_errors": lambda ax=None: show.manifold_errors((2, 5), ax=ax),
    "receptive_field": lambda ax=None: show.receptive_field({"pixel": ReceptiveField()}, PHOTO, ax=ax),
    "separable_rank": lambda ax=None: show.separable_rank(KERNEL, ax=ax),
    "accuracy_against_macs": lambda ax=None: show.accuracy_against_macs(ax=ax),
    "resolution_law": lambda ax=None: show.resolution_law(ax=ax),
    "roofline": lambda ax=None: show.roofline(cost("v2"), MACHINE, ax=ax),
    "share_by_op": lambda ax=None: show.share_by_op({"v1": cost("v1")}, ax=ax),
    "width_law": lambda ax=None: show.width_law(ax=ax),
}
ROWS = {
    "activations": (lambda axes=None: show.activations(_trace(), axes=axes), 3),
    "manifold": (lambda axes=None: show.manifold((2, 5), axes=axes), 3),
    "nonlinearities": (lambda axes=None: show.nonlinearities(("relu6", "sigmoid"), axes=axes), 2),
    "nearest_separable": (lambda axes=None: show.nearest_separable(KERNEL, axes=axes), 3),
}
MANY_AXES = {
    "separable": (lambda axes=None: show.separable(one_pattern_each(PHOTO), axes=axes), (3, 3)),
    "not_separable": (lambda axes=None: show.not_separable(one_pattern_for_all(PHOTO), axes=axes), (3, 3)),
    "factorization": (lambda axes=None: show.factorization(axes=axes), (3, 6)),
    "mistakes": (lambda axes=None: show.mistakes(PICTURES, LABELS, PREDICTIONS, axes=axes), (1, 6)),
}
PAGES = {"factorize", "step", "step_op"}  # tested in test_stepper


def test_every_plot_is_tested_here():
    assert {*ONE_AXES, *MANY_AXES, *ROWS, *PAGES, "style"} == set(show.__all__)


def test_nothing_is_shown():
    calls = {
        node.func.attr
        for path in Path(show.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "subplots" in calls
    assert not calls & {"show", "pause", "ion", "savefig"}


@pytest.mark.parametrize("name", ONE_AXES)
def test_draws_on_the_axes_given(name):
    given = plt.figure().add_subplot()
    assert ONE_AXES[name](given) is given
    assert given.has_data()
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", ONE_AXES)
def test_draws_on_axes_of_its_own(name):
    ax = ONE_AXES[name]()
    assert ax.has_data()
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", MANY_AXES)
def test_draws_on_many_axes(name):
    draw, shape = MANY_AXES[name]
    given = plt.figure().subplots(*shape, squeeze=False)
    axes = draw(given)
    assert axes is given
    assert axes[0, 0].images
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", MANY_AXES)
def test_draws_on_many_axes_of_its_own(name):
    draw, shape = MANY_AXES[name]
    axes = draw()
    assert axes.shape == shape
    axes[0, 0].figure.canvas.draw()


@pytest.mark.parametrize("name", ROWS)
def test_draws_in_a_row(name):
    draw, columns = ROWS[name]
    given = plt.figure().subplots(1, columns)
    assert draw(given) is given
    assert all(ax.has_data() for ax in given)
    assert len(plt.get_fignums()) == 1
    own = draw()
    assert own.shape == (columns,)
    own[0].figure.canvas.draw()


@pytest.mark.parametrize("name", [*ONE_AXES, *ROWS, *MANY_AXES])
def test_letters_follow_the_size_that_is_set(name):
    """For a projector they are set larger: all of them, also those of ticks and legends, in a figure that has room."""
    draw = ONE_AXES.get(name) or (ROWS | MANY_AXES)[name][0]
    smallest = []
    for points in (10, 20):
        with plt.rc_context({"font.size": points}):
            figure = np.ravel(draw())[0].figure
            smallest.append(min((t.get_fontsize() for t in figure.findobj(mpl.text.Text) if t.get_text()), default=0))
    assert smallest[1] == pytest.approx(2 * smallest[0])


@pytest.mark.parametrize("model", ["v1", "v2", "v3-large", "v3-small"])
def test_bars_add_up_to_the_macs(model):
    ax = show.macs_by_block(cost(model), ax=plt.figure().add_subplot())
    assert sum(bar.get_height() for bar in ax.patches) * 1e6 == pytest.approx(cost(model).macs)
    assert len(ax.get_xticks()) == len(cost(model).architecture.blocks) + sum(
        bool(row.macs) for row in cost(model).rows if "." not in row.name
    )


def test_bars_of_one_op_are_its_macs():
    net = cost("v3-large")
    ax = show.macs_by_block(net, ax=plt.figure().add_subplot())
    for bars, (op, macs) in zip(ax.containers, net.macs_by_op.items(), strict=True):
        assert sum(bar.get_height() for bar in bars) * 1e6 == pytest.approx(macs), op


def test_saving_passes_through_exact_points():
    ax = show.saving([(16, 0.5)], ax=plt.figure().add_subplot())
    curve, _, points = ax.lines
    n, ratio = curve.get_data()
    assert ratio[list(n).index(16)] == 1 / 16 + 1 / 9
    assert (ratio > 1 / 9).all()
    assert points.get_xydata().tolist() == [[16, 0.5]]


def test_losses_are_averaged_over_epochs():
    ax = show.losses(HISTORIES, ax=plt.figure().add_subplot())
    means, every = ax.lines[:2]
    assert means.get_ydata().tolist() == [1.5, 0.75]
    assert every.get_ydata().tolist() == [2.0, 1.0, 1.0, 0.5]
    assert every.get_xdata().tolist() == [0.25, 0.75, 1.25, 1.75]  # in epochs


@pytest.mark.parametrize(
    ("loss", "steps", "means"), [([], 0, []), ([3.0], 2, []), ([3.0, 1.0, 2.0, 0.0, 1.0], 2, [2.0, 1.0])]
)
def test_losses_of_a_training_that_was_interrupted(loss, steps, means):
    """Before it began, in its first epoch, in its third."""
    ax = show.losses({"early": History(loss=loss, steps=steps)}, ax=plt.figure().add_subplot())
    whole, every = ax.lines
    assert whole.get_ydata().tolist() == means
    assert every.get_ydata().tolist() == loss
    ax.figure.canvas.draw()


def test_accuracies_show_both_kinds():
    ax = show.accuracies(HISTORIES, ax=plt.figure().add_subplot())
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[0.375, 0.625], [0.25, 0.5]]


def test_confusion_matrix_writes_every_count_but_zero():
    ax = show.confusion_matrix(COUNTS, ax=plt.figure().add_subplot())
    written = {(text.get_position()[1], text.get_position()[0]): int(text.get_text()) for text in ax.texts}
    assert written == {(i, j): count for (i, j), count in np.ndenumerate(COUNTS) if count}


def test_confusion_matrix_must_be_square():
    with pytest.raises(ValueError, match=r"shape \(2, 3\); it must be square"):
        show.confusion_matrix(COUNTS[:2])


def test_mistakes_shows_the_wrong_ones_only():
    axes = show.mistakes(PICTURES, LABELS, PREDICTIONS)
    assert [ax.get_title(loc="center") for ax in axes.flat if ax.images] == ["1, said 2", "2, said 1"]
    np.testing.assert_array_equal(axes[0, 0].images[0].get_array(), PICTURES[1])
