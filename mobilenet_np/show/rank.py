"""How far a standard kernel is from a depthwise-separable one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import factorize
from ..errors import check_array
from .channels import BETWEEN, SIGNED, colour_bar, mosaic
from .layout import row_or_new
from .style import BLUE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 8  # input and output channels whose slices are drawn


def separable_rank(w: np.ndarray, ax: Axes | None = None) -> Axes:
    """For each input channel how much each of its patterns carries, and how many there are: its rank.

    A depthwise-separable convolution keeps the first pattern, blue; what is orange is lost. Heights are shares of the
    channel's squared norm, the squares of the singular values of its slice.

    Parameters
    ----------
    w : (kh, kw, C_in, C_out) float
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    from matplotlib import colormaps

    check_array("show.separable_rank", "w", w, "kh kw C_in C_out")
    kh, kw, c_in, c_out = w.shape
    rank, error = factorize.separable_rank(w), factorize.nearest_separable(w).error
    s2 = np.linalg.svd(w.transpose(2, 0, 1, 3).reshape(c_in, kh * kw, c_out), compute_uv=False) ** 2
    shares = s2 / np.maximum(s2.sum(axis=1, keepdims=True), np.finfo(w.dtype).tiny)
    shares = shares[:, : max(rank.max(), 1)]  # what is beyond is rounding
    ax = axes_or_new(ax, (max(5.2, 0.22 * c_in + 2.4), 3.6))
    later = colormaps["Oranges"](np.linspace(0.75, 0.2, shares.shape[1]))
    bottom = np.zeros(c_in)
    for k, share in enumerate(shares.T):
        name = ("first pattern: kept", "second pattern", "all further ones")[min(k, 2)] if k < 3 else None
        ax.bar(range(c_in), share, bottom=bottom, color=BLUE if k == 0 else later[k - 1], label=name, width=0.85)
        bottom += share
    if c_in <= 64:
        for c, r in enumerate(rank):
            ax.text(c, 1.02, r, ha="center", va="bottom", fontsize="x-small")
    ax.set(xlabel="input channel; above it its rank", ylabel="share of the squared norm", ylim=(0, 1.1))
    ax.set(xlim=(-0.8, c_in - 0.2), yticks=[0, 0.5, 1])
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_title(f"nearest separable kernel: error {error:.1%}", loc="left")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False, handlelength=1)
    return ax


def nearest_separable(w: np.ndarray, kernels: int = 1, axes: np.ndarray | None = None) -> np.ndarray:
    """A standard kernel, the nearest depthwise-separable one, and what is missing.

    Rows are input channels, columns output channels, at most the first 8 of each. With one depthwise kernel for each
    channel a row of the second picture is one pattern in different strengths.

    Parameters
    ----------
    w : (kh, kw, C_in, C_out) float
    kernels : int
        Depthwise kernels for each input channel.
    axes : (3,) array of Axes, optional

    Returns
    -------
    axes : (3,) array of Axes
    """
    best = factorize.nearest_separable(w, kernels)
    nearest = factorize.compose(best.depthwise, best.pointwise, kernels)
    axes = row_or_new("nearest_separable", axes, 3, (3.8, 3.9))
    limit = float(np.abs(w).max()) or 1.0
    titles = "standard", "nearest separable", f"missing: error {best.error:.1%}"
    for ax, kernel, title in zip(axes, (w, nearest, w - nearest), titles, strict=True):
        few = kernel[:, :, :MOST, :MOST]
        tiles = few.transpose(2, 3, 0, 1).reshape(-1, *w.shape[:2])
        mosaic(tiles, ax, columns=few.shape[3], cmap=SIGNED, vmin=-limit, vmax=limit)
        ax.set_facecolor(BETWEEN)
        ax.set_title(title, loc="left")
        ax.set_yticklabels(range(few.shape[2]))
        ax.set_xlabel("output channels", fontsize="small")
    axes[0].set_ylabel("input channels", fontsize="small")
    colour_bar(axes[2], [-limit, 0, limit], "weight")
    return axes
