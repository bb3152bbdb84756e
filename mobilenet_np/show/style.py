"""One look for all plots: a palette that colour-blind readers can tell apart, for a light and for a dark page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THEMES = {"light": ("#1c2128", "#8a929c"), "dark": ("#e6e8eb", "#7d8590")}  # ink; rulers and grid

# Okabe and Ito, Color Universal Design, https://jfly.uni-koeln.de/color/ (2008)
BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
GREY = "#8a929c"  # for what is not data
LETTERS, PAGE = 10, 9.5  # points for which figures are designed; inches beyond which a page shrinks them

OP_COLOURS = {
    "conv2d": VERMILLION,
    "depthwise_conv2d": ORANGE,
    "pointwise_conv2d": BLUE,
    "squeeze_excite": GREEN,
    "linear": PURPLE,
}
OP_NAMES = {
    "conv2d": "standard convolution",
    "depthwise_conv2d": "depthwise convolution",
    "pointwise_conv2d": "pointwise convolution",
    "squeeze_excite": "squeeze-and-excite",
    "linear": "fully connected",
}
SERIES = {
    "light": (BLUE, ORANGE, GREEN, PURPLE, VERMILLION),
    "dark": (SKY, ORANGE, GREEN, PURPLE, VERMILLION),  # thin blue lines are hard to see on black
}


def look(theme: str) -> dict[str, Any]:
    """The rcParams of `style`. No size of letters: who draws for a projector has set a larger one."""
    import matplotlib as mpl

    check_choice("style", "theme", theme, THEMES)
    ink, ruler = THEMES[theme]
    return {
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.edgecolor": ruler,
        "xtick.color": ruler,
        "ytick.color": ruler,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "grid.color": ruler,
        "grid.alpha": 0.3,
        "grid.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.titlesize": "medium",
        "axes.titlelocation": "left",
        "axes.prop_cycle": mpl.cycler(color=SERIES[theme]),
        "legend.frameon": False,
        "lines.linewidth": 1.8,
    }


@contextmanager
def style(theme: str = "light") -> Iterator[None]:
    """Draw everything inside the ``with`` block in the look of the project.

    Parameters
    ----------
    theme : {"light", "dark"}
        Ink for a light or for a dark page. The background stays transparent.
    """
    import matplotlib as mpl

    with mpl.rc_context(look(theme)):
        yield
        interactive = mpl.is_interactive()
    # The first figure loads the backend, and a notebook's then switches interactive drawing on. That has to outlive the
    # context, or no later figure would be shown.
    mpl.interactive(interactive)


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (5.2, 3.6)) -> Axes:
    """``ax``, or the axes of a new figure of ``size`` inches, or more where letters are larger."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots(figsize=with_letters(size), facecolor="white", layout="constrained")[1]


def with_letters(size: tuple[float, float]) -> tuple[float, float]:
    """A size in inches that grows with the letters that are set, but not over the width of a page."""
    import matplotlib as mpl

    factor = max(1.0, min(mpl.rcParams["font.size"] / LETTERS, PAGE / size[0]))
    return factor * size[0], factor * size[1]


def image(ax: Axes, array: np.ndarray, title: str = "", limit: float | None = None) -> Axes:
    """Show a photograph (H, W, 3) or a map (H, W) without axes; for the map's greys see `greys`.

    Parameters
    ----------
    ax : Axes
    array : (H, W, 3) float in [0, 1], or (H, W) float
    title : str
    limit : float, optional
        The value that is white.
    """
    ax.imshow(array if array.ndim == 3 else greys(array, limit), cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(title, loc="center")
    return ax


def greys(array: np.ndarray, limit: float | None = None) -> np.ndarray:
    """A map as greys between 0, black, and 1, white.

    A map with negative values has 0 at middle grey, ``-limit`` at black; one without has 0 at black. By default the
    limit is what 98 % of the values stay below, so that a few outliers do not darken everything.

    Examples
    --------
    >>> greys(np.array([[-2.0, 0.0], [1.0, 2.0]]), limit=2.0)
    array([[0.  , 0.5 ],
           [0.75, 1.  ]])
    """
    if limit is None:
        limit = float(np.percentile(np.abs(array), 98)) or 1.0
    lowest = -limit if array.min() < 0 else 0.0
    return np.clip((array - lowest) / (limit - lowest), 0, 1)
