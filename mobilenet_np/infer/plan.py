"""Decide, before the first image, everything that does not depend on its pixels.

A network becomes a list of steps, and a step a number of tiles that may be computed in any order by any thread:

``COPY``      the image with zeros around it, so that the first convolution needs no special cases at the border.
``STEM``      the first convolution, as a matrix product: a 3x3 window is three runs of nine numbers in memory.
``ROWS``      a whole block, for some rows of its output: expand the rows that they need, depthwise, project. The
              wide tensor in the middle never exists as a whole; some rows of it fit into a core's own cache.
``CHANNELS``  expansion and depthwise convolution, for some channels. Where the image is small this wastes nothing at
              the borders of tiles, and squeeze-and-excite must see all rows before the projection can begin anyway.
``WINDOWS``   before a standard convolution in a block, which no MobileNet has, but its twin in V1's Table 4: the
              windows as rows of a matrix. Each number is copied once for every tap; a pointwise convolution needs none
              of this.
``PRODUCT``   a matrix product: the projection after ``CHANNELS``, what comes after ``WINDOWS``, the gates, the last
              convolution together with the pool, the fully connected layers.

Tile sizes follow from the size of the core's cache and the shapes. They decide the speed, never the result: each number
is one sum in one order (see `mobilenet_np.kernels.tiles`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..architecture import Architecture, Block, Row
from ..geometry import output_size, same_padding
from ..memory import LINE
from .weights import Weights, padded

COPY, STEM, ROWS, CHANNELS, WINDOWS, PRODUCT = range(6)
ACT_NAMES = ("", "relu", "relu6", "hard_swish", "hard_sigmoid")
NONE = -1  # an offset that is not there

STEP = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("kind", "tiles", "tile"),  # how many tiles; rows or channels of one
            *("H", "W", "Ho", "Wo", "kernel", "stride", "top", "left"),
            *("c_in", "c_mid", "c_out"),  # padded; c_mid: channels of the depthwise convolution
            *("in_pitch", "mid_pitch", "out_pitch"),  # from one pixel to the next
            *("M", "by_rows"),  # PRODUCT: rows of the matrix; are tiles some of its rows, or some columns?
            *("source", "middle", "target", "residual", "sums", "gate"),  # where in the activations
            *("w_expand", "b_expand", "w_depthwise", "b_depthwise", "w", "b"),  # where in the weights
            *("act_mid", "act", "pool"),
        )
    ]
    + [("slope", np.float32)]
)


def _cache_size() -> int:
    """Bytes of a core's own cache, the second level; half a megabyte where the system does not tell."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text[:-1]) * {"K": 2**10, "M": 2**20}[text[-1]]
    except (OSError, ValueError, KeyError, IndexError):
        return 2**19


CACHE = _cache_size()


