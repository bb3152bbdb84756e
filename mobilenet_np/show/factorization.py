"""The factorization of a convolution, drawn: on a photograph, and as curves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..costs.formulas import conv2d_macs, separable_macs, separable_ratio
from .photograph import CHANNELS, Approximated, Factorized, one_pattern_each, one_pattern_for_all, photograph
from .style import ORANGE, VERMILLION, axes_or_new, image, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def factorization(axes: np.ndarray | None = None) -> np.ndarray:
    """The whole idea in one figure, on a photograph: `separable` at the left, `not_separable` at the right.

    Parameters
    ----------
    axes : (3, 6) array of Axes, optional

    Returns
    -------
    axes : (3, 6) array of Axes
    """
    if axes is None:
        import matplotlib.pyplot as plt

        with style():
            fig = plt.figure(figsize=(12.6, 7.4), facecolor="white", layout="constrained")
            left, right = fig.subfigures(1, 2, wspace=0.04)
            axes = np.concatenate([half.subplots(3, 3) for half in (left, right)], axis=1)
            left.suptitle("One pattern for each input channel:\ndepthwise + pointwise = standard", weight="bold")
            right.suptitle("More patterns than one:\nno depthwise + pointwise can do it", weight="bold")
    photo = photograph()
    with style():
        separable(one_pattern_each(photo), axes[:, :3])
        not_separable(one_pattern_for_all(photo), axes[:, 3:])
    return axes


def separable(stages: Factorized, axes: np.ndarray | None = None) -> np.ndarray:
    """A photograph's channels; each filtered by its own kernel; and mixed.

    Parameters
    ----------
    stages : Factorized
        From `mobilenet_np.show.photograph.one_pattern_each`.
    axes : (3, 3) array of Axes, optional

    Returns
    -------
    axes : (3, 3) array of Axes
    """
    axes = _grid(axes, 3)
    for c, channel in enumerate(CHANNELS):
        image(axes[0, c], tinted(stages.photo, c), f"input: {channel}")
        image(axes[1, c], stages.filtered[..., c], f"depthwise: {channel}")
        _inset(axes[1, c], stages.depthwise[..., c])
        image(axes[2, c], stages.mixed[..., c], f"pointwise: {stages.names[c]}")
    (k, _, M), N = stages.depthwise.shape, stages.pointwise.shape[1]
    few, many = separable_macs(1, 1, k, M, N), conv2d_macs(1, 1, k, M, N)
    axes[2, 1].set_xlabel(
        f"= one standard convolution, to {stages.difference:.0e}; {few} MACs a pixel instead of {many}"
    )
    return axes


def not_separable(stages: Approximated, axes: np.ndarray | None = None) -> np.ndarray:
    """What a standard kernel sees in a photograph; what the nearest separable kernel sees; and what is missing.

    Parameters
    ----------
    stages : Approximated
        From `mobilenet_np.show.photograph.one_pattern_for_all`.
    axes : (3, C_out) array of Axes, optional

    Returns
    -------
    axes : (3, C_out) array of Axes
    """
    axes = _grid(axes, len(stages.names))
    limit = 2 * float(np.abs(stages.standard).std())
    for n, name in enumerate(stages.names):
        image(axes[0, n], stages.standard[..., n], f"standard: edges at {name}", limit)
        _inset(axes[0, n], stages.w[:, :, 1, n])
        image(axes[1, n], stages.nearest[..., n], f"nearest separable: {name}", limit)
        _inset(axes[1, n], stages.best[:, :, 1, n])
        image(axes[2, n], stages.standard[..., n] - stages.nearest[..., n], f"missing: {name}", limit)
    axes[2, len(stages.names) // 2].set_xlabel(
        f"error of the kernel {stages.errors[0]:.0%}; rank of its slices {stages.rank.max()}"
    )
    return axes


def saving(measured: Iterable[tuple[int, float]] = (), k: int = 3, ax: Axes | None = None, largest: int = 1024) -> Axes:
    """MACs of depthwise + pointwise over those of a standard convolution: 1/N + 1/k^2.

    Parameters
    ----------
    measured : iterable of (int, float)
        Output channels N, and the ratio of MACs that were really executed.
    k : int
        Side of the kernel.
    ax : Axes, optional
    largest : int
        Output channels up to which the curve goes.

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax)
    n = np.unique(np.geomspace(1, largest, 200).round().astype(int))
    ax.plot(n, [float(separable_ratio(k, int(N))) for N in n], label="$1/N + 1/k^2$")
    ax.axhline(1 / k**2, color=VERMILLION, linestyle="--", linewidth=1.2, label=f"$1/k^2 = 1/{k**2}$, never reached")
    measured = list(measured)
    if measured:
        ax.plot(*zip(*measured, strict=True), "o", color=ORANGE, markersize=7, label="executed")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ticks = [1, 1 / 2, 1 / 4, 1 / 8]
    ax.set_yticks(ticks, ["1", "1/2", "1/4", "1/8"])
    ax.set_xticks(powers := [2**p for p in range(0, int(np.log2(largest)) + 1, 2)], powers)
    ax.set(xlabel="output channels N", ylabel=f"MACs, relative to a standard {k}x{k}")
    ax.grid()
    ax.legend()
    return ax


def kernels_needed(series: dict[str, Iterable[float]], ax: Axes | None = None) -> Axes:
    """Error of the nearest separable kernel over the number of depthwise kernels for each input channel.

    Parameters
    ----------
    series : dict of iterable of float
        For each name the relative error with 1, 2, 3, ... kernels.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax)
    for (name, errors), marker in zip(series.items(), "osD^v", strict=False):
        errors = list(errors)
        ax.plot(range(1, len(errors) + 1), errors, marker=marker, label=name)
    ax.set(xlabel="depthwise kernels for each input channel", ylabel="relative error of the kernel", ylim=(-0.03, 1))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid()
    ax.legend()
    return ax


def tinted(photo: np.ndarray, channel: int) -> np.ndarray:
    """One channel of a photograph (H, W, 3) in its own colour, brightened so that blue is not too dark to see."""
    tint = np.full(3, 0.35)
    tint[channel] = 1
    return photo[..., channel, None] * tint


def _grid(axes, columns):
    if axes is not None:
        return axes
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots(3, columns, figsize=(2.1 * columns, 7), facecolor="white", layout="constrained")[1]


def _inset(ax, kernel):
    """The kernel itself, in the corner of what it sees."""
    corner = ax.inset_axes([0.02, 0.02, 0.2, 0.2])
    image(corner, kernel, limit=float(np.abs(kernel).max()))
    corner.spines[:].set(visible=True, color="white", linewidth=1)
