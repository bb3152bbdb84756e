"""Places at which a backward pass is run to find out what is wrong with it: the one given, and others like it.

A guess that fits one place may be a coincidence: with two images, "divided by the batch size" and "half of it" are the
same numbers. So every guess is tried again on new numbers and, where the forward pass takes them, new sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..forms import form
from .numerical import Tensors, central_slope, complex_slope, unit_line
from .subjects import Subject

SLOPES = {"complex": complex_slope, "central": central_slope}


@dataclass(frozen=True)
class Case:
    """One forward and one backward pass: what went in, what came out, and the slopes that it should have found."""

    subject: Subject
    dy: np.ndarray
    y: np.ndarray
    ours: Tensors
    """The gradients as the backward pass returned them, whatever their shapes."""
    method: str

    @property
    def tensors(self) -> Tensors:
        return self.subject.tensors

    @property
    def x(self) -> np.ndarray:
        """The first argument."""
        return next(iter(self.subject.arrays.values()))

    def slope(
        self,
        name: str,
        line: np.ndarray,
        dy: np.ndarray | None = None,
        tensors: Tensors | None = None,
        options: dict[str, Any] | None = None,
    ) -> float:
        """The derivative of sum(dy * f) along a line in one tensor: the inner product of line and true gradient.

        Parameters
        ----------
        name : str
        line : array of the tensor's shape
        dy, tensors, options : optional
            What to use in place of the case's own: "what would the gradient be if w were rotated?" Where an option
            makes y larger, dy stays in the corner of it, and the rest is zero.
        """
        subject = self.subject
        if tensors or options:
            subject = subject.remade({**subject.arrays, **(tensors or {})}, options or {})
        dy = self.dy if dy is None else dy
        with form("numpy"):
            if options:
                dy = corner(dy, subject.output(subject.tensors).shape)
            return SLOPES[self.method](subject.output, subject.tensors, {name: line}, dy)

    def reference(self, name: str) -> np.ndarray:
        """The true gradient, entry by entry."""
        tensor = self.tensors[name]
        with form("numpy"):
            slopes = [
                SLOPES[self.method](self.subject.output, self.tensors, unit_line(self.tensors, name, index), self.dy)
                for index in np.ndindex(*tensor.shape)
            ]
        return np.array(slopes).reshape(tensor.shape)


def case_at(subject: Subject, dy: np.ndarray, method: str, name_of_form: str) -> Case:
    """Run both passes in a form, and keep what they return."""
    with form(name_of_form):
        run = subject.run(subject.tensors, dy)
    return Case(subject, dy, run.y, run.gradients, method)


def other_cases(given: Case, rng: np.random.Generator, name_of_form: str) -> list[Case]:
    """Cases with new numbers, of the given size, larger and smaller, and new sizes where the passes take them.

    In a piecewise linear function a wrong guess can be right by luck as long as all numbers stay in one piece. So they
    are spread. Empty if the passes cannot even do new numbers: whatever they raise is no mistake of theirs.
    """
    cases = []
    for scale in (1.0, 3.0, 1 / 3):
        for arrays in (resized(given.subject.arrays, rng), redrawn(given.subject.arrays, rng)):
            scaled = {name: array * scale if array.dtype.kind == "f" else array for name, array in arrays.items()}
            if case := _case_of(given, scaled, scale, rng, name_of_form):
                cases.append(case)
                break
    return cases


def _case_of(given, arrays, scale, rng, name_of_form) -> Case | None:
    try:
        subject = given.subject.remade(arrays, {})
        with form(name_of_form):
            shape = subject.output(subject.tensors).shape
        case = case_at(subject, np.asarray(scale * rng.standard_normal(shape)), given.method, name_of_form)
    except Exception:
        return None
    finite = np.all(np.isfinite(case.y)) and all(np.all(np.isfinite(gradient)) for gradient in case.ours.values())
    return case if finite else None


def resized(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """New numbers, another batch size and other image sizes; parameters keep theirs.

    Parameters
    ----------
    arrays : dict
        The arguments of a forward pass. The first is x, with the batch first; of four axes, two and three are the
        image. Whatever has x's shape, and whole numbers for each image, such as labels, grow and shrink with it.

    Examples
    --------
    >>> arrays = {"x": np.zeros((2, 5, 5, 3)), "w": np.ones((3, 3, 3)), "labels": np.array([0, 4])}
    >>> {name: array.shape for name, array in resized(arrays, np.random.default_rng(0)).items()}
    {'x': (3, 6, 8, 3), 'w': (3, 3, 3), 'labels': (3,)}
    """
    x, *_ = arrays.values()
    if x.ndim == 0:
        return redrawn(arrays, rng)
    shape = [_other(len(x), most=3), *x.shape[1:]]
    if x.ndim == 4:
        height, width = _other(x.shape[1], most=6), _other(x.shape[2], most=8, step=3)
        shape[1:3] = height, width + (height == width)

    def like(array: np.ndarray) -> tuple[int, ...]:
        if array.shape == x.shape:
            return tuple(shape)
        per_image = array.dtype.kind != "f" and array.ndim and len(array) == len(x)
        return (shape[0], *array.shape[1:]) if per_image else array.shape

    return {name: _resampled(array, like(array), rng) for name, array in arrays.items()}


def redrawn(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """New numbers, the same sizes."""
    return {name: _resampled(array, array.shape, rng) for name, array in arrays.items()}


def corner(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array in the first corner of zeros."""
    larger = np.zeros(shape)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger


def _other(size: int, most: int, step: int = 1) -> int:
    """A size that is not this one, and not large: every number more costs a forward pass."""
    return size + step if size <= most else most


def _resampled(array, shape, rng):
    """Numbers of the same kind: what is positive stays positive, what is large stays large."""
    if array.dtype.kind != "f":
        values = np.arange(array.min(initial=0), array.max(initial=0) + 1)
        return rng.permutation(np.resize(rng.permutation(values), shape).ravel()).reshape(shape).astype(array.dtype)
    if not np.any(array):
        return rng.standard_normal(shape)  # zeros would tell nothing
    return np.asarray(rng.choice(array.ravel(), shape) * rng.uniform(0.75, 1.25, shape))
