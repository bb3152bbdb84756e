"""What a bug of the zoo is, and how one is written: as a small edit of the right backward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..check import GradcheckReport, gradcheck


class Bug(NamedTuple):
    """One deliberately wrong backward pass, with what is needed to run it."""

    name: str
    op: str
    """The op whose backward pass it spoils, for example "depthwise_conv2d"."""
    mistake: str
    """One sentence: what was done wrong."""
    forward: Callable
    backward: Callable
    """The wrong one."""
    right: Callable
    """The right one, to compare."""
    arrays: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    """Draws arguments for the forward pass, on which the mistake matters."""
    kwargs: dict[str, Any]
    """Options of the forward pass."""

    def gradcheck(self, seed: int = 0, right: bool = False, **options: Any) -> GradcheckReport:
        """Run `mobilenet_np.check.gradcheck` on the wrong backward pass, or on the right one.

        Parameters
        ----------
        seed : int
            For the arguments and for dy.
        right : bool
            Check the right backward pass on the same arguments instead.
        **options
            Passed on, such as ``method="central"``.
        """
        pair = self.forward, self.right if right else self.backward
        return gradcheck(pair, *self.draw(seed), seed=seed, **options, **self.options())

    def draw(self, seed: int = 0) -> tuple[np.ndarray, ...]:
        """Arguments for the forward pass."""
        return self.arrays(np.random.default_rng(seed))

    def options(self) -> dict[str, Any]:
        """Options of the forward pass, fresh ones: a Generator among them starts anew."""
        return copy.deepcopy(self.kwargs)

    def __repr__(self) -> str:
        return f"<{self.op}: {self.name}>"


def wrong(pair: tuple[Callable, Callable], arrays: Callable, **kwargs: Any) -> Callable[[Callable], Bug]:
    """Turn a wrong backward pass into a `Bug`: its name is the bug's, its docstring tells the mistake.

    Parameters
    ----------
    pair : (forward, backward)
        The right ones.
    arrays : callable
        Generator -> arguments for the forward pass.
    **kwargs
        Options of the forward pass.
    """
    forward, right = pair

    def make(backward: Callable) -> Bug:
        op = forward.__name__.removesuffix("_forward")
        name = backward.__name__.replace("_", " ")
        return Bug(name, op, backward.__doc__, forward, backward, right, arrays, kwargs)

    return make
