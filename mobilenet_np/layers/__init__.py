"""Layers: ops with a memory. Parameters, gradients, buffers, and the cache between forward and backward.

A layer adds nothing to the mathematics. It keeps the arrays of one op together, so that a network can be stepped
through, trained and saved::

    y = layer.forward(x, train=True)  # keeps the cache
    dx = layer.backward(dy)  # fills layer.grads
    layer.params, layer.grads, layer.buffers  # {name: array}

Gradients are assigned, not accumulated: after a backward pass they are those of that pass.
"""

from . import chain
from .containers import Residual, Sequential
from .layer import Arrays, Layer
from .op_layers import (
    Activation,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePool,
    Linear,
    OpLayer,
    PointwiseConv2D,
    SqueezeExcite,
)

__all__ = [
    "Activation",
    "Arrays",
    "BatchNorm",
    "Conv2D",
    "DepthwiseConv2D",
    "Dropout",
    "GlobalAveragePool",
    "Layer",
    "Linear",
    "OpLayer",
    "PointwiseConv2D",
    "Residual",
    "Sequential",
    "SqueezeExcite",
    "chain",
]
