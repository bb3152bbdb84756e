"""`cost`: what a whole network costs, from the tables and the closed forms alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..architecture import Architecture, architecture as resolve
from ..convention import Convention
from ..errors import check, check_positive
from .rows import OPS, CostRow, cost_row
from .text import table


@dataclass(frozen=True)
class Cost:
    """Parameters, MACs and memory of one network for one image. Every number is an exact integer.

    Made by `cost`; ``print`` it for a table like the papers'.

    Attributes
    ----------
    architecture : Architecture
    resolution : (int, int)
        Height and width of the image.
    rows : tuple of CostRow
        The layers in the order in which they run.
    """

    architecture: Architecture
    resolution: tuple[int, int]
    rows: tuple[CostRow, ...]

    # MACs

    @property
    def macs(self) -> int:
        """Forward MACs, products with padding zeros included, as all published tables count."""
        return sum(row.macs for row in self.rows)

    @property
    def macs_in_bounds(self) -> int:
        """Forward MACs of an implementation that skips the padding zeros, as this library's kernels do."""
        return sum(row.macs_in_bounds for row in self.rows)

    @property
    def macs_by_op(self) -> dict[str, int]:
        """Forward MACs by op: conv2d, depthwise_conv2d, pointwise_conv2d, squeeze_excite, linear.

        squeeze_excite is the two fully connected layers of the gates, which Keras and torchvision build as 1x1
        convolutions; linear is the classifier and V3's hidden layer, which TF-slim and Keras build as 1x1 convolutions.
        """
        return {op: sum(row.macs for row in self.rows if row.op == op) for op in OPS}

    @property
    def macs_dx(self) -> int:
        """MACs of all gradients with respect to inputs; the image needs none."""
        return sum(row.macs_dx for row in self.rows)

    @property
    def macs_dw(self) -> int:
        """MACs of all gradients with respect to weights."""
        return sum(row.macs_dw for row in self.rows)

    @property
    def macs_train_step(self) -> int:
        """MACs of forward, dx and dw: three times the forward pass, less one time the first layer."""
        return self.macs + self.macs_dx + self.macs_dw

    # Parameters

    @property
    def params_weights(self) -> int:
        """Weights of convolutions and fully connected layers alone."""
        return sum(row.weights for row in self.rows)

    @property
    def biases(self) -> int:
        """Biases of fully connected layers and gates."""
        return sum(row.biases for row in self.rows)

    @property
    def bn_channels(self) -> int:
        """Channels of all BatchNorms: each has gamma, beta, a running mean and a running variance."""
        return sum(row.bn_channels for row in self.rows)

    @property
    def params_by_kind(self) -> dict[str, int]:
        """Parameters by kind: weights, biases, gamma, beta, running_mean, running_var."""
        batch_norm = dict.fromkeys(("gamma", "beta", "running_mean", "running_var"), self.bn_channels)
        return {"weights": self.params_weights, "biases": self.biases, **batch_norm}

    @property
    def weights_by_op(self) -> dict[str, int]:
        """`params_weights` by op."""
        return {op: sum(row.weights for row in self.rows if row.op == op) for op in OPS}

    @property
    def params_trainable(self) -> int:
        """Weights, biases, gamma and beta."""
        return sum(row.params_trainable for row in self.rows)

    @property
    def params_total(self) -> int:
        """`params_trainable` and BatchNorm's running mean and variance."""
        return self.params_trainable + 2 * self.bn_channels

    @property
    def params_folded(self) -> int:
        """What inference needs after BatchNorm is folded into the weights: weights, biases, a bias a BN channel."""
        return sum(row.params_folded for row in self.rows)

    # Activations, in numbers ("elements") for one image

    @property
    def activations(self) -> int:
        """Sum of the outputs of all convolutions and fully connected layers."""
        return sum(row.elements_out for row in self._convolutions)

    @property
    def activations_in_and_out(self) -> int:
        """Inputs plus outputs of all convolutions and fully connected layers, the gates' included.

        TF-slim calls it ActMem (docstring of mobilenet_v3.py).
        """
        gates = sum(2 * (row.c_in + row.squeeze) for row in self.rows if row.op == "squeeze_excite")
        return gates + sum(row.elements_in + row.elements_out for row in self._convolutions)

    @property
    def peak_activations(self) -> int:
        """Most numbers alive at once in inference, op by op: the largest input plus output (V2, equation 2).

        BatchNorm is folded and nonlinearities work in place.
        """
        return max(row.elements_in + row.elements_out for row in self.rows)

    @property
    def peak_activations_by_block(self) -> int:
        """The same if every block runs as one op that never holds its inner tensors in full (V2, section 5.1)."""
        return max(first.elements_in + last.elements_out for first, last in self._groups())

    @property
    def kept_for_backward(self) -> int:
        """Numbers that this library's layers keep between forward and backward, for each image; see `CostRow.kept`.

        Two to three times `activations`, because nothing is recomputed: a convolution, the BatchNorm and the
        nonlinearity behind it each keep their input. Once a batch come BatchNorm's mean, variance and
        1 / standard deviation, 3 * `bn_channels` numbers.
        """
        return sum(row.kept for row in self.rows)

    def bytes(self, dtype: str | np.dtype = "float32", batch: int = 1) -> dict[str, int]:
        """Memory in bytes.

        Parameters
        ----------
        dtype : dtype
            Of every number.
        batch : int
            Images at once; activations grow with it, parameters do not.

        Returns
        -------
        dict
            "params_total" and "params_folded"; "peak_activations" of inference; "kept_for_backward" of a training
            step, with BatchNorm's statistics of the batch and dropout's mask of one byte an element.

        Examples
        --------
        >>> cost("v2").bytes("float16")["peak_activations"]
        3010560
        """
        check_positive("Cost.bytes", "batch", batch, integer=True)
        size = np.dtype(dtype).itemsize
        mask = sum(row.elements_out for row in self.rows if row.op == "dropout")
        return {
            "params_total": size * self.params_total,
            "params_folded": size * self.params_folded,
            "peak_activations": size * batch * self.peak_activations,
            "kept_for_backward": size * (batch * self.kept_for_backward + 3 * self.bn_channels) + batch * mask,
        }

    # Output

    def __getitem__(self, name: str) -> CostRow:
        """The row of one layer."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{self.architecture.model} has no layer {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings, ready for JSON."""
        totals = (
            "macs macs_in_bounds macs_by_op macs_dx macs_dw macs_train_step params_trainable params_total "
            "params_weights params_folded params_by_kind bn_channels biases activations activations_in_and_out "
            "peak_activations peak_activations_by_block kept_for_backward"
        )
        net = self.architecture
        layer = "name op kernel stride c_in c_out squeeze h_in w_in h_out w_out macs macs_dx macs_dw weights biases"
        return {
            "model": net.model,
            "width": net.width,
            "resolution": list(self.resolution),
            "classes": net.classes,
            "convention": net.convention.source,
            **{name: getattr(self, name) for name in totals.split()},
            "bytes_float32": self.bytes("float32"),
            "layers": [
                {name: getattr(row, name) for name in layer.split()}
                | {
                    "bn_channels": row.bn_channels,
                    "macs_formula": str(row.macs_formula),
                    "weights_formula": str(row.weights_formula),
                }
                for row in self.rows
            ],
        }

    def __str__(self) -> str:
        return table(self)

    @property
    def _convolutions(self) -> list[CostRow]:
        return [row for row in self.rows if row.op in OPS and row.op != "squeeze_excite"]

    def _groups(self) -> Iterator[tuple[CostRow, CostRow]]:
        """First and last row of every block, and of every layer outside of blocks."""
        inside = {row.name: block.name for block in self.architecture.blocks for row in block.rows}
        groups: dict[str, list[CostRow]] = {}
        for row in self.rows:
            groups.setdefault(inside.get(row.name, row.name), []).append(row)
        for rows in groups.values():
            yield rows[0], rows[-1]


