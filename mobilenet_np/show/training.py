"""Training, drawn: losses, accuracies, and which answers were wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import check
from ..train import History
from .style import BLUE, VERMILLION, axes_or_new, image, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def losses(histories: Mapping[str, History], ax: Axes | None = None) -> Axes:
    """Loss of every batch, faint, and its mean over each whole epoch.

    Parameters
    ----------
    histories : dict of History
        By the name to show.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax)
    for name, history in histories.items():
        loss, steps = np.array(history.loss), max(history.steps, 1)
        means = loss[: len(loss) // steps * steps].reshape(-1, steps).mean(axis=1)
        (line,) = ax.plot(np.arange(len(means)) + 0.5, means, label=name)
        ax.plot((np.arange(len(loss)) + 0.5) / steps, loss, color=line.get_color(), alpha=0.18, linewidth=0.8)
    ax.set(xlabel="epoch", ylabel="cross entropy", yscale="log")
    ax.grid()
    ax.legend()
    return ax


def accuracies(histories: Mapping[str, History], ax: Axes | None = None) -> Axes:
    """Accuracy after every epoch on the test images, and during it on the training batches (dashed).

    Parameters
    ----------
    histories : dict of History
        By the name to show.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    ax = axes_or_new(ax)
    for name, history in histories.items():
        epochs = np.arange(1, len(history.train_accuracy) + 1)
        best = f"{name}, {history.test_accuracy[-1]:.1%} at the end" if history.test_accuracy else name
        (line,) = ax.plot(epochs[: len(history.test_accuracy)], history.test_accuracy, label=best)
        ax.plot(epochs, history.train_accuracy, "--", color=line.get_color(), linewidth=1)
    ax.set(xlabel="epoch", ylabel="accuracy: test solid, training dashed", ylim=(None, 1.01))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.grid()
    ax.legend(loc="lower right")
    return ax


def confusion_matrix(counts: np.ndarray, ax: Axes | None = None) -> Axes:
    """How often each class was taken for each other; right answers blue, wrong ones red.

    Parameters
    ----------
    counts : (K, K) int
        Row: the label; column: the prediction; from `mobilenet_np.train.confusion_matrix`.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    check(
        counts.ndim == 2 and counts.shape[0] == counts.shape[1],
        f"show.confusion_matrix: counts has shape {counts.shape}; it must be square, (classes, classes)",
    )
    from matplotlib.colors import to_rgba

    ax = axes_or_new(ax, (4.6, 4.4))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    colours = np.where(right[..., None], to_rgba(BLUE), to_rgba(VERMILLION))
    # A single mistake among forty right answers must be seen, so that the strength does not start at 0.
    colours[..., 3] = np.where(counts == 0, 0, 0.25 + 0.75 * share)
    ax.imshow(colours)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            ax.text(
                j, i, str(count), ha="center", va="center", fontsize="small", color="white" if right[i, j] else None
            )
    ax.set(xlabel="prediction", ylabel="label", xticks=range(len(counts)), yticks=range(len(counts)))
    ax.tick_params(length=0)
    return ax


def mistakes(
    pictures: np.ndarray, labels: np.ndarray, predictions: np.ndarray, axes: np.ndarray | None = None
) -> np.ndarray:
    """Wrongly classified images, each with its label and what the network said.

    Parameters
    ----------
    pictures : (N, H, W, 3) float in [0, 1]
        All test images; only the wrong ones are shown, as many as there are axes.
    labels, predictions : (N,) int
    axes : array of Axes, optional

    Returns
    -------
    axes : array of Axes
    """
    wrong = np.flatnonzero(labels != predictions)
    if axes is None:
        import matplotlib.pyplot as plt

        rows = max(-(-len(wrong) // 6), 1)
        with style():
            axes = plt.subplots(
                rows, 6, figsize=(7.2, 1.6 * rows), facecolor="white", layout="constrained", squeeze=False
            )[1]
    for ax in axes.flat:
        ax.axis("off")
    for ax, i in zip(axes.flat, wrong, strict=False):
        image(ax, pictures[i], f"{labels[i]}, said {predictions[i]}")
    return axes
