"""`Cost`: what a whole network costs, summed over its layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..architecture import Architecture
from ..errors import check_positive
from .explain import Explanation, Roofline, explain
from .rows import OPS, CostRow
from .text import plain, table

if TYPE_CHECKING:
    from .reconcile import Reconciliation


@dataclass(frozen=True)
class Cost:
    """Parameters, MACs and memory of one network for one image. Every number is an exact integer.

    Made by `mobilenet_np.cost`; ``print`` it for a table like the papers'.

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

    @property
    def residual_additions(self) -> int:
        """Additions of a block's input to its output. No count of MACs includes them."""
        ends = {block.rows[-1].name for block in self.architecture.blocks if block.residual}
        return sum(row.elements_out for row in self.rows if row.name in ends)

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
        >>> from mobilenet_np.costs import cost
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

    # Questions

    def explain(self, name: str, executed: Any = None, machine: Roofline | None = None) -> Explanation:
        """Where the numbers of one layer or block come from.

        `mobilenet_np.measured.explain` runs the network and measures the machine, and says that too.

        Parameters
        ----------
        name : str
            Of a block ("block3") or a layer ("block3.depthwise", "stem").
        executed : Executed, optional
            Counts of the same network while it ran, forward and backward, from `mobilenet_np.counted.executed`.
        machine : Machine, optional
            What it can multiply and move, from `mobilenet_np.measured.machine`.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError
            For an unknown name.

        Examples
        --------
        >>> from mobilenet_np.costs import cost
        >>> print(cost("v2").explain("block3").formula)
        Hi*Wi*M*e + Ho*Wo*e*(k^2 + N) = 56*56*24*144 + 56*56*144*(3^2 + 24) = 25,740,288
        """
        return explain(self, name, executed, machine)

    def reconcile(self) -> Reconciliation:
        """Which number did you read? The totals that papers and tools print for this network, each rebuilt exactly.

        Returns
        -------
        Reconciliation

        Examples
        --------
        >>> from mobilenet_np.costs import cost
        >>> for reading in cost("v2").reconcile().reads("320.3M").readings:
        ...     print(reading.source, "=", reading.names)
        ptflops, pytorch mode = MACs + biases + 2*BatchNorm outputs + ReLU6 outputs + pool inputs
        """
        from .reconcile import reconcile  # which looks up costs of what is published

        return reconcile(self)

    # Output

    def __getitem__(self, name: str) -> CostRow:
        """The row of one layer."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{self.architecture.model} has no layer {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings, ready for JSON."""
        return plain(self)

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
