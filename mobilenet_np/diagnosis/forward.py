"""What is wrong with a forward pass? The same guesses as for gradients, where they make sense for an output."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from ..check.cases import Case, case_at, other_cases
from ..check.factors import factors
from ..check.hypotheses import alternatives, changes
from ..check.numerical import generator
from ..check.subjects import as_subject
from .arguments import Reference

RTOL = 1e-9


def explain_forward(
    mine: Callable[..., np.ndarray], like: Reference, arrays: dict[str, np.ndarray], options: dict, seed: int = 0
) -> tuple[str, ...]:
    """Sentences about y that hold exactly, for these arguments and for others; none if no guess fits.

    Parameters
    ----------
    mine : callable
        ``mine(*arrays, **options) -> y``, which is wrong.
    like : Reference
    arrays, options
        Arguments with which it is wrong.
    seed : int
    """
    rng = generator(seed)
    subject = as_subject((like.forward, like.backward), *_first_and_others(arrays), options)
    given = case_at(subject, np.ones(subject.output(subject.tensors).shape), "complex", "numpy")
    cases = [given, *other_cases(given, rng, "numpy")]
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            ys = [(case, np.asarray(mine(*case.subject.arrays.values(), **options))) for case in cases]
        except Exception:  # sizes of our choice, which it may refuse
            return ()
        for text, output in _guesses(given):
            try:
                if all(_same(y, output(case)) for case, y in ys):
                    found.append(text)
            except Exception:  # a guess that makes no sense here
                continue
    return tuple(found)


def _guesses(given: Case) -> Iterator[tuple[str, Callable[[Case], np.ndarray]]]:
    for order in itertools.permutations(range(given.y.ndim)):
        if order != tuple(range(given.y.ndim)):
            what = "y is in NCHW order" if order == (0, 3, 1, 2) else f"y has its axes in another order: {order}"
            yield what, lambda case, order=order: case.y.transpose(order)
    for key, (text, _) in factors(given).items():
        yield f"y {text}", lambda case, key=key: case.y * factors(case)[key][1]
    for name in given.tensors:
        for words, change in changes(given, name):
            yield (
                f"y is computed with {name} {words}",
                lambda case, name=name, change=change: _output(case, {name: change(case.tensors[name])}, {}),
            )
    for option, now in {**given.subject.defaults, **given.subject.options}.items():
        for other in alternatives(now, given.subject.defaults.get(option)):
            yield (
                f"y is computed with {option} = {other} in place of {now}",
                lambda case, option=option, other=other: _output(case, {}, {option: other}),
            )


def _output(case, tensors, options):
    subject = case.subject.remade({**case.subject.arrays, **tensors}, options)
    return subject.output(subject.tensors)


def _first_and_others(arrays):
    x, *others = arrays.values()
    return x, tuple(others)


def _same(y: np.ndarray, other: np.ndarray) -> bool:
    return y.shape == other.shape and bool(np.all(np.abs(y - other) <= RTOL * np.abs(other).max(initial=0.0)))
