"""Figures in the look of the project, drawn without a screen."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mobilenet_np.files import write
from mobilenet_np.show.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, THEMES, VERMILLION, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = THEMES["light"][0]
# Each contender looks the same in all figures; ours are blue.
LOOKS = {
    "compile": (BLUE, "o"),
    "ours": (BLUE, "o"),
    "numba": (BLUE, "o"),
    "forward": (SKY, "o"),
    "numpy": (SKY, "s"),
    "loops": (GREY, "s"),
    "torch NCHW": (ORANGE, "^"),
    "torch NHWC": (VERMILLION, "v"),
    "torch NHWC, malloc tuned": (VERMILLION, "*"),
    "torch folded": (PURPLE, "v"),
    "onnxruntime": (GREEN, "D"),
    "openvino": (INK, "P"),
    "keras": (GREY, "X"),
}


def figure(width: float, height: float) -> Figure:
    """An empty one, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def save(plot: Callable[[list[dict]], Figure], rows: list[dict], path: Path) -> None:
    """Draw ``rows`` in the project's look, as PNG."""
    buffer = io.BytesIO()
    with style():
        plot(rows).savefig(buffer, format="png", dpi=150, facecolor="white")
    write("benchmarks", buffer.getvalue(), path)


def plain_numbers(axis) -> None:
    """Label a logarithmic axis 1, 2, 5, 10, ... instead of with powers."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
