"""What an output sees of a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import check, check_array
from ..receptive_field import ReceptiveField
from .style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def receptive_field(
    fields: Mapping[str, ReceptiveField],
    photo: np.ndarray,
    at: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The pixels that one output of each layer can depend on, framed on a photograph.

    Of each layer the output is taken in whose cell of the image the point lies: the receptive field's jump is the
    cell's side. What a window has beyond the image is padding, and is cut off.

    Parameters
    ----------
    fields : dict of ReceptiveField
        By the name to show: all or some of `mobilenet_np.receptive_field.receptive_fields`, for the photograph's size.
    photo : (H, W, 3) float in [0, 1]
    at : (int, int), optional
        Row and column of a pixel; by default the middle.
    ax : Axes, optional

    Returns
    -------
    ax : Axes

    Raises
    ------
    ValueError
        If the fields are those of an image of another size, or the pixel lies outside.

    Examples
    --------
    >>> from mobilenet_np import show
    >>> from mobilenet_np.architecture import architecture
    >>> from mobilenet_np.receptive_field import receptive_fields
    >>> from mobilenet_np.show.photograph import photograph
    >>> photo = photograph()
    >>> fields = receptive_fields(architecture("v2"), photo.shape[:2])
    >>> some = {name: fields[name] for name in ("stem", "block3", "block6")}
    >>> show.receptive_field(some, photo).figure.savefig("seen.png")  # doctest: +SKIP
    """
    check_array("show.receptive_field", "photo", photo, "H W 3")
    check(bool(fields), "show.receptive_field: fields is empty; choose at least one layer")
    H, W, _ = photo.shape
    i, j = at = (H // 2, W // 2) if at is None else at
    check(0 <= i < H and 0 <= j < W, f"show.receptive_field: at is {at}; it must be a pixel of the photo {photo.shape}")
    for name, field in fields.items():
        size = field.windows[0].size if field.windows else (H, W)
        check(
            tuple(size) == (H, W),
            f"show.receptive_field: {name} is of an image of {size[0]}x{size[1]}, photo has shape {photo.shape}",
        )
    ax = axes_or_new(ax, (7.2, 4.6))
    ax.imshow(photo, interpolation="none")
    _frames(ax, fields, (i, j), (H, W))
    ax.plot(j, i, "+", color="white", markersize=9, markeredgewidth=2.5)
    ax.plot(j, i, "+", color="black", markersize=8, markeredgewidth=1)
    ax.set(xticks=[], yticks=[], xlim=(-0.5, W - 0.5), ylim=(H - 0.5, -0.5))
    ax.spines[:].set_visible(False)
    legend = ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize="small", frameon=False, borderaxespad=0)
    legend.set_title("window, share of the photo", prop=dict(size="small"))
    legend.set_alignment("left")
    return ax


def output_at(field: ReceptiveField, pixel: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The output in whose cell of the image a pixel lies.

    >>> output_at(ReceptiveField(), (5, 7), (8, 8))
    (5, 7)
    """
    last = [-(-n // field.jump) - 1 for n in size]
    return tuple(min(p // field.jump, end) for p, end in zip(pixel, last, strict=True))


def _frames(ax, fields, pixel, size):
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    colours = colormaps["plasma"](np.linspace(0.95, 0.1, len(fields)))  # light for early layers, dark for late ones
    for (name, field), colour in zip(fields.items(), colours, strict=True):
        rows, columns = field.window(*output_at(field, pixel, size))
        corner = columns.start - 0.5, rows.start - 0.5
        frame = dict(xy=corner, width=len(columns), height=len(rows), facecolor="none", clip_on=False)
        ax.add_patch(Rectangle(**frame, edgecolor="white", linewidth=3, alpha=0.7))
        h, w = field.size
        share = len(rows) * len(columns) / (size[0] * size[1])
        label = f"{name}: {h}×{w}, {f'{share:.0%}' if share >= 0.01 else '<1%'}"
        ax.add_patch(Rectangle(**frame, edgecolor=colour, linewidth=1.8, label=label))
