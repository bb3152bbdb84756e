"""Trials of a learner's own layer: random arguments, the reference's results for them, and what differs first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..check.snapshot import Snapshot
from .arguments import Reference

RTOL = 1e-9  # float64 in another order of summation; no mistake is that small


class Trial(NamedTuple):
    """One set of arguments, and what came of it."""

    arrays: dict[str, np.ndarray]
    options: dict[str, Any]
    dy: np.ndarray
    fault: str
    """What went wrong first; empty if nothing did."""
    forward_ok: bool

    @property
    def ok(self) -> bool:
        return not self.fault

    @property
    def size(self) -> int:
        return sum(array.size for array in self.arrays.values())

    def __str__(self) -> str:
        shapes = [f"{name} {array.shape}" for name, array in self.arrays.items()]
        return ", ".join(shapes + [f"{name}={value}" for name, value in self.options.items()])


def try_on_random_arguments(
    op: Reference,
    forward: Callable,
    backward: Callable,
    supports: Callable[..., bool],
    count: int,
    rng: np.random.Generator,
) -> tuple[Trial, ...]:
    """Compare a learner's two passes with an op's, on many arguments.

    Parameters
    ----------
    op : Reference
    forward, backward : callable
        With the signatures of the op's own.
    supports : callable
        ``supports(*arrays, **options)``: arguments to which it says no are left out.
    count : int
        How many arguments to draw.
    rng : Generator

    Returns
    -------
    tuple of Trial
        From the smallest to the largest; as many as are supported.

    Raises
    ------
    NotImplementedError
        If one of the two raises it.
    """
    drawn = [op.draw(rng) for _ in range(count)]
    drawn = [(arrays, options) for arrays, options in drawn if supports(*arrays.values(), **options)]
    trials = [_try(op, forward, backward, arrays, options, rng) for arrays, options in drawn]
    return tuple(sorted(trials, key=lambda trial: trial.size))


def _try(op, forward, backward, arrays, options, rng) -> Trial:
    y, cache = op.forward(*arrays.values(), **options)
    dy = np.asarray(rng.standard_normal(np.shape(y)))
    gradients = op.backward(dy, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    fault, forward_ok = _fault(forward, backward, arrays, options, dy, y, gradients)
    return Trial(arrays, options, dy, fault, forward_ok)


def _fault(forward, backward, arrays, options, dy, y, gradients) -> tuple[str, bool]:
    """What is wrong first, and whether the forward pass is right."""
    inputs, dy = {name: array.copy() for name, array in arrays.items()}, dy.copy()
    before = Snapshot({**inputs, "dy": dy})
    try:
        result = forward(*inputs.values(), **options)
    except NotImplementedError:
        raise
    except Exception as error:
        return f"the forward pass raises {type(error).__name__}: {error}", False
    if not (isinstance(result, tuple) and len(result) == 2):
        return "the forward pass must return (y, cache)", False
    mine, cache = np.asarray(result[0]), result[1]
    if words := _difference("y", mine, np.asarray(y)):
        return words, False
    try:
        returned = backward(dy, cache)
    except NotImplementedError:
        raise
    except Exception as error:
        return f"the backward pass raises {type(error).__name__}: {error}", True
    returned = returned if isinstance(returned, (tuple, list)) else (returned,)
    names = [f"d{name}" for name, array in arrays.items() if array.dtype.kind == "f"]
    if len(returned) != len(names):
        return f"the backward pass returns {len(returned)} gradients; it must return {', '.join(names)}", True
    for name, ours, true in zip(names, returned, gradients, strict=True):
        if words := _difference(name, np.asarray(ours), true):
            return words, True
    changed = before.changed()
    return (f"{', '.join(changed)} changed on the way" if changed else ""), True


def _difference(name: str, mine: np.ndarray, true: np.ndarray) -> str:
    if mine.shape != true.shape:
        return f"{name} has shape {mine.shape}, it must have {true.shape}"
    if mine.dtype.kind != "f":
        return f"{name} is {mine.dtype}, it must be float64"
    error = np.abs(mine - true)
    if np.all(error <= RTOL * np.abs(true).max(initial=1.0)):
        return ""
    index = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)
    where = [int(i) for i in index]
    return f"{name} is wrong: at {where} yours is {mine[index]:.6g}, the reference {true[index]:.6g}"