def cost(
    network: str | Architecture | Any,
    width: float | None = None,
    resolution: int | tuple[int, int] = 224,
    classes: int | None = None,
    convention: str | Convention | None = None,
) -> Cost:
    """Parameters, MACs and memory, from the closed forms and the papers' tables alone: no layer is built, nothing runs.

    Parameters
    ----------
    network : str, Architecture or Network
        A model's name, or anything with an ``architecture``, which then settles width, classes and convention.
    width : float, default 1.0
        Width multiplier.
    resolution : int or (int, int), default 224
        Side of the image, or its height and width.
    classes : int, default 1000
    convention : {"tf", "keras", "torchvision", "timm"} or Convention, default "tf"

    Returns
    -------
    Cost

    Raises
    ------
    ValueError
        For unknown names, a width or a resolution that is not positive, or an image too small for the network.

    Examples
    --------
    >>> v2 = cost("v2")
    >>> v2.macs, v2.params_trainable
    (300774272, 3504872)
    >>> print(v2["block2.depthwise"].macs_formula)
    Ho*Wo*k^2*C = 56*56*3^2*96 = 2,709,504
    """
    if isinstance(network, str):
        given = dict(width=width, classes=classes, convention=convention)
        net = resolve(network, **{name: value for name, value in given.items() if value is not None})
    else:
        net = getattr(network, "architecture", network)
        check(
            isinstance(net, Architecture),
            f"cost: {network!r} is neither a model's name nor an architecture nor a network with one",
        )
        check(
            (width, classes, convention) == (None, None, None),
            "cost: width, classes and convention are settled by the architecture; leave them out",
        )
    height, width_px = _resolution(resolution)
    rows, h, w = [], height, width_px
    for row in net.rows:
        rows.append(cost_row(row, h, w, first=not rows))
        h, w = rows[-1].h_out, rows[-1].w_out
    return Cost(net, (height, width_px), tuple(rows))


def _resolution(resolution: int | tuple[int, int]) -> tuple[int, int]:
    pair = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    check(len(pair) == 2, f"cost: resolution is {resolution!r}; it must be one side, or (height, width)")
    for side in pair:
        check_positive("cost", "resolution", side, integer=True)
    return int(pair[0]), int(pair[1])
