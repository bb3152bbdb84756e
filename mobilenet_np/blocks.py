"""The papers' building blocks: rows of an `Architecture` as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .architecture import Architecture, Block, Row
from .convention import Convention
from .layers import (
    Activation,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePool,
    Layer,
    Linear,
    PointwiseConv2D,
    Residual,
    Sequential,
    SqueezeExcite,
    chain,
)


class ConvBNAct(Sequential):
    """A convolution, BatchNorm and, unless it is a linear bottleneck, a nonlinearity.

    Attributes
    ----------
    apart : bool
        Whether the three run one by one even where they could be links of a chain (`mobilenet_np.layers.chain`): for
        those who want to see what is between them.
    """

    def __init__(self, row: Row, rules: Convention, dtype: Any):
        if row.op == "conv2d":
            conv = Conv2D(row.c_in, row.c_out, row.kernel, row.stride, row.padding, dtype)
        elif row.op == "depthwise_conv2d":
            conv = DepthwiseConv2D(row.c_in, row.kernel, row.stride, row.padding, dtype)
        else:
            conv = PointwiseConv2D(row.c_in, row.c_out, dtype)
        bn = BatchNorm(row.c_out, rules.bn_eps, rules.bn_decay, rules.unbiased_variance, dtype)
        super().__init__(conv=conv, bn=bn, **({"act": Activation(row.act)} if row.act else {}))
        self.apart = False

    def forward(self, x, train=False):
        return chain.finished(self.pass_on(x, train))

    def backward(self, dy):
        return self.pass_back(dy)[0]

    def pass_on(self, x, train=False):
        parts = self.children["conv"], self.children.get("bn"), self.children.get("act")
        self._cache = None
        if self.apart or not chain.can_link(*parts, x):
            return super().pass_on(x, train)
        kept = chain.forward(*parts, x, train)
        self._cache = kept if train else None
        return kept.y

    def pass_back(self, dy, sums=None, plus=None):
        if self._cache is None:
            return super().pass_back(dy, sums, plus)
        return chain.backward(self.children["conv"], self.children["bn"], self._cache, dy, sums, plus)


class Dense(Sequential):
    """A fully connected layer with a nonlinearity: V3's hidden layer after the pool."""

    def __init__(self, row: Row, dtype: Any):
        super().__init__(linear=Linear(row.c_in, row.c_out, dtype), act=Activation(row.act))


def layer_of(row: Row, net: Architecture, dtype: Any, rng: np.random.Generator) -> Layer:
    """The layer that one row of an architecture describes.

    Parameters
    ----------
    row : Row
    net : Architecture
        Whose conventions and dropout rate hold.
    dtype : dtype
    rng : Generator
        Draws the dropout masks.
    """
    if row.op == "squeeze_excite":
        rules = net.convention
        return SqueezeExcite(row.c_in, row.squeeze, rules.gate_slope, rules.gate_gradient_slope, dtype)
    if row.op == "global_average_pool":
        return GlobalAveragePool()
    if row.op == "dropout":
        return Dropout(net.dropout, rng)
    if row.op == "linear":
        return Dense(row, dtype) if row.act else Linear(row.c_in, row.c_out, dtype)
    return ConvBNAct(row, net.convention, dtype)


def block_of(block: Block, net: Architecture, dtype: Any, rng: np.random.Generator) -> Sequential:
    """A depthwise-separable block (V1) or an inverted residual (V2, V3); children are named after the rows."""
    rows = {row.name.rpartition(".")[2]: layer_of(row, net, dtype, rng) for row in block.rows}
    return Residual(**rows) if block.residual else Sequential(**rows)
