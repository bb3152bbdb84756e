"""The confusion table of the zoo: every bug is named rightly or located, none is named wrongly."""

import functools

import pytest

from mobilenet_np.check import gradcheck
from mobilenet_np.diagnosis.confusion import CAUSES, OUTCOMES, confusion
from mobilenet_np.zoo import BUGS

LOCATED = {
    # No array operation makes these right, and no other argument: what is missing is a path through the op.
    "depthwise_conv2d: overwritten by the next tap",
    "batch_norm_train: without the mean term",
    "batch_norm_train: without the variance term",
    "batch_norm_train: inference formula",
    "batch_norm_train: eps forgotten",
    "batch_norm_train: unbiased count",
    "batch_norm_train: dgamma with x",
    "batch_norm_train: statistics per image",
    "batch_norm_inference: training formula",
    "relu6: open at six",
    "hard_swish: forgotten sixth",
    "hard_swish: gate taken for a constant",
    "squeeze_excite: only the direct path",
    "squeeze_excite: only the gate path",
    "squeeze_excite: gate averages positions",  # dx; its weights' gradients are named
    "squeeze_excite: hard sigmoid skipped",
    "global_average_pool: first pixel only",
    "dropout: another mask",
    "softmax_cross_entropy: only the right class",
}
SIDE_EFFECTS = {"batch_norm_train: centres x in place", "relu: writes into dy"}


@functools.cache
def measured(method):
    return confusion(seeds=[0, 4] if method == "complex" else [2], sizes=2, method=method)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_never_named_wrongly(method):
    table = measured(method)
    assert len(table.verdicts) == len(BUGS) * (4 if method == "complex" else 2)
    assert not table.wrong, [(v.title, v.said) for v in table.wrong]


@pytest.mark.parametrize("method", ["complex", "central"])
def test_guesses_alone_name_all_but_these(method):
    table = measured(method)
    assert set(table.only_located()) == LOCATED
    partly = {v.title for v in table.verdicts if v.alone == "partly"}
    assert partly == {"squeeze_excite: gate averages positions"}
    # Always or never: a name does not depend on the numbers drawn.
    assert table.counts()["named"] == len(table.verdicts) * (len(BUGS) - len(LOCATED)) // len(BUGS)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_with_the_zoo_to_compare_with_all_are_named(method):
    table = measured(method)
    assert table.only_located(known=True) == ()
    assert table.counts(known=True) == {"named": len(table.verdicts)}


def test_what_is_not_named_is_located():
    for verdict in measured("complex").verdicts:
        if verdict.alone == "located":
            assert any("wrong, most at [" in said for said in verdict.said)


def test_every_right_cause_belongs_to_a_bug():
    titles = {f"{bug.op}: {bug.name}" for bug in BUGS}
    caused = {f"{op}: {name}" for op, name in CAUSES}
    assert caused <= titles
    assert titles - caused <= LOCATED | SIDE_EFFECTS
    # Of these some gradients may be named, and dx never is.
    assert caused & LOCATED == {"squeeze_excite: gate averages positions", "squeeze_excite: hard sigmoid skipped"}


def test_a_bug_is_no_other_bug_either():
    """Compared with the zoo without the bug itself, nothing else in it claims to be the one."""
    for bug in BUGS[::3]:
        others = [other for other in BUGS if other is not bug]
        report = gradcheck((bug.forward, bug.backward), *bug.draw(1), seed=1, suspects=others, **bug.options())
        assert not [finding.mistakes for finding in report.diagnosis.findings if finding.mistakes], bug


def test_a_wrong_name_would_show():
    """The table can fail: with another bug's cause for the truth, it says WRONG."""
    flipped, swapped = BUGS[:2]
    assert (flipped.name, swapped.name) == ("flipped kernel", "rows and columns swapped")
    disguised = swapped._replace(name=flipped.name)
    table = confusion([disguised], seeds=[0], sizes=1)
    assert [v.alone for v in table.wrong] == ["WRONG"]
    almost = flipped._replace(backward=lambda dy, cache: tuple(grad * (1 + 1e-14) for grad in flipped.right(dy, cache)))
    assert [v.alone for v in confusion([almost], seeds=[0], sizes=1).wrong] == ["MISSED"]


def test_arguments_that_do_not_show_a_bug_are_left_out():
    (relu6,) = (bug for bug in BUGS if bug.op == "relu6")
    low = relu6._replace(arrays=lambda rng: (rng.uniform(-5, 5, (2, 3)),))
    assert confusion([low, relu6._replace(backward=relu6.right)], seeds=[0, 1], sizes=2).verdicts == ()
    assert len(confusion([relu6], seeds=range(20), sizes=3, method="central").verdicts) == 60
    # A bug that only leaves something behind shows, too.
    for name in ("writes into dy", "centres x in place"):
        (bug,) = (bug for bug in BUGS if bug.name == name)
        assert len(confusion([bug], seeds=[0], sizes=1).verdicts) == 1


def test_the_table_prints():
    lines = str(measured("central")).splitlines()
    assert [word for word in OUTCOMES if word in lines[1]] == list(OUTCOMES)
    assert sum(line.startswith(f"{bug.op}: {bug.name} ") for bug in BUGS for line in lines) == len(BUGS)
    assert lines[-1].startswith(f"all {2 * len(BUGS)}")
    assert "      2 x dx is computed with w rotated by 180 degrees" in lines
