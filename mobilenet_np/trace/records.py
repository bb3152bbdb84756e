"""What a traced pass left behind, one record a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .receptive_field import ReceptiveField
from .statistics import Statistics, statistics


class Source(NamedTuple):
    """Where a definition is written down."""

    path: str
    """Relative to the folder that holds the package: "mobilenet_np/ops/relu6.py"."""
    line: int
    """Of its ``def``."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, repr=False)
class Forward:
    """What a layer did on the way forward.

    Attributes
    ----------
    x, y : float
        Input and output, the very arrays that the pass computed with.
    seconds : float or None
        With everything inside; None for the parts of a gate, which run as one op.
    source : Source
        Of the definition (`_forward_loops`); of a row, that of its convolution.
    """

    x: np.ndarray
    y: np.ndarray
    seconds: float | None
    source: Source

    def __repr__(self) -> str:
        return f"Forward(x={_short(self.x)}, y={_short(self.y)}, {self.source})"


@dataclass(frozen=True, repr=False)
class Backward:
    """What a layer did on the way back.

    Attributes
    ----------
    dy, dx : float
        Gradient of the loss with respect to output and input.
    grads : dict
        Gradients of the layer's parameters, under the names of `Record.params`.
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


@dataclass(frozen=True, repr=False)
class Record:
    """One layer: a block ("block3"), a row ("block3.depthwise"), an op ("block3.depthwise.conv").

    Attributes
    ----------
    name : str
    op : str
        Of `mobilenet_np.ops`; of a row, that of its convolution; "sequential" or "residual" for a block; "gate" for the
        multiplication inside a squeeze-and-excite gate.
    parts : tuple of str
        Names of the records that it consists of, in the order in which they ran; none for an op.
    forward : Forward
    backward : Backward
    params : dict
        The parameters that the pass ran with: "w" for an op, "conv.w", "bn.gamma" for a row.
    options : dict
        The op's other arguments, resolved: ``dict(stride=2, padding=((0, 1), (0, 1)))``; "eps" of a BatchNorm, "slope"
        and "gradient_slope" of a gate, "rate" of dropout.
    cache : NamedTuple or None
        What the op kept for the backward pass.
    macs, macs_in_bounds, macs_dx, macs_dw : int
        For the whole batch, counted from the shapes that the pass saw; `macs_in_bounds` is without the products with
        padding zeros.
    kept_bytes : int
        Size of everything kept for the backward pass, parameters left out.
    receptive_field : ReceptiveField
        Of an element of y.
    """

    name: str
    op: str
    parts: tuple[str, ...]
    forward: Forward
    backward: Backward
    params: Mapping[str, np.ndarray]
    options: Mapping[str, Any]
    cache: Any
    macs: int
    macs_in_bounds: int
    macs_dx: int
    macs_dw: int
    kept_bytes: int
    receptive_field: ReceptiveField

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
        params = sum(array.nbytes for array in self.params.values())
        return {"x": self.forward.x.nbytes, "y": self.forward.y.nbytes, "params": params, "kept": self.kept_bytes}

    @property
    def statistics(self) -> Statistics:
        """Of the output; of a nonlinearity also how much of it is flat."""
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
