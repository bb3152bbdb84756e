"""Gradients as heat maps, and the V of step sizes. Matplotlib is imported when something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import check, check_choice
from .layout import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .report import GradcheckReport
    from .sweep import Sweep

TILES = 4, 8  # down, across; of more, those are drawn that the worst entry is among
CELL = 5  # dots an entry, so that a gap between tiles can be thinner than an entry
COLOURS = "PuOr"  # zero is white, and both ends differ for every eye
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#8a929c"  # Okabe and Ito


def heat_maps(report: GradcheckReport, name: str | None = None, axes: np.ndarray | None = None) -> Figure:
    """Yours, reference and error of each gradient; see `GradcheckReport.plot`."""
    import matplotlib.pyplot as plt

    given, references = report.evidence.given, report.evidence.references
    check(
        bool(references), f"plot: {report.subject}: no tensor was checked entry by entry; leave out elements to see all"
    )
    if name is not None:
        check_choice("plot", "name", name, references)
    names = list(references) if name is None else [name]
    drawn_into = axes is not None
    if drawn_into:
        size = np.size(axes)
        check(size == 3 * len(names), f"plot: axes are {size}; it takes three for each tensor, here {3 * len(names)}")
    rows = {row.name: row for row in report.rows}
    pictures = {name: _tiles(given, name, rows[name].index) for name in names}
    heights = [_height(picture(references[name])) for name, picture in pictures.items()]
    if drawn_into:
        axes = np.reshape(axes, (len(names), 3))
        figure = axes[0, 0].figure
    else:
        figure, axes = plt.subplots(
            len(names),
            3,
            figsize=(11, 0.9 + sum(heights)),
            squeeze=False,
            layout="constrained",
            facecolor="white",
            height_ratios=heights,
        )
    for (first, second, third), tensor in zip(axes, names, strict=True):
        ours, reference, row, picture = given.ours[tensor], references[tensor], rows[tensor], pictures[tensor]
        wrong = row.error > row.tolerance
        limit, largest = max(_largest(ours), _largest(reference)), _largest(ours - reference)
        shape = "x".join(map(str, ours.shape)) or "scalar"
        _heat(first, picture(ours), limit, f"d{tensor} ({shape}), yours")
        shared = _heat(second, picture(reference), limit, "reference")
        figure.colorbar(shared, ax=(first, second), fraction=0.03, pad=0.01)
        verdict = "WRONG" if wrong else "ok"
        title = f"yours − reference: {verdict}, largest {largest:.1e}"
        # What is right stays empty: on a scale of its own, rounding would look like a mistake.
        shown = _heat(third, picture(ours - reference), largest if wrong else limit, title)
        figure.colorbar(shown, ax=third, fraction=0.05, pad=0.02)
        if wrong and row.index is not None:
            _ring(third, picture, ours.shape, row.index)
    if drawn_into:  # the page around it has a title
        return figure
    title = str(report).splitlines()[0]
    causes = [str(finding).splitlines()[0].strip() for finding in report.diagnosis.findings]
    figure.suptitle("\n".join([title, *causes]), x=0.01, ha="left", fontsize="medium")
    return figure


def v_curve(sweep: Sweep, ax: Axes | None = None) -> Axes:
    """Error over step; see `Sweep.plot`."""
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained", facecolor="white")[1]
    for name, colour, marker in (("float64", BLUE, "o"), ("float32", ORANGE, "s"), ("complex", GREEN, None)):
        label = "complex step, float64" if name == "complex" else f"central difference, {name}"
        errors = np.maximum(sweep.errors[name], 1e-17)  # exact ones have no logarithm
        ax.loglog(sweep.steps, errors, color=colour, marker=marker, markersize=3.5, linewidth=1.5, label=label)
    for name, colour in (("float64", BLUE), ("float32", ORANGE)):
        eps = np.finfo(name).eps
        ax.loglog(sweep.steps, eps / sweep.steps, color=colour, linestyle=":", linewidth=1)
    ax.loglog(sweep.steps, sweep.steps**2, color=GREY, linestyle=":", linewidth=1)
    ax.text(3e-9, 1e-6, "rounding: eps / h")
    ax.text(1.0, 1e-9, "truncation: h²", color=GREY, ha="right", va="top")
    ax.set(
        xlabel="step h",
        ylabel="relative error of the slope",
        ylim=(1e-17, 1e3),
        title=f"{sweep.subject}: the error of a numerical slope",
    )
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc=(0.02, 0.14))
    return ax


def _tiles(case, name, worst):
    """A function that lays out arrays of the tensor's shape in two dimensions; gaps between the tiles are NaN."""
    axes, shape = axes_of(case, name), case.tensors[name].shape
    if len(shape) == 4 and axes[0] == "image":
        order = (0, 3, 1, 2)  # images down, channels across
    elif len(shape) == 4:
        order = (2, 3, 0, 1)  # input channels down, output channels across
    else:
        order = (2, 0, 1)

    def picture(array):
        a = np.asarray(array, np.float64)
        if len(shape) not in (3, 4):
            return _enlarged(np.atleast_2d(a) if len(shape) <= 2 else a.reshape(-1, shape[-1]))
        tiles = a.transpose(order)
        place = [worst[axis] for axis in order] if worst else [0] * len(order)
        if len(order) == 3:
            tiles, place = tiles[None], [0, *place]
        down, across = (max(0, index - most + 1) for index, most in zip(place, TILES, strict=False))
        tiles = tiles[down : down + TILES[0], across : across + TILES[1]]
        rows = [np.hstack([_framed(tile) for tile in row]) for row in tiles]
        return np.vstack(rows)[1:-1, 1:-1]

    return picture


def _enlarged(array: np.ndarray) -> np.ndarray:
    return np.kron(array, np.ones((CELL, CELL)))


def _framed(tile: np.ndarray) -> np.ndarray:
    return np.pad(_enlarged(tile), 1, constant_values=np.nan)


def _height(picture: np.ndarray) -> float:
    """Inches: as the picture's shape wants it, within limits."""
    return float(np.clip(3.3 * picture.shape[0] / picture.shape[1], 0.7, 3.6))


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0.0, where=np.isfinite(array)))


def _heat(ax, picture, limit, title):
    shown = ax.imshow(picture, cmap=COLOURS, vmin=-(limit or 1), vmax=limit or 1, interpolation="nearest")
    ax.set(xticks=[], yticks=[], facecolor="#808890")
    ax.set_title(title, loc="left", fontsize="small")
    return shown


def _ring(ax, picture, shape, index):
    """Around the worst entry."""
    here = np.zeros(shape)
    here[index] = 1
    i, j = np.argwhere(picture(here) == 1).mean(axis=0)
    for colour, width in (("white", 3), ("black", 1.2)):
        ax.plot(j, i, "o", markersize=9, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=width)