def pitch(channels: int) -> int:
    """Numbers from one pixel to the next: whole cache lines, and one more where it must be.

    A first-level cache finds a line by its address modulo 4096 bytes. Pixels that are 512, 1024 or 2048 bytes apart
    compete for an eighth or less of it; a line of 64 bytes between them, and each has a place of its own.
    """
    whole = -(-channels // LINE) * LINE
    return whole + LINE if whole % 128 == 0 else whole


class Plan(NamedTuple):
    """What `run` needs to know.

    Attributes
    ----------
    steps : (S,) STEP
        From one image to its pooled features.
    heads : (T,) STEP
        The fully connected layers, for all images at once; the last one's target are the logits.
    activations, scratch, features, outputs : int
        float32 numbers of working space: for an image, for a thread, of features an image, for all heads together.
    """

    steps: np.ndarray
    heads: np.ndarray
    activations: int
    scratch: int
    features: int
    outputs: int


def plan(net: Architecture, weights: Weights, images: int, height: int, width: int) -> Plan:
    """Steps, tiles and working space for batches of one shape.

    Parameters
    ----------
    net : Architecture
        One that `mobilenet_np.infer.fits`.
    weights : Weights
        Of a network with these rows.
    images, height, width : int
        Of a batch; pixels.
    """
    return _Planner(net, weights).plan(images, height, width)


class _Planner:
    """Walks through the architecture twice: once to see how much room each space needs, once to hand out offsets."""

    def __init__(self, net: Architecture, weights: Weights):
        self.net, self.places = net, weights.places
        # The most numbers that each space ever holds. The row of zeros comes first, where `run` looks for it.
        self.sizes: dict[str, int] = {"zeros": 0}
        self.offsets: dict[str, int] = {}
        self.scratch = 0

    def plan(self, images: int, height: int, width: int) -> Plan:
        self._walk(height, width)
        activations = 0
        for name, size in self.sizes.items():
            self.offsets[name], activations = activations, activations + -(-size // 16) * 16
        steps = self._walk(height, width)
        features = int(steps[-1]["c_out"])
        heads, outputs = self._heads(images, features)
        return Plan(steps, heads, activations, self.scratch, features, outputs)

    def _walk(self, H: int, W: int) -> np.ndarray:
        self.steps: list[np.ndarray] = []
        H, W = self._stem(H, W)
        source, target = "even", "odd"
        head = [row for row in self.net.tail if row.name == "head"]
        for block in self.net.blocks:
            pool = not head and block is self.net.blocks[-1]
            walk = self._convolution if block.rows[0].op == "conv2d" else self._block
            H, W = walk(block, H, W, source, target, pool)
            source, target = target, source
        for row in head:
            self._product(row, H * W, source=self._space(source), pool=1)
        return np.array(self.steps, STEP)

    # -----------------------------------------------------------------------------------------------------------------
    # Steps

    def _stem(self, H: int, W: int) -> tuple[int, int]:
        row = self.net.stem
        (top, bottom), (left, right) = same_padding(H, W, 3, 2, row.padding)
        Ho, Wo = output_size(H, 3, 2, (top, bottom)), output_size(W, 3, 2, (left, right))
        high, wide = top + H + bottom, left + W + right
        image, target = self._space("image", high * wide * 3), self._space("even", Ho * Wo * pitch(padded(row.c_out)))
        self._add(COPY, high, 64, H=H, W=W, Ho=high, Wo=wide, top=top, left=left, target=image)
        self._add(
            STEM, Ho, 8, H=high, W=wide, Ho=Ho, Wo=Wo, c_out=padded(row.c_out), source=image, target=target,
            out_pitch=pitch(padded(row.c_out)),
            act=ACT_NAMES.index(row.act), **self._weights(row.name),
        )  # fmt: skip
        return Ho, Wo

    def _block(self, block: Block, H: int, W: int, source: str, target: str, pool: bool) -> tuple[int, int]:
        rows = {row.name.rpartition(".")[2]: row for row in block.rows}
        expand, depthwise, gate, project = (
            rows.get("expand"), rows["depthwise"], rows.get("squeeze_excite"), block.rows[-1],
        )  # fmt: skip
        k, s, c = depthwise.kernel, depthwise.stride, padded(depthwise.c_in)
        (top, bottom), (left, right) = same_padding(H, W, k, s, depthwise.padding)
        Ho, Wo = output_size(H, k, s, (top, bottom)), output_size(W, k, s, (left, right))
        self._space("zeros", W * pitch(c))
        fields = dict(
            H=H, W=W, Ho=Ho, Wo=Wo, kernel=k, stride=s, top=top, left=left,
            c_in=padded(block.rows[0].c_in), c_mid=c, source=self._space(source),
            in_pitch=pitch(padded(block.rows[0].c_in)), mid_pitch=pitch(c),
            act_mid=ACT_NAMES.index(depthwise.act), **self._weights(depthwise.name, "_depthwise"),
        )  # fmt: skip
        if expand:
            fields |= self._weights(expand.name, "_expand")
        residual = self._space(source) if block.residual else NONE
        if gate or pool or 4 * H * W * c <= CACHE // 2:
            self._channels(fields, gate)
            self._product(
                project, Ho * Wo, self._space("middle"), target, residual, self._space("gate") if gate else NONE, pool
            )
        else:
            self._rows(fields, project, target, residual)
        return Ho, Wo

    def _convolution(self, block: Block, H: int, W: int, source: str, target: str, pool: bool) -> tuple[int, int]:
        """A standard convolution: its windows, and their product with the kernel."""
        (row,) = block.rows
        k, s, c = row.kernel, row.stride, padded(row.c_in)
        (top, bottom), (left, right) = same_padding(H, W, k, s, row.padding)
        Ho, Wo = output_size(H, k, s, (top, bottom)), output_size(W, k, s, (left, right))
        matrix = replace(row, c_in=k * k * c)
        self._space("zeros", c)
        self._add(
            WINDOWS, Ho, 4, H=H, W=W, Ho=Ho, Wo=Wo, kernel=k, stride=s, top=top, left=left, c_in=c,
            source=self._space(source), in_pitch=pitch(c),
            middle=self._space("middle", Ho * Wo * pitch(matrix.c_in)), mid_pitch=pitch(matrix.c_in),
        )  # fmt: skip
        residual = self._space(source) if block.residual else NONE
        self._product(matrix, Ho * Wo, self._space("middle"), target, residual, pool=pool)
        return Ho, Wo

    def _rows(self, fields: dict, project: Row, target: str, residual: int) -> None:
        """As many rows at once as the cache holds, with two tiles at least, and an even number where it can be."""
        k, s, c, W, Ho, Wo = (fields[name] for name in ("kernel", "stride", "mid_pitch", "W", "Ho", "Wo"))
        expands = "w_expand" in fields
        tile = Ho
        while tile > 1 and 4 * self._room(tile, k, s, c, W, Wo, expands) > CACHE * 3 // 4:
            tile -= 1
        count = -(-Ho // tile)
        tile = -(-Ho // (count + count % 2))  # tiles of equal size
        self.scratch = max(self.scratch, self._room(tile, k, s, c, W, Wo, expands))
        self._add(
            ROWS, Ho, tile, **fields, c_out=padded(project.c_out), residual=residual,
            target=self._space(target, Ho * Wo * pitch(padded(project.c_out))), out_pitch=pitch(padded(project.c_out)),
            act=ACT_NAMES.index(project.act), **self._weights(project.name),
        )  # fmt: skip

    @staticmethod
    def _room(tile: int, k: int, s: int, c: int, W: int, Wo: int, expands: bool) -> int:
        return (((tile - 1) * s + k) * W * expands + tile * Wo) * c

    def _channels(self, fields: dict, gate: Row | None) -> None:
        """Some channels of the whole image, in about 64 KB, and four tiles where there are channels enough."""
        c, size = fields["c_mid"], fields["H"] * fields["W"]
        tile = max(16, min(2**14 // size, -(-c // 4)) // 16 * 16)
        self.scratch = max(self.scratch, size * tile)
        sums = self._space("sums", c) if gate else NONE
        middle = self._space("middle", fields["Ho"] * fields["Wo"] * pitch(c))
        self._add(CHANNELS, c, tile, **fields, middle=middle, sums=sums)
        if gate:
            hidden = Row(f"{gate.name}.1", "linear", gate.c_in, gate.squeeze, act="relu")
            opened = Row(f"{gate.name}.2", "linear", gate.squeeze, gate.c_in, act="hard_sigmoid")
            self._product(hidden, 1, sums, "hidden")
            self._product(opened, 1, self._space("hidden"), "gate")

    def _product(
        self,
        row: Row,
        M: int,
        source: int,
        target: str = "",
        residual: int = NONE,
        gate: int = NONE,
        pool: bool = False,
    ) -> None:
        """``target`` "": the features, which are not an activation space."""
        N, K = padded(row.c_out), padded(row.c_in)
        by_rows = M >= 192 and not pool
        if by_rows:
            extent, tile = M, -(-M // 28) * 7  # four tiles of whole register tiles
            self.scratch = max(self.scratch, tile * K * (gate != NONE))
        else:
            extent, tile = N, max(16, min(-(-N // 64) * 16, 2**17 // K // 16 * 16, 256))
            self.scratch = max(self.scratch, M * K * (gate != NONE) + M * tile * pool)
        self._add(
            PRODUCT, extent, tile, M=M, c_in=K, c_out=N, by_rows=by_rows, source=source, residual=residual, gate=gate,
            target=self._space(target, M * pitch(N)) if target else 0, in_pitch=pitch(K), out_pitch=pitch(N),
            act=ACT_NAMES.index(row.act), pool=pool,
            slope=self.net.convention.gate_slope, **self._weights(row.name),
        )  # fmt: skip

    def _heads(self, images: int, features: int) -> tuple[np.ndarray, int]:
        """The fully connected layers, in a space of their own: features, hidden units, logits."""
        self.steps = []
        at, end = 0, images * features
        for row in self.net.tail:
            if row.op == "linear":
                self._product(row, images, source=at)
                self.steps[-1]["target"] = end
                for field, channels in (("in_pitch", row.c_in), ("out_pitch", row.c_out)):
                    self.steps[-1][field] = padded(channels)
                at, end = end, end + images * padded(row.c_out)
        return np.array(self.steps, STEP), end

    # -----------------------------------------------------------------------------------------------------------------

    def _space(self, name: str, size: int = 0) -> int:
        """Offset of an activation space; remembers how much room it needs."""
        self.sizes[name] = max(self.sizes.get(name, 0), size)
        return self.offsets.get(name, 0)

    def _weights(self, name: str, suffix: str = "") -> dict[str, int]:
        place = self.places[name]
        return {f"w{suffix}": place.w, f"b{suffix}": place.b}

    def _add(self, kind: int, extent: int, tile: int, **fields: float) -> None:
        step = np.full((), NONE, STEP)
        for name, value in (fields | dict(kind=kind, tile=tile, tiles=-(-extent // tile))).items():
            step[name] = value
        self.steps.append(step)
