"""Trials: the arguments are various, and whatever a learner's passes do is said in words."""

import numpy as np
import pytest

from mobilenet_np.diagnosis.arguments import reference
from mobilenet_np.diagnosis.trials import try_on_random_arguments


def _trials(like, forward, backward, supports=lambda *arrays, **options: True, count=40, seed=0):
    return try_on_random_arguments(reference(like), forward, backward, supports, count, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("forward", "backward", "fault"),
    [
        (lambda x, w, b: 1 / 0, None, "the forward pass raises ZeroDivisionError: division by zero"),
        (lambda x, w, b: x @ w + b, None, r"the forward pass must return (y, cache)"),
        (lambda x, w, b: (x @ w, 0), None, "y is wrong: at ["),
        (lambda x, w, b: ((x @ w + b).T, 0), None, "y has shape"),
        (lambda x, w, b: ((x @ w + b) + 0j, 0), None, "y is complex128, it must be float64"),
        (lambda x, w, b: (x @ w + b, (x, w)), lambda dy, c: dy["x"], "the backward pass raises IndexError"),
        (lambda x, w, b: (x @ w + b, (x, w)), lambda dy, c: dy @ c[1].T, "the backward pass returns 1 gradients"),
        (
            lambda x, w, b: (x @ w + b, (x, w)),
            lambda dy, c: (dy @ c[1].T, c[0].T @ dy, dy.sum(axis=0, keepdims=True)),
            "db has shape (1, ",
        ),
        (
            lambda x, w, b: (x @ w + b, (x, w)),
            lambda dy, c: (dy @ c[1].T, c[0].T @ dy, dy.sum(axis=0) + 0 * np.multiply(dy, 2, out=dy)[0]),
            "dy changed on the way",
        ),
    ],
)
def test_everything_that_a_learner_may_do(forward, backward, fault):
    faults = [trial.fault for trial in _trials("linear", forward, backward, count=30) if not trial.ok]
    assert any(words.startswith(fault) for words in faults), faults[:3]


def test_arguments_are_various_and_reproducible():
    op = reference("depthwise_conv2d")
    trials, again, others = (_trials(op.name, op.forward, op.backward, count=100, seed=seed) for seed in (0, 0, 1))
    assert [str(trial) for trial in trials] == [str(trial) for trial in again]
    assert [str(trial) for trial in trials] != [str(trial) for trial in others]
    assert {trial.options["stride"] for trial in trials} == {1, 2, 3}
    paddings = [trial.options["padding"] for trial in trials]
    assert any(np.any(p) and len({*np.ravel(p)}) > 1 for p in paddings)
    assert any(not np.any(p) for p in paddings)
    kernels = {trial.arrays["w"].shape[:2] for trial in trials}
    assert {(1, 1), (3, 3), (5, 5)} <= kernels
    assert any(a != b for a, b in kernels)


def test_from_the_smallest_to_the_largest_and_only_what_is_supported():
    op = reference("linear")
    trials = _trials("linear", op.forward, op.backward, lambda x, w, b: len(x) == 2)
    assert 0 < len(trials) < 40
    assert {len(trial.arrays["x"]) for trial in trials} == {2}
    assert [trial.size for trial in trials] == sorted(trial.size for trial in trials)
    assert all(trial.ok and trial.forward_ok for trial in trials)
    assert _trials("linear", op.forward, op.backward, lambda x, w, b: False) == ()


def test_not_written_yet_is_not_wrong():
    def backward(dy, cache):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        _trials("linear", reference("linear").forward, backward)
