"""Several axes side by side."""

from __future__ import annotations

import numpy as np

from ..errors import check
from .style import style, with_letters


def row_or_new(op: str, axes: np.ndarray | None, columns: int, size: tuple[float, float]) -> np.ndarray:
    """``axes``, or a new figure with a row of them, each of ``size`` inches.

    Parameters
    ----------
    op : str
        For the message where their number is wrong.
    axes : (columns,) array of Axes, or None
    columns : int
    size : (float, float)

    Returns
    -------
    axes : (columns,) array of Axes
    """
    if axes is None:
        import matplotlib.pyplot as plt

        width, height = size
        with style():
            return plt.subplots(
                1,
                columns,
                figsize=with_letters((width * columns, height)),
                facecolor="white",
                layout="constrained",
                squeeze=False,
            )[1][0]
    check(np.shape(axes) == (columns,), f"show.{op}: axes has shape {np.shape(axes)}; it must be ({columns},)")
    return axes
