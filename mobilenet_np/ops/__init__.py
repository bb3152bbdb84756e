"""The operations, one file each: formula, loops, NumPy, Numba, and the public ``*_forward`` / ``*_backward`` pair."""

from . import (
    batch_norm,
    batch_norm_inference,
    conv2d,
    depthwise_conv2d,
    dropout,
    global_average_pool,
    hard_sigmoid,
    hard_swish,
    linear,
    pointwise_conv2d,
    relu,
    relu6,
    sigmoid,
    softmax_cross_entropy,
    squeeze_excite,
)

__all__ = [
    "batch_norm",
    "batch_norm_inference",
    "conv2d",
    "depthwise_conv2d",
    "dropout",
    "global_average_pool",
    "hard_sigmoid",
    "hard_swish",
    "linear",
    "pointwise_conv2d",
    "relu",
    "relu6",
    "sigmoid",
    "softmax_cross_entropy",
    "squeeze_excite",
]
