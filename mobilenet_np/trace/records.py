"""What a traced pass left behind, one record a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..counted.network import kept_bytes
from ..receptive_field import ReceptiveField
from .statistics import Statistics, statistics

_ROOT = Path(__file__).parents[2]


class Source(NamedTuple):
    """Where a definition is written down."""

    path: str
    """Relative to the folder that holds the package: "mobilenet_np/ops/relu6.py"."""
    line: int
    """Of its ``def``."""

    @classmethod
    def of(cls, function: Callable) -> Source:
        """Of a function of this package."""
        code = function.__code__
        return cls(Path(code.co_filename).relative_to(_ROOT).as_posix(), code.co_firstlineno)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, repr=False, eq=False)
class Forward:
    """What a layer did on the way forward.

    Attributes
    ----------
    x, y : float
        Input and output, the very arrays that the pass computed with.
    seconds : float or None
        With everything inside; None for the parts of a gate, which run as one op.
    source : Source
        Of the definition (`_forward_loops`); of a row, that of its first op; of a block, where it calls its rows.
    """

    x: np.ndarray
    y: np.ndarray
    seconds: float | None
    source: Source

    def __repr__(self) -> str:
        return f"Forward(x={_short(self.x)}, y={_short(self.y)}, {self.source})"


@dataclass(frozen=True, repr=False, eq=False)
class Backward:
    """What a layer did on the way back.

    Attributes
    ----------
    dy, dx : float
        Gradient of the loss with respect to output and input.
    grads : dict
        Gradients of the layer's parameters, under the names of `Record.params`; of the multiplication inside a
        squeeze-and-excite gate, that of its second factor, "g".
    seconds : float or None
    source : Source
        Of the definition (`_backward_loops`).
    """

    dy: np.ndarray
    dx: np.ndarray
    grads: Mapping[str, np.ndarray]
    seconds: float | None
    source: Source

    def __repr__(self) -> str:
        grads = "".join(f", {name}: {_short(grad)}" for name, grad in self.grads.items())
        return f"Backward(dy={_short(self.dy)}, dx={_short(self.dx)}{grads}, {self.source})"


@dataclass(frozen=True, repr=False, eq=False)
class Record:
    """One layer: a block ("block3"), a row ("block3.depthwise"), an op ("block3.depthwise.conv").

    Attributes
    ----------
    name : str
    op : str
        Of `mobilenet_np.ops`; of a row, that of its first op; "sequential" or "residual" for a block; "gate" for the
        multiplication inside a squeeze-and-excite gate.
    forward : Forward
    backward : Backward
    receptive_field : ReceptiveField
        Of an element of y.
    parts : tuple of Record
        What it consists of, in the order in which it ran; none for a single op.
    params : dict
        The parameters that the pass ran with: "w" for an op, "conv.w", "bn.gamma" for a row.
    options : dict
        The other arguments of the op, of a row's first op: ``dict(stride=2, padding=((0, 1), (0, 1)))`` of a
        convolution, "eps" of a BatchNorm, "slope" and "gradient_slope" of a gate, "rate" of dropout.
    cache : tuple or None
        What the op kept for the backward pass; None for rows and blocks.
    macs, macs_in_bounds, macs_dx, macs_dw : int
        For the whole batch, counted from the shapes that the pass saw; `macs_in_bounds` is without the products with
        padding zeros.
    """

    name: str
    op: str
    forward: Forward
    backward: Backward
    receptive_field: ReceptiveField
    parts: tuple[Record, ...] = ()
    params: Mapping[str, np.ndarray] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    cache: Any = None
    macs: int = 0
    macs_in_bounds: int = 0
    macs_dx: int = 0
    macs_dw: int = 0

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of x, y and every parameter."""
        return {name: array.shape for name, array in self._arrays()}

    @property
    def dtypes(self) -> dict[str, np.dtype]:
        """Of x, y and every parameter."""
        return {name: array.dtype for name, array in self._arrays()}

    @property
    def bytes(self) -> dict[str, int]:
        """Of "x", "y", "params" and of what is "kept" for the backward pass."""
        return {
            "x": self.forward.x.nbytes,
            "y": self.forward.y.nbytes,
            "params": sum(array.nbytes for array in self.params.values()),
            "kept": kept_bytes((op.cache for op in self.ops), self.params.values()),
        }

    @property
    def ops(self) -> Iterator[Record]:
        """The single ops inside, in the order in which they ran."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.ops

    @property
    def statistics(self) -> Statistics:
        """Of the output, and of all nonlinearities inside."""
        return statistics(self)

    def _arrays(self):
        yield from (("x", self.forward.x), ("y", self.forward.y))
        yield from self.params.items()

    def __repr__(self) -> str:
        return (
            f"<{self.name}: {self.op}, {_short(self.forward.x)} -> {_short(self.forward.y)}, {self.macs:,} MACs, "
            f"{self.forward.source}>"
        )


def _short(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"
