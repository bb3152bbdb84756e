"""Initial weights, with the right fans.

A weight's fan-in is the number of inputs that one output sums over, its fan-out the number of outputs that one input
reaches. For a depthwise kernel both are kh * kw: each filter sees one channel. (Keras and PyTorch count all channels,
which makes their depthwise weights too small by the square root of the number of channels; BatchNorm hides it.)
"""

from __future__ import annotations

import numpy as np

from .errors import check_choice
from .layers import Layer


def fans(op: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight array.

    Examples
    --------
    >>> fans("conv2d", (3, 3, 16, 32)), fans("depthwise_conv2d", (3, 3, 32)), fans("pointwise_conv2d", (32, 64))
    ((144, 288), (9, 9), (32, 64))
    """
    window = int(np.prod(shape[:2])) if op in ("conv2d", "depthwise_conv2d") else 1
    if op == "depthwise_conv2d":
        return window, window
    return window * shape[-2], window * shape[-1]


def initialize(layer: Layer, scheme: str, rng: np.random.Generator) -> None:
    """Draw all weights of a network; biases and beta are 0, gamma is 1.

    Parameters
    ----------
    layer : Layer
    scheme : {"truncated_normal", "glorot_uniform", "he_fan_out"}
        TF-slim's normal of standard deviation 0.09, cut at two deviations; Glorot and Bengio 2010, eq. 16; He et al.
        2015, eq. 14, with classifiers from N(0, 0.01).
    rng : Generator
    """
    check_choice("initialize", "scheme", scheme, _SCHEMES)
    for _, leaf in layer.walk():
        if leaf.op in ("batch_norm", "dropout"):
            continue
        for name, array in leaf.params.items():
            if name.startswith("w"):
                array[...] = _SCHEMES[scheme](rng, leaf.op, array.shape)


def _truncated_normal(rng, op, shape):
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return 0.09 * values


def _glorot_uniform(rng, op, shape):
    limit = np.sqrt(6 / sum(fans(op, shape)))
    return rng.uniform(-limit, limit, shape)


def _he_fan_out(rng, op, shape):
    return rng.standard_normal(shape) * (0.01 if op == "linear" else np.sqrt(2 / fans(op, shape)[1]))


_SCHEMES = {
    "truncated_normal": _truncated_normal,
    "glorot_uniform": _glorot_uniform,
    "he_fan_out": _he_fan_out,
}
