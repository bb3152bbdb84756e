"""One layer's costs, from its row of the architecture and the size of its input."""

from __future__ import annotations

from dataclasses import dataclass

from ..architecture import Row
from ..errors import check
from ..geometry import inside, output_size, same_pad
from . import formulas
from .symbols import Formula, written

# What is summed over the ops, in the order in which the tables print it.
OPS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d", "squeeze_excite", "linear")
_NOTHING = Formula("0", "0", 0)


@dataclass(frozen=True)
class CostRow:
    """What one layer costs for one image.

    Attributes
    ----------
    name, op : str
        As in `mobilenet_np.architecture.Row`.
    kernel, stride, c_in, c_out, squeeze : int
    h_in, w_in, h_out, w_out : int
        Size of input and output; 1 by 1 after the pool.
    macs_formula, weights_formula : Formula
        In letters, in numbers, and the value.
    macs_in_bounds : int
        Forward MACs without the products with padding zeros.
    biases : int
    bn_channels : int
        Channels of the BatchNorm behind it, 0 for none.
    act : str
        Nonlinearity behind it, "" for none.
    first : bool
        Whether its input is the image, of which no gradient is needed.
    """

    name: str
    op: str
    kernel: int
    stride: int
    c_in: int
    c_out: int
    squeeze: int
    h_in: int
    w_in: int
    h_out: int
    w_out: int
    macs_formula: Formula
    weights_formula: Formula
    macs_in_bounds: int
    biases: int
    bn_channels: int
    act: str
    first: bool

    @property
    def macs(self) -> int:
        """Forward MACs, products with padding zeros included."""
        return self.macs_formula.value

    @property
    def macs_dx(self) -> int:
        """MACs of the gradient of the input: the same products again, or none for the image."""
        return 0 if self.first else self.macs

    @property
    def macs_dw(self) -> int:
        """MACs of the gradient of the weights: the same products once more."""
        return self.macs

    @property
    def weights(self) -> int:
        """Weights of convolutions and fully connected layers; no bias, no BatchNorm."""
        return self.weights_formula.value

    @property
    def params_trainable(self) -> int:
        """What the gradient reaches: weights, biases, gamma and beta."""
        return self.weights + self.biases + formulas.batch_norm_trainable(self.bn_channels)

    @property
    def params_folded(self) -> int:
        """After BatchNorm is folded into the weights."""
        return self.weights + self.biases + formulas.batch_norm_folded(self.bn_channels)

    @property
    def kept(self) -> int:
        """Numbers that the layer keeps between forward and backward, for one image.

        Its input; the input of the BatchNorm behind it; the input of the nonlinearity behind that. A gate keeps the
        inputs of its four inner ops and the gate itself. The pool and dropout keep no number (dropout: a mask).
        """
        if self.op not in OPS:
            return 0
        behind = bool(self.bn_channels) + bool(self.act)
        gate = 3 * self.c_in + 2 * self.squeeze if self.op == "squeeze_excite" else 0
        return self.elements_in + behind * self.elements_out + gate

    @property
    def elements_in(self) -> int:
        """Numbers in the input."""
        return self.h_in * self.w_in * self.c_in

    @property
    def elements_out(self) -> int:
        """Numbers in the output."""
        return self.h_out * self.w_out * self.c_out


def cost_row(row: Row, h_in: int, w_in: int, first: bool) -> CostRow:
    """Costs of one row of the architecture on an input of h_in by w_in."""
    (h_out, taps_h), (w_out, taps_w) = _axis(row, "height", h_in), _axis(row, "width", w_in)
    k, M, N, S, Ho, Wo = row.kernel, row.c_in, row.c_out, row.squeeze, h_out, w_out
    macs, weights, in_bounds, biases = _NOTHING, _NOTHING, 0, 0
    if row.op == "conv2d":
        macs = written(formulas.conv2d_macs, Ho=Ho, Wo=Wo, k=k, M=M, N=N)
        weights = written(formulas.conv2d_weights, k=k, M=M, N=N)
        in_bounds = taps_h * taps_w * M * N
    elif row.op == "depthwise_conv2d":
        macs = written(formulas.depthwise_macs, Ho=Ho, Wo=Wo, k=k, C=M)
        weights = written(formulas.depthwise_weights, k=k, C=M)
        in_bounds = taps_h * taps_w * M
    elif row.op == "pointwise_conv2d":
        macs = written(formulas.pointwise_macs, Ho=Ho, Wo=Wo, M=M, N=N)
        weights = written(formulas.pointwise_weights, M=M, N=N)
        in_bounds = macs.value
    elif row.op == "linear":
        macs = written(formulas.linear_macs, M=M, K=N)
        weights = written(formulas.linear_weights, M=M, K=N)
        in_bounds, biases = macs.value, N * row.bias
    elif row.op == "squeeze_excite":
        macs = written(formulas.squeeze_excite_macs, C=M, S=S)
        weights = written(formulas.squeeze_excite_weights, C=M, S=S)
        in_bounds, biases = macs.value, formulas.squeeze_excite_biases(M, S)
    bn_channels = N if row.batch_norm else 0
    return CostRow(
        row.name, row.op, k, row.stride, M, N, S, h_in, w_in, h_out, w_out, macs, weights, in_bounds, biases,
        bn_channels, row.act, first,
    )  # fmt: skip


def _axis(row: Row, axis: str, size: int) -> tuple[int, int]:
    """Output size along one axis, and the (tap, position) pairs that meet a sample."""
    if row.op == "global_average_pool":
        return 1, 0
    if not row.padding:
        return size, size
    pad = same_pad(size, row.kernel, row.stride, row.padding)
    check(
        size + sum(pad) >= row.kernel,
        f"cost: the resolution is too small: {axis} {size} is left at {row.name}, whose window of {row.kernel} does "
        f"not fit with padding {pad}",
    )
    return output_size(size, row.kernel, row.stride, pad), inside(size, row.kernel, row.stride, pad)
