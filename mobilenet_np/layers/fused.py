"""BatchNorm and the nonlinearity behind it as one: what a training step, otherwise, would spend half of its time on.

Neither multiplies much, and both read and write whole activations. Together they take about half as many passes over
memory, and what lies between them is never kept: backward computes it again from BatchNorm's input. The numbers are,
bit for bit, those of the two layers one after the other (`mobilenet_np.kernels.normalize`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ..forms import current_form
from ..ops.batch_norm import BatchNormCache
from .op_layers import Activation, BatchNorm

if TYPE_CHECKING:
    from .layer import Layer

FUSED = ("relu", "relu6", "hard_swish")


def can_fuse(bn: Layer | None, act: Layer | None, dtype: np.dtype) -> bool:
    """Whether there are kernels for it: float32 in the "numba" form, channels in whole registers of eight.

    Only for the layers themselves: those who derive their own from them want them called.
    """
    return (
        type(bn) is BatchNorm
        and type(act) is Activation
        and act.op in FUSED
        and bn._params["gamma"].size % 8 == 0
        and dtype == np.float32
        and current_form() == "numba"
    )


def forward(bn: BatchNorm, act: Activation, x: np.ndarray, train: bool) -> np.ndarray:
    """``act.forward(bn.forward(x, train), train)``."""
    from ..kernels.normalize import normalize, statistics

    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    gamma, beta = bn._params.values()
    mean, var = statistics(rows) if train else bn._buffers.values()
    inv_std = 1 / np.sqrt(var + float(bn.eps))
    bn._cache = act._cache = None
    if train:
        bn._cache = BatchNormCache(rows.reshape(x.shape), gamma, mean, var, inv_std)
        bn.remember(mean, var, len(rows))
    return normalize(rows, gamma, beta, mean, inv_std, act.op).reshape(x.shape)


def backward(bn: BatchNorm, act: Activation, dy: np.ndarray) -> np.ndarray:
    """``bn.backward(act.backward(dy))``."""
    from ..kernels.normalize import backward, sums

    x, gamma, mean, _, inv_std = bn._cached()
    rows = np.ascontiguousarray(dy).reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    columns = gamma, bn._params["beta"], mean, inv_std
    dgamma, dbeta = sums(*rows, *columns, act.op)
    bn._grads = dict(gamma=dgamma, beta=dbeta)
    return backward(*rows, *columns, dgamma, dbeta, act.op).reshape(x.shape)


@contextmanager
def apart(net: Layer) -> Iterator[None]:
    """Inside the ``with`` block every layer runs by itself, with the same bits: for those who watch what is between."""
    layers = [layer for layer in [net, *net._all()] if hasattr(layer, "apart")]
    before = [layer.apart for layer in layers]
    for layer in layers:
        layer.apart = True
    try:
        yield
    finally:
        for layer, value in zip(layers, before, strict=True):
            layer.apart = value
