"""Slopes of L = sum(dy * f(tensors)) without any backward pass.

A *line* is a dict of directions, one array for each tensor that moves; all other tensors stand still. A line with a
single one in it gives one entry of a gradient, a random line gives its inner product with the gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Tensors = dict[str, np.ndarray]
Line = dict[str, np.ndarray]
Function = Callable[[Tensors], np.ndarray]

COMPLEX_STEP = 1e-100
CENTRAL_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)


def generator(seed: int) -> np.random.Generator:
    """Random numbers that are not those of ``default_rng(seed)``, from which the user may well have drawn x.

    If dy were the same numbers as x, then x.T @ dy would be symmetric, and a transposed dw would be right.
    """
    return np.random.default_rng([seed, 1])


def unit_line(tensors: Tensors, name: str, index: tuple[int, ...]) -> Line:
    """The line along one entry of one tensor."""
    direction = np.zeros_like(tensors[name])
    direction[index] = 1
    return {name: direction}


def random_line(tensors: Tensors, names: list[str], rng: np.random.Generator) -> Line:
    """A line along which every entry of the named tensors moves, by 0.5 to 1.5, up or down.

    No entry moves by next to nothing, as some would if the line were normal, so one wrong entry cannot hide; and no
    two move by the same amount, as all would if it were made of +1 and -1, so two errors cannot cancel.
    """
    shapes = {name: tensors[name].shape for name in names}
    return {name: rng.choice((-1.0, 1.0), shape) * rng.uniform(0.5, 1.5, shape) for name, shape in shapes.items()}


def complex_slope(f: Function, tensors: Tensors, line: Line, dy: np.ndarray, step: float = COMPLEX_STEP) -> float:
    """Im L(x + ih) / h: the derivative to the last bit, since nothing is subtracted.

    For an analytic f, ``f(x + ih) = f(x) + ih f'(x) - h^2 f''(x) / 2 ...``: the imaginary part is h f' up to terms of
    order h^3, and with h = 1e-100 there are none left. Where f branches on the real part, as a ReLU does, the slope is
    that of the branch taken at x: no step is too long, since the real part makes none.

    Source: Squire and Trapp, Using Complex Variables to Estimate Derivatives of Real Functions, SIAM Review 40 (1998).
    """
    y = f(shift({name: a.astype(np.complex128) for name, a in tensors.items()}, line, 1j * step))
    return float(np.sum(dy * np.imag(y)) / step)


def central_slope(f: Function, tensors: Tensors, line: Line, dy: np.ndarray, step: float = CENTRAL_STEP) -> float:
    """(L(x + h) - L(x - h)) / 2h, good to about 1e-10 of L's size where f is smooth.

    The truncation error is of order h^2 and the rounding error of order eps / h: the best h is about eps^(1/3). The
    outputs are subtracted before they are summed, so that what did not move cancels exactly and rounding in the other
    outputs does not enter.
    """
    h = scaled_step(tensors, line, step)
    return float(np.sum(dy * (f(shift(tensors, line, h)) - f(shift(tensors, line, -h)))) / (2 * h))


def one_sided_slopes(f: Function, tensors: Tensors, line: Line, dy: np.ndarray, step: float) -> tuple[float, float]:
    """The slopes of L to the left and to the right of x, free of curvature.

    (L(x + h) - L(x)) / h is off by h f'' / 2. Two steps, h and h/2, are combined so that this term drops out. Then the
    two slopes of a smooth f are the same number; they differ only where there is a kink within h of x.
    """
    h = scaled_step(tensors, line, step)
    y = f(tensors)

    def slope(h):
        return float(np.sum(dy * (f(shift(tensors, line, h)) - y)) / h)

    return 2 * slope(-h / 2) - slope(-h), 2 * slope(h / 2) - slope(h)


def scaled_step(tensors: Tensors, line: Line, step: float) -> float:
    """``step``, relative to the largest entry that moves, and a power of two, so that x + h has no rounding error."""
    largest = max(np.abs(tensors[name][direction != 0]).max(initial=1.0) for name, direction in line.items())
    return float(2.0 ** np.round(np.log2(step * largest)))


def shift(tensors: Tensors, line: Line, t: complex) -> Tensors:
    """The tensors at the place ``t`` along the line."""
    return {name: np.asarray(a + t * line[name]) if name in line else a for name, a in tensors.items()}
