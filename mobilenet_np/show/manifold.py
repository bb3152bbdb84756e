"""Why V2's bottlenecks are linear: a curve goes through ReLU in n dimensions, and comes back.

Sandler et al. 2018 (arXiv:1801.04381), Figure 1: a spiral in the plane is embedded in n dimensions by a random matrix
T, goes through ReLU, and is projected back by the pseudo-inverse of T. In few dimensions whole stretches of it
collapse; in many it survives, bent. Hence a nonlinearity where there are many channels, and none where there are few.

Two numbers say how much is lost. `error` compares what came back with the curve; the size does not count, since ReLU
lets through half of a random direction and so halves the picture. `collapsed` is the share of points that fewer than
two of the n dimensions let through: around these points the plane has become a line or a point, and no method at all
could tell them apart again. (In 3 dimensions it is one half whatever T is: of x and -x one has two dimensions or more,
the other one or none.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import check, check_array, check_positive
from ..ops._common import describe
from ..ops.pointwise_conv2d import pointwise_conv2d_forward
from ..ops.relu import relu_forward
from .layout import row_or_new
from .style import BLUE, VERMILLION, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIMENSIONS = (2, 3, 5, 15, 30)  # those of the paper
MATRICES = 20


class Manifold(NamedTuple):
    """A curve before and after ReLU in n dimensions."""

    curve: np.ndarray
    """(P, 2)"""
    embedding: np.ndarray
    """(2, n), the random matrix T"""
    activations: np.ndarray
    """(P, n), after ReLU"""
    back: np.ndarray
    """(P, 2), projected back by the pseudo-inverse of T"""
    error: float
    """Of ``back`` at the size that fits best, relative to the curve: 0 equal, 1 nothing in common."""
    collapsed: float
    """Share of the points of which fewer than two dimensions are left."""

    __repr__ = describe


def spiral(points: int = 1000, turns: float = 2.0) -> np.ndarray:
    """A spiral around 0, from 0.05 out to 1.

    Parameters
    ----------
    points : int
    turns : float

    Returns
    -------
    curve : (points, 2) float64
    """
    check_positive("spiral", "points", points, integer=True)
    check_positive("spiral", "turns", turns)
    along = np.linspace(0, 1, points)
    angle = 2 * np.pi * turns * along
    return (0.05 + 0.95 * along)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def through_relu(curve: np.ndarray, n: int, rng: int | np.random.Generator = 0) -> Manifold:
    """Embed a curve in n dimensions, apply ReLU, project back.

    Parameters
    ----------
    curve : (P, 2) float
    n : int
        Dimensions, at least 2.
    rng : int or Generator
        Draws the n directions of T from a normal distribution.

    Returns
    -------
    Manifold

    Examples
    --------
    >>> few, many = (through_relu(spiral(), n) for n in (2, 30))
    >>> many.error < few.error, many.collapsed
    (True, 0.0)
    """
    check_array("through_relu", "curve", curve, "P 2")
    check(curve.shape[1] == 2, f"through_relu: curve has shape {curve.shape}; it must be (P, 2), points of the plane")
    check_positive("through_relu", "n", n, integer=True)
    check(n >= 2, f"through_relu: n is {n}; in fewer than 2 dimensions there is no room for a plane")
    T = np.random.default_rng(rng).standard_normal((2, n)).astype(curve.dtype)
    # What one pixel with two channels goes through in an expansion layer: pointwise convolution, then nonlinearity.
    activations, _ = relu_forward(pointwise_conv2d_forward(curve[:, None, None], T)[0])
    activations = activations[:, 0, 0]
    back = activations @ np.linalg.pinv(T)
    scale = (back * curve).sum() / max((back * back).sum(), np.finfo(curve.dtype).tiny)
    error = float(np.linalg.norm(scale * back - curve) / np.linalg.norm(curve))
    collapsed = float(((activations > 0).sum(axis=1) < 2).mean())
    return Manifold(curve, T, activations, back, error, collapsed)


def manifold(
    dimensions: Sequence[int] = DIMENSIONS, rng: int | np.random.Generator = 0, axes: np.ndarray | None = None
) -> np.ndarray:
    """V2's Figure 1: a spiral, and what ReLU leaves of it in 2, 3, 5, 15 and 30 dimensions.

    Below each picture its error and the share of collapsed points; in brackets their medians over 20 random matrices.

    Parameters
    ----------
    dimensions : sequence of int
    rng : int or Generator
        Draws the matrices.
    axes : (1 + len(dimensions),) array of Axes, optional

    Returns
    -------
    axes : (1 + len(dimensions),) array of Axes
    """
    curve, rng = spiral(), np.random.default_rng(rng)
    axes = row_or_new("manifold", axes, 1 + len(dimensions), (2.2, 3.0))
    _picture(axes[0], curve, "input", f"in brackets: median\nof {MATRICES} matrices")
    for ax, n in zip(axes[1:], dimensions, strict=True):
        runs = [through_relu(curve, n, rng) for _ in range(MATRICES)]
        drawn, (error, collapsed) = runs[0], np.median([(run.error, run.collapsed) for run in runs], axis=0)
        note = f"error {drawn.error:.0%} ({error:.0%})\ncollapsed {drawn.collapsed:.0%} ({collapsed:.0%})"
        _picture(ax, drawn.back, f"ReLU in {n} dimensions", note)
    return axes


def manifold_errors(
    dimensions: Sequence[int] = (2, 3, 4, 5, 7, 10, 15, 20, 30, 60),
    rng: int | np.random.Generator = 0,
    ax: Axes | None = None,
) -> Axes:
    """How much of a spiral is lost by ReLU, over the number of dimensions: every matrix a dot, their median a line.

    Parameters
    ----------
    dimensions : sequence of int
    rng : int or Generator
        Draws 20 matrices for each number of dimensions.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax, curve, rng = axes_or_new(ax), spiral(), np.random.default_rng(rng)
    runs = [[through_relu(curve, n, rng) for _ in range(MATRICES)] for n in dimensions]
    names = {
        "error": ("error of what comes back", BLUE, 0.97),
        "collapsed": ("points that collapsed", VERMILLION, 1.03),
    }
    for field, (name, colour, shift) in names.items():
        values = np.array([[getattr(run, field) for run in row] for row in runs])  # (dimensions, matrices)
        at = np.repeat(dimensions, MATRICES) * shift
        ax.plot(at, values.ravel(), "o", color=colour, markersize=3, alpha=0.3, markeredgewidth=0)
        ax.plot(dimensions, np.median(values, axis=1), color=colour, label=name)
    ax.set(xscale="log", xlabel="dimensions", ylabel="share", ylim=(-0.03, 1.03))
    ax.set_xticks(dimensions, dimensions)
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.grid()
    ax.legend(frameon=False)
    return ax


def _picture(ax, points, title, note):
    """Coloured along the way, so that it can be seen what fell on what."""
    ax.scatter(*points.T, c=np.linspace(0, 1, len(points)), cmap="viridis", s=6, linewidths=0, rasterized=True)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(title, loc="center", fontsize="medium")
    ax.set_xlabel(note, fontsize="small")
