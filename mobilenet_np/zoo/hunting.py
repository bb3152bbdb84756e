"""Let a checker loose on the zoo: which bugs does it catch, and does it leave the right backward passes alone?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..check import gradcheck
from . import activations, convolutions, heads, normalization
from .bug import Bug

BUGS: tuple[Bug, ...] = convolutions.BUGS + normalization.BUGS + activations.BUGS + heads.BUGS


class Hunt(NamedTuple):
    """What a checker made of every bug; print it."""

    caught: tuple[Bug, ...]
    missed: tuple[Bug, ...]
    false_alarms: tuple[Bug, ...]
    """Bugs whose *right* backward pass was rejected."""

    @property
    def ok(self) -> bool:
        """Every bug was caught, and no right backward pass was rejected."""
        return not self.missed and not self.false_alarms

    def __str__(self) -> str:
        lines = [f"{len(self.caught)} of {len(self.caught + self.missed)} bugs caught"]
        for verdict, bugs in (("caught", self.caught), ("MISSED", self.missed), ("FALSE ALARM", self.false_alarms)):
            lines += [f"{verdict:11}  {bug.op:21}  {bug.name:33}  {bug.mistake}" for bug in bugs]
        return "\n".join(lines)

    __repr__ = __str__


def hunt(checker: Callable[..., bool] | None = None, bugs: Iterable[Bug] = BUGS, seed: int = 0) -> Hunt:
    """Show a checker every bug of the zoo, and the right backward pass beside it.

    Parameters
    ----------
    checker : callable, optional
        ``checker((forward, backward), *arrays, **kwargs) -> bool``, True if it finds nothing wrong. By default
        `mobilenet_np.check.gradcheck`; bring your own and see what it misses.
    bugs : iterable of Bug
    seed : int
        For the arguments.

    Returns
    -------
    Hunt
        With ``caught``, ``missed``, ``false_alarms`` and ``ok``; prints as a table.

    Examples
    --------
    >>> hunt().missed
    ()
    >>> hunt(lambda pair, *arrays, **kwargs: True).caught  # a checker that believes everything
    ()
    """

    def by_gradcheck(pair, *arrays, **kwargs):
        return gradcheck(pair, *arrays, seed=seed, **kwargs).ok

    checker = checker or by_gradcheck
    caught, missed, false_alarms = [], [], []
    for bug in bugs:
        believed = checker((bug.forward, bug.backward), *bug.draw(seed), **bug.options())
        (missed if believed else caught).append(bug)
        if not checker((bug.forward, bug.right), *bug.draw(seed), **bug.options()):
            false_alarms.append(bug)
    return Hunt(tuple(caught), tuple(missed), tuple(false_alarms))
