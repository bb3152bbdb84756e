"""How figures look in the notebooks: the house style, in a size that the last row can read."""

from __future__ import annotations

from ..show.style import look


def setup() -> None:
    """Set Matplotlib's defaults, once, at the top of a notebook.

    Examples
    --------
    >>> setup()
    >>> import matplotlib as mpl
    >>> mpl.rcParams["figure.facecolor"]  # readable on a dark page, too
    'white'
    >>> mpl.rcdefaults()
    """
    import matplotlib as mpl

    projected = {
        "font.size": 12,
        "lines.linewidth": 2.2,
        "figure.dpi": 120,
        "figure.figsize": (7, 4),
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
    mpl.rcParams.update(look("light") | projected)
