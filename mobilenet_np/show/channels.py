"""A picture for every channel of a layer: its kernel, or what it made of an image."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import check, check_array
from .style import VERMILLION, axes_or_new, greys

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNED = "PuOr"  # 0 is white, and purple and orange differ for every eye
BETWEEN = "#8a929c"  # behind signed tiles, where white is a value
GAP = 4  # dots between tiles


def filters(w: np.ndarray, ax: Axes | None = None) -> Axes:
    """The kernel of every channel of a depthwise convolution, or those of a first layer in colour.

    Each is scaled to its own largest weight, since BatchNorm takes the scale away anyway.

    Parameters
    ----------
    w : (kh, kw, C) or (kh, kw, 3, C_out) float
        White is 0, orange negative, purple positive; in colour, grey is 0.
    ax : Axes, optional

    Returns
    -------
    ax : Axes

    Raises
    ------
    ValueError
        For a standard kernel on anything but colour images; see `nearest_separable` for those.
    """
    colour = getattr(w, "ndim", 3) == 4
    check_array("show.filters", "w", w, "kh kw 3 C_out" if colour else "kh kw C")
    check(
        not colour or w.shape[2] == 3,
        f"show.filters: w has shape {w.shape}; it must be (kh, kw, C), a kernel for each channel, or (kh, kw, 3, "
        "C_out), kernels on colour images",
    )
    kernels = np.moveaxis(w, -1, 0)
    largest = np.abs(kernels).max(axis=tuple(range(1, w.ndim)), keepdims=True)
    kernels = kernels / np.where(largest, largest, 1)
    if colour:
        ax = mosaic((kernels + 1) / 2, ax)
    else:
        ax = mosaic(kernels, ax, cmap=SIGNED, vmin=-1, vmax=1)
        ax.set_facecolor(BETWEEN)
        colour_bar(ax, [-1, 0, 1], "relative to the kernel's largest weight")
    kind = "on red, green and blue" if colour else "one for each channel"
    ax.set_title(f"{len(kernels)} kernels of {w.shape[0]}×{w.shape[1]}, {kind}", loc="left")
    return ax


def feature_maps(y: np.ndarray, ax: Axes | None = None) -> Axes:
    """What every channel of a layer made of one image.

    All maps have one scale, so that strong channels can be told from weak ones. Channels that are 0 everywhere are
    crossed out.

    Parameters
    ----------
    y : (H, W, C) float
        Of one image, in a trace ``t["block3.expand"].forward.y[0]``. Black is 0; where some are negative, 0 is middle
        grey.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    check_array("show.feature_maps", "y", y, "H W C")
    H, W, C = y.shape
    ax, dead = mosaic(np.moveaxis(greys(y), -1, 0), ax, cmap="gray", vmin=0, vmax=1), ~y.any(axis=(0, 1))
    places = _Places.of(C, H, W)
    for k in np.flatnonzero(dead):
        (top, left), (h, w) = places.corner(k), places.tile
        for y_ends in ((top, top + h - 1), (top + h - 1, top)):
            ax.plot((left, left + w - 1), y_ends, color=VERMILLION, linewidth=0.8)
    note = f"; {dead.sum()} of them 0 everywhere" if dead.any() else ""
    ax.set_title(f"{C} channels of {H}×{W}{note}", loc="left")
    return ax


def mosaic(tiles: np.ndarray, ax: Axes | None = None, columns: int | None = None, **look: Any) -> Axes:
    """Many small pictures in one, row by row; the ticks number the first of each row.

    Parameters
    ----------
    tiles : (K, h, w) float, or (K, h, w, 3) float in [0, 1]
    ax : Axes, optional
    columns : int, optional
        By default up to twice as many as rows.
    **look
        For `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    ax : Axes
    """
    places = _Places.of(*tiles.shape[:3], columns)
    if tiles.ndim == 4:
        tiles = np.concatenate([tiles, np.ones((*tiles.shape[:3], 1))], axis=3)  # opaque; the gaps are transparent
    picture = np.full((*places.size, *tiles.shape[3:]), np.nan if tiles.ndim == 3 else 0.0)
    (high, wide), (h, w) = places.size, places.tile
    for k, tile in enumerate(tiles):
        top, left = places.corner(k)
        picture[top : top + h, left : left + w] = tile.repeat(places.dots, axis=0).repeat(places.dots, axis=1)
    ax = axes_or_new(ax, (7.0, max(6.2 * high / wide + 0.5, 1.2)))
    ax.imshow(picture, interpolation="nearest", **look)
    starts = range(0, len(tiles), places.columns)
    ax.set(xticks=[], yticks=[places.corner(k)[0] + (h - 1) / 2 for k in starts])
    ax.set_yticklabels(starts, fontsize="x-small")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def colour_bar(ax: Axes, ticks: list[float], label: str) -> None:
    """Beside a mosaic, what its colours mean."""
    bar = ax.inset_axes([1.015, 0, 0.02, 1])
    ax.figure.colorbar(ax.images[0], cax=bar, ticks=ticks).set_ticklabels([f"{tick:.2g}" for tick in ticks])
    bar.set_ylabel(label, fontsize="small")
    bar.tick_params(labelsize="small", length=0)
    bar.spines[:].set_visible(False)


class _Places(NamedTuple):
    """Where the K tiles of a mosaic are, in its dots."""

    K: int
    columns: int
    dots: int
    """Along each side of a pixel of a tile."""
    tile: tuple[int, int]

    @classmethod
    def of(cls, K: int, h: int, w: int, columns: int | None = None) -> _Places:
        dots = ceil(24 / max(h, w))  # so that the gap is thinner than a weight
        return cls(K, columns or _columns(K), dots, (h * dots, w * dots))

    @property
    def size(self) -> tuple[int, int]:
        h, w = self.tile
        return ceil(self.K / self.columns) * (h + GAP) - GAP, self.columns * (w + GAP) - GAP

    def corner(self, k: int) -> tuple[int, int]:
        """Upper left."""
        h, w = self.tile
        return k // self.columns * (h + GAP), k % self.columns * (w + GAP)


def _columns(K: int) -> int:
    """Up to twice as many columns as rows, with a full last row if there is a way."""
    most = sqrt(2 * K)
    full = max(columns for columns in range(1, K + 1) if K % columns == 0 and (columns <= most or columns == 1))
    return full if full >= most / 2 else ceil(most)
