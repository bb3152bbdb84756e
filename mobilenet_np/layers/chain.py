"""Convolutions, BatchNorms and nonlinearities that pass on what is not finished yet.

One layer after the other, a training step spends half of its time on BatchNorm and the nonlinearity behind it: they
multiply next to nothing and read and write whole activations. In a chain a convolution hands on its *raw* output and
what is still to be done with it (`Pending`), and whoever takes it does the rest with the few rows that it is working
on, while they are in the fast cache (`mobilenet_np.kernels.chain`). Backward is the same the other way round: a
convolution hands on dx together with the sums over it that the BatchNorm before it wants to know.

That needs kernels: float32, the "numba" form, whole registers of channels. Everything else, and everybody who wants to
see what is between (`apart`), has the layers run one by one. The results are the same but for float32's rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ..forms import current_form
from .op_layers import Activation, BatchNorm, Conv2D, DepthwiseConv2D, PointwiseConv2D

if TYPE_CHECKING:
    from ..kernels.chain import Pending
    from .layer import Layer
    from .links import Kept


def can_link(conv: Layer, bn: Layer, act: Layer | None, x: np.ndarray | Pending) -> bool:
    """Whether there are kernels for a convolution, a BatchNorm and, unless it is None, a nonlinearity in a chain.

    Only for the layers themselves: those who derive their own from them, or replace a method, want them called. And
    only for an x that fits: the op that it does not fit to says so best.
    """
    if (
        current_form() != "numba"
        or type(bn) is not BatchNorm
        or type(conv) not in (Conv2D, DepthwiseConv2D, PointwiseConv2D)
    ):
        return False
    if act is not None and (type(act) is not Activation or act.op not in _links().ACTS):
        return False
    if any({"forward", "backward", "remember"} & vars(layer).keys() for layer in (conv, bn, act) if layer):
        return False
    w = conv._params["w"]
    gamma, C_out = bn._params["gamma"], w.shape[-1]
    fits = w.dtype == gamma.dtype == np.float32 and gamma.size == C_out and C_out % 8 == 0
    if type(conv) is PointwiseConv2D:
        fits = fits and w.shape[0] % 8 == 0
    if type(conv) is DepthwiseConv2D:
        fits = fits and w.shape[0] in (3, 5) and conv.stride <= 2
    x = raw(x)
    channels = C_out if type(conv) is DepthwiseConv2D else w.shape[-2]
    return fits and x.dtype == np.float32 and x.ndim == 4 and x.shape[3] == channels and x.size > 0


def raw(x: np.ndarray | Pending) -> np.ndarray:
    """x itself, or what it is before anything is done that is pending."""
    return x if isinstance(x, np.ndarray) else x.raw


def finished(x: np.ndarray | Pending) -> np.ndarray:
    """x itself, or what comes of it when nothing is pending any more."""
    return x if isinstance(x, np.ndarray) else x.finished()


def forward(conv: Layer, bn: BatchNorm, act: Activation | None, x: np.ndarray | Pending, train: bool) -> Kept:
    """`mobilenet_np.layers.links.forward`, for what `can_link`."""
    return _links().forward(conv, bn, act, x, train)


def backward(
    conv: Layer, bn: BatchNorm, kept: Kept, dy: np.ndarray, sums: np.ndarray | None, plus: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """`mobilenet_np.layers.links.backward`, after such a `forward`."""
    return _links().backward(conv, bn, kept, dy, sums, plus)


@functools.cache
def _links() -> ModuleType:
    """The module that wants Numba: imported when it is needed, and asked for once, which an import in a function that
    runs between two kernels is not."""
    from . import links

    return links


@contextmanager
def apart(net: Layer) -> Iterator[None]:
    """Inside the ``with`` block every layer runs by itself: for those who watch what is between."""
    layers = [layer for layer in [net, *net._all()] if hasattr(layer, "apart")]
    before = [layer.apart for layer in layers]
    for layer in layers:
        layer.apart = True
    try:
        yield
    finally:
        for layer, value in zip(layers, before, strict=True):
            layer.apart = value
