"""How long should the step of a numerical derivative be? The error for every step, as a curve in the shape of a V."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import check
from ..forms import form
from .gradcheck import complex_refusal
from .numerical import complex_slope, generator, random_line, shift
from .subjects import as_subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 10.0 ** np.arange(-16, 0.25, 0.25)
DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Sweep:
    """Errors of central differences, one for each step; print it, or `plot` it.

    Attributes
    ----------
    subject : str
    slope : float
        The true derivative along the line.
    steps : (n,) float
        h, in (L(x + h v) - L(x - h v)) / 2h for a direction v whose entries are between 0.5 and 1.5 in size.
    errors : dict of (n,) float
        Relative errors, by dtype: "float64" and "float32", and "complex" for the complex step.
    seed : int
    """

    subject: str
    slope: float
    steps: np.ndarray
    errors: dict[str, np.ndarray]
    seed: int

    def best(self, dtype: str = "float64") -> tuple[float, float]:
        """The step with the smallest error, and that error."""
        k = int(np.argmin(self.errors[dtype]))
        return float(self.steps[k]), float(self.errors[dtype][k])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the V: error over step, with the slopes that theory gives to its two sides.

        Parameters
        ----------
        ax : Axes, optional
        """
        from .figures import v_curve

        return v_curve(self, ax)

    def __str__(self) -> str:
        names = list(self.errors)
        lines = [f"sweep_h {self.subject}: error of the slope along a random line, seed {self.seed}"]
        lines.append(f"{'h':>8}" + "".join(f"{name:>12}" for name in names))
        for k in range(0, len(self.steps), 4):
            lines.append(f"{self.steps[k]:8.0e}" + "".join(f"{self.errors[name][k]:12.1e}" for name in names))
        for name in names:
            if name != "complex":
                step, error = self.best(name)
                lines.append(f"best in {name}: error {error:.1e} at h = {step:.1e}")
        return "\n".join(lines)

    __repr__ = __str__


def sweep_h(
    subject: Any, x: np.ndarray, *arrays: np.ndarray, dy: np.ndarray | None = None, seed: int = 0, **kwargs: Any
) -> Sweep:
    """Measure the error of central differences for steps from 1e-16 to 1, in float64 and in float32.

    A long step cuts off the Taylor series: the error grows as h^2. A short one subtracts two numbers that are nearly
    equal, and their rounding errors are divided by h: the error grows as eps / h. In between, near eps^(1/3), lies the
    best that there is: about ten digits in float64, four in float32. So gradients are checked in float64. The complex
    step subtracts nothing and has no such optimum: the shorter, the better.

    Parameters
    ----------
    subject, x, *arrays, **kwargs
        As for `gradcheck`; only the forward pass is used.
    dy : array of y's shape, optional
        By default normal, from ``seed``.
    seed : int
        For dy and for the direction in which all tensors move.

    Returns
    -------
    Sweep
        With ``steps``, ``errors``, ``best(dtype)`` and ``plot(ax=None)``; prints as a table.

    Raises
    ------
    ValueError
        If the forward pass cannot do complex numbers: then there is no exact derivative to compare with.

    Examples
    --------
    >>> def forward(x):
    ...     return np.exp(x), None
    >>> sweep = sweep_h((forward, lambda dy, cache: None), np.linspace(0, 1, 10))
    >>> step, error = sweep.best("float64")
    >>> 1e-7 < step < 1e-4, error < 1e-9
    (True, True)
    >>> step, error = sweep.best("float32")
    >>> 1e-4 < step < 1e-1, error > 1e-8
    (True, True)

    Notes
    -----
    A convolution is linear in x and linear in w: along a straight line L is a parabola, of which central differences
    are exact. Its curve is half a V. Where L has kinks, as behind a ReLU, the left side of the V is as it should be,
    and on the right the error jumps when the step reaches across the first kink.
    """
    subject = as_subject(subject, x, arrays, kwargs)
    tensors, rng = subject.tensors, generator(seed)
    with form("numpy"):
        y = subject.output(tensors)
        dy = rng.standard_normal(y.shape) if dy is None else np.asarray(dy, np.float64)
        check(dy.shape == y.shape, f"sweep_h: dy has shape {dy.shape}, y has {y.shape}; they must be the same")
        refusal = complex_refusal(subject.output, tensors, np.asarray(dy), seed)
        check(
            refusal is None, f"sweep_h: {subject.name}: no exact derivative, the complex step is impossible: {refusal}"
        )
        line = random_line(tensors, list(tensors), rng)
        exact = complex_slope(subject.output, tensors, line, dy)

        def central(dtype, h):
            here = {name: a.astype(dtype) for name, a in tensors.items()}
            along = {name: a.astype(dtype) for name, a in line.items()}
            h = np.dtype(dtype).type(h)
            difference = subject.output(shift(here, along, h)) - subject.output(shift(here, along, -h))
            return np.sum(dy * difference) / (2 * float(h))

        slopes = {dtype: [central(dtype, h) for h in STEPS] for dtype in DTYPES}
        slopes["complex"] = [complex_slope(subject.output, tensors, line, dy, step=h) for h in STEPS]
    errors = {name: np.abs(np.array(values) - exact) / abs(exact) for name, values in slopes.items()}
    return Sweep(subject.name, exact, STEPS, errors, seed)
