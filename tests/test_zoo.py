"""Every bug of the zoo is caught, every right backward pass is left alone, and weaker checkers miss what they miss."""

import numpy as np
import pytest

from mobilenet_np import ops, zoo
from mobilenet_np.check.numerical import complex_slope, unit_line
from mobilenet_np.forms import form

by_bug = pytest.mark.parametrize("bug", zoo.BUGS, ids=lambda bug: f"{bug.op}-{bug.name}".replace(" ", "_"))

# Right numbers, bad manners: what they spoil is not a gradient.
SIDE_EFFECTS = {"writes into dy": "backward changed dy", "centres x in place": "backward changed x"}


@by_bug
@pytest.mark.parametrize("method", ["complex", "central"])
def test_caught_and_only_the_bug(bug, method):
    for seed in range(3):
        wrong = bug.gradcheck(seed, method=method)
        assert not wrong.ok, f"{bug!r} went through"
        if bug.name in SIDE_EFFECTS:
            assert wrong.problems == (SIDE_EFFECTS[bug.name],)
            assert all(row.ok for row in wrong.rows)
        else:
            assert not wrong.problems
            assert max(row.error for row in wrong.rows) > 1e-3, "a mistake, not rounding"
        right = bug.gradcheck(seed, right=True, method=method)
        right.assert_ok()
        assert not right.kinks
        assert not any("zero everywhere" in note for note in right.notes)


@pytest.mark.parametrize("name", ["loops", "numpy", "numba"])
def test_caught_in_every_form(name):
    with form(name):
        assert zoo.hunt(seed=1).ok


def test_every_op_has_a_bug_and_every_bug_says_what_it_is():
    assert len(zoo.BUGS) >= 24
    modules = {bug.op.removesuffix("_train") for bug in zoo.BUGS}
    assert modules == set(ops.__all__)
    assert len({(bug.op, bug.name) for bug in zoo.BUGS}) == len(zoo.BUGS)
    for bug in zoo.BUGS:
        assert bug.mistake.endswith(".")
        assert "\n" not in bug.mistake
        assert 40 < len(bug.mistake) < 130


def test_all_wrong_backwards_of_the_modules_are_on_show():
    modules = (zoo.activations, zoo.convolutions, zoo.heads, zoo.normalization)
    written = {id(value) for module in modules for value in vars(module).values() if isinstance(value, zoo.Bug)}
    assert written == {id(bug) for bug in zoo.BUGS}


def with_ones(pair, *arrays, **kwargs):
    """A checker with dy = 1 that is right in everything else: it looks at the gradient of x alone, exactly."""
    forward, backward = pair
    with form("numpy"):
        y, cache = forward(*arrays, **kwargs)
        dy = np.ones_like(y)
        gradients = backward(dy, cache)
        dx = gradients[0] if isinstance(gradients, tuple) else gradients

        def output(tensors):
            others = [a.astype(np.complex128) if a.dtype.kind == "f" else a for a in arrays[1:]]
            fresh = {name: np.random.default_rng(0) if name == "rng" else value for name, value in kwargs.items()}
            return np.asarray(forward(tensors["x"], *others, **fresh)[0])

        x = {"x": arrays[0]}
        slopes = [complex_slope(output, x, unit_line(x, "x", index), dy) for index in np.ndindex(*arrays[0].shape)]
    return bool(np.allclose(dx.ravel(), slopes, rtol=1e-9, atol=1e-12))


def test_dy_of_ones_misses_bugs_that_a_random_dy_catches():
    """All of these spoil dx. Three are BatchNorm's, where dx = 0 for dy = 1; the fourth forgets to multiply by dy."""
    blind = {"without the variance term", "eps forgotten", "gamma forgotten", "loss taken for the end"}
    border = {"flipped kernel"}  # agrees everywhere but there
    hunt = zoo.hunt(with_ones, [bug for bug in zoo.BUGS if bug.name in blind | border])
    assert {bug.name for bug in hunt.missed} == blind
    assert {bug.name for bug in hunt.caught} == border
    assert not hunt.false_alarms


def test_hunt_reports_missed_bugs_and_false_alarms():
    believer = zoo.hunt(lambda pair, *arrays, **kwargs: True)
    assert (len(believer.caught), len(believer.missed)) == (0, len(zoo.BUGS))
    assert not believer.ok
    assert "MISSED       depthwise_conv2d       flipped kernel" in str(believer)

    sceptic = zoo.hunt(lambda pair, *arrays, **kwargs: False, zoo.BUGS[:3])
    assert sceptic.false_alarms == sceptic.caught == zoo.BUGS[:3]
    assert not sceptic.ok
    assert str(sceptic).startswith("3 of 3 bugs caught")


def test_arguments_are_reproducible_and_differ_between_seeds():
    for bug in zoo.BUGS:
        for first, again, other in zip(bug.draw(1), bug.draw(1), bug.draw(2), strict=True):
            np.testing.assert_array_equal(first, again)
            assert not np.array_equal(first, other)
