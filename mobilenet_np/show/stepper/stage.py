"""One convolution of a page, and every product that it consists of.

All four kinds are one kind with different numbers: a grouped convolution. Standard has one group, depthwise as many
groups as channels, pointwise a kernel of 1x1. So all are recorded here by the same loops, in the order of the
definitions, and a test runs the definitions beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...geometry import Padding, output_size


@dataclass(frozen=True)
class Stage:
    """What is computed, in which letters, and where it was cut out of a larger layer.

    Attributes
    ----------
    op : str
        Key of `DEFINITIONS`.
    names : mapping
        What the definition's x, w and y are called on the page.
    x : (H, W, C_in) float
    w : (kh, kw, C_in / groups, C_out) float
    dy : (Ho, Wo, C_out) float
    groups, stride, padding
        See `mobilenet_np.show.stepper.grouped`.
    origin : dict
        Index in the whole layer of the first image, and of the first row and column drawn of x (r, s) and of y (i, j).
    inputs, outputs : sequence of int
        Index in the whole layer of every channel.
    whole : dict
        The whole layer's own y, dx and dw at what is drawn, in the shapes of dy, x and w; empty if nothing is cut off.
    """

    op: str
    names: Mapping[str, str]
    x: np.ndarray
    w: np.ndarray
    dy: np.ndarray
    groups: int
    stride: int
    padding: Padding
    origin: Mapping[str, int]
    inputs: Sequence[int]
    outputs: Sequence[int]
    whole: Mapping[str, np.ndarray]

    @property
    def taps_a_number(self) -> int:
        """Products in the sum of one output number."""
        return self.w[..., 0].size

    def connected(self, c: int, o: int) -> bool:
        """Whether output channel o looks at input channel c."""
        share, (C_in, C_out) = self.w.shape[2], (self.x.shape[2], self.w.shape[3])
        return c // share == o // (C_out // (C_in // share))


class Taps(NamedTuple):
    """Every product of a stage in the order of the definition; each field is a list with an entry a product."""

    i: list[int]
    j: list[int]
    o: list[int]
    a: list[int]
    b: list[int]
    c: list[int]
    """Input channel."""
    r: list[int]
    s: list[int]
    inside: list[int]
    """1, or 0 where x is a padding zero."""
    xw: list[float]
    """The product of the forward pass."""
    y: list[float]
    """y[i, j, o] after it."""
    dyw: list[float]
    dx: list[float | None]
    """None at a padding zero: it has no gradient."""
    dw: list[float]


class Record(NamedTuple):
    """The products, and what they add up to."""

    taps: Taps
    y: np.ndarray
    dx: np.ndarray
    dw: np.ndarray


def record(stage: Stage) -> Record:
    """Run a stage forward and backward, and keep every product and every sum on the way.

    Products with padding zeros are among the taps, with x = 0, as the papers' tables count them; nothing is added.
    """
    x, w, dy, ((top, _), (left, _)) = stage.x, stage.w, stage.dy, stage.padding
    (H, W, _), (kh, kw, share, C_out) = x.shape, w.shape
    y, dx, dw = np.zeros(output_shape(stage), x.dtype), np.zeros_like(x), np.zeros_like(w)
    rows = []
    for i, j, o in np.ndindex(y.shape):
        first = o // (C_out // stage.groups) * share
        for a, b in np.ndindex(kh, kw):
            r, s = i * stage.stride + a - top, j * stage.stride + b - left
            inside = 0 <= r < H and 0 <= s < W
            for q in range(share):
                c = first + q
                at = (i, j, o, a, b, c, r, s, int(inside))
                if inside:
                    xw, dyw = x[r, s, c] * w[a, b, q, o], dy[i, j, o] * w[a, b, q, o]
                    y[i, j, o] += xw
                    dx[r, s, c] += dyw
                    dw[a, b, q, o] += dy[i, j, o] * x[r, s, c]
                    rows.append((*at, xw, y[i, j, o], dyw, dx[r, s, c], dw[a, b, q, o]))
                else:
                    rows.append((*at, 0, y[i, j, o], 0, None, dw[a, b, q, o]))
    return Record(Taps(*map(list, zip(*rows, strict=True))), y, dx, dw)


def output_shape(stage: Stage) -> tuple[int, int, int]:
    """(Ho, Wo, C_out)."""
    Ho, Wo = (
        output_size(size, taps, stage.stride, pad)
        for size, taps, pad in zip(stage.x.shape[:2], stage.w.shape[:2], stage.padding, strict=True)
    )
    return Ho, Wo, stage.w.shape[3]
