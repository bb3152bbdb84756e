"""All weights of a network in one flat array, folded, padded and packed: made once, used for every image size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..architecture import Row
from ..memory import lines
from ..models import Network
from .fold import fold


class Place(NamedTuple):
    """Offsets of one row's weights and bias in `Weights.array`."""

    w: int
    b: int


def padded(channels: int) -> int:
    """Channels rounded up to whole registers of eight."""
    return -(-channels // 8) * 8


class Weights:
    """Folded weights by row name.

    A matrix lies in panels of sixteen columns, a depthwise kernel tap by tap. Channels are padded with zeros to
    multiples of eight: what is computed in the padding is zero again, through every layer (a gate there is half open,
    but lets through zeros), and is cut off at the end.

    Attributes
    ----------
    array : flat float32 array
    places : dict of Place
        By row; the two layers of a squeeze-and-excite gate are ``<row>.1`` and ``<row>.2``.
    """

    def __init__(self, net: Network):
        self.places: dict[str, Place] = {}
        self._parts: list[np.ndarray] = []
        self._size = 0
        for row in net.architecture.rows:
            layer = _layer(net, row.name)
            if row.op == "squeeze_excite":
                w1, b1, w2, b2 = layer.params.values()
                self._add_matrix(f"{row.name}.1", w1, b1)
                self._add_matrix(f"{row.name}.2", w2, b2)
            elif row.op == "depthwise_conv2d":
                self._add_depthwise(row, *fold(layer))
            elif row.op == "conv2d":
                w, b = fold(layer)
                if row is not net.architecture.stem:  # whose pixels are three numbers, without padding
                    w = np.pad(w, ((0, 0), (0, 0), (0, padded(row.c_in) - row.c_in), (0, 0)))
                self._add_matrix(row.name, w.reshape(-1, row.c_out), b, inputs=w[..., 0].size)
            elif row.op in ("pointwise_conv2d", "linear"):
                self._add_matrix(row.name, *fold(layer))
        self.array = lines(1, self._size)[0]
        np.concatenate(self._parts, out=self.array)
        del self._parts

    def _add_matrix(self, name: str, w: np.ndarray, b: np.ndarray, inputs: int | None = None) -> None:
        from ..kernels.product import pack

        rows = np.zeros((padded(w.shape[0]) if inputs is None else inputs, w.shape[1]))
        rows[: w.shape[0]] = w
        self.places[name] = Place(self._append(pack(rows)), self._append(_fill(b)))

    def _add_depthwise(self, row: Row, w: np.ndarray, b: np.ndarray) -> None:
        taps = w.reshape(-1, row.c_out)
        wide = np.zeros((taps.shape[0], padded(row.c_out)))
        wide[:, : row.c_out] = taps
        self.places[row.name] = Place(self._append(wide.ravel()), self._append(_fill(b)))

    def _append(self, flat: np.ndarray) -> int:
        at = self._size
        whole_cache_lines = np.concatenate([flat, np.zeros(-flat.size % 16)]).astype(np.float32)
        self._parts.append(whole_cache_lines)
        self._size += whole_cache_lines.size
        return at


def _fill(b: np.ndarray) -> np.ndarray:
    return np.concatenate([b, np.zeros(padded(b.size) - b.size)])


def _layer(net: Network, name: str):
    layer = net
    for part in name.split("."):
        layer = layer.children[part]
    return layer
