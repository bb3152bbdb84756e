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

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import check_array, check_same_dtype, check_shape
from ..forms import current_form
from .op_layers import Activation, BatchNorm, Conv2D, DepthwiseConv2D, PointwiseConv2D

if TYPE_CHECKING:
    from ..kernels.chain import Pending
    from .layer import Layer


class Kept(NamedTuple):
    """What one link of a chain keeps between forward and backward."""

    x: Pending
    y: Pending
    inv_std: np.ndarray


def can_link(conv: Layer, bn: Layer, act: Layer | None, x: np.ndarray | Pending) -> bool:
    """Whether there are kernels for a convolution, a BatchNorm and, unless it is None, a nonlinearity in a chain.

    Only for the layers themselves: those who derive their own from them, or replace a method, want them called. And
    only for an x that fits: the op that it does not fit to says so best.
    """
    if current_form() != "numba" or type(bn) is not BatchNorm or type(conv) not in _FORWARD:
        return False
    from ..kernels.batch_norm_rows import ACTS

    if act is not None and (type(act) is not Activation or act.op not in ACTS):
        return False
    if any("forward" in vars(layer) or "backward" in vars(layer) for layer in (conv, bn, act) if layer):
        return False
    w = conv._params["w"]
    fits = w.dtype == np.float32 and bn._params["gamma"].size % 8 == 0 and w.shape[-1] % 8 == 0
    if type(conv) is PointwiseConv2D:
        fits = fits and w.shape[0] % 8 == 0
    if type(conv) is DepthwiseConv2D:
        fits = fits and w.shape[0] in (3, 5)
    if not isinstance(x, np.ndarray):
        return fits
    channels = w.shape[-1] if type(conv) is DepthwiseConv2D else w.shape[-2]
    return fits and x.dtype == np.float32 and x.ndim == 4 and x.shape[3] == channels and x.size > 0


def finished(x: np.ndarray | Pending) -> np.ndarray:
    """x itself, or what comes of it when nothing is pending any more."""
    return x if isinstance(x, np.ndarray) else x.finished()


def forward(conv: Layer, bn: BatchNorm, act: Activation | None, x: np.ndarray | Pending, train: bool) -> Kept:
    """What ``act.forward(bn.forward(conv.forward(x)))`` begins: y is pending."""
    from ..kernels.batch_norm_rows import columns_of
    from ..kernels.chain import Pending

    for layer in filter(None, (conv, bn, act)):
        layer._cache = None
    if isinstance(x, np.ndarray):
        x = Pending(np.ascontiguousarray(x), None, "")
    raw, statistics = _FORWARD[type(conv)](conv, x, train)
    mean, var = statistics if train else bn._buffers.values()
    inv_std = 1 / np.sqrt(var + np.float32(bn.eps))
    if train:
        bn.remember(mean, var, raw.size // raw.shape[-1])
    columns = columns_of(*bn._params.values(), mean, inv_std)
    return Kept(x, Pending(raw, columns, act.op if act else ""), inv_std)


def backward(
    conv: Layer, bn: BatchNorm, kept: Kept, dy: np.ndarray, sums: np.ndarray | None, plus: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Backward through nonlinearity, BatchNorm and convolution; fills their gradients.

    Parameters
    ----------
    dy : (N, Ho, Wo, C_out)
    sums : (parts, 2, C_out), optional
        What the layer behind has found over dy for this BatchNorm.
    plus : (N, H, W, C_in), optional
        Is added to dx.

    Returns
    -------
    dx : (N, H, W, C_in)
    sums : (parts, 2, C_in) or None
        For the BatchNorm before, if x was pending.
    """
    from ..kernels.batch_norm_rows import backward_columns
    from ..kernels.normalize import add_up, parts_of_sums

    x, y, inv_std = kept
    op, C = f"{conv.op}_backward", y.raw.shape[-1]
    check_array(op, "dy", dy, "N H_out W_out C_out")
    check_same_dtype(op, dy=dy, y=y.raw)
    check_shape(op, "dy", dy, y.raw.shape, "it must have the shape of y")
    dy = np.ascontiguousarray(dy)
    if sums is None:
        sums = parts_of_sums(dy.reshape(-1, C), y.raw.reshape(-1, C), y.columns, y.act)
    dgamma, dbeta = add_up(sums, inv_std)
    bn._grads = dict(gamma=dgamma, beta=dbeta)
    backward_columns(y.columns, inv_std, dgamma, dbeta, y.raw.size // C)
    dx, sums = _BACKWARD[type(conv)](conv, dy, y, x, plus)
    return dx, sums if x.columns is not None else None


# ---------------------------------------------------------------------------------------------------------------------
# The three convolutions: raw outputs and their statistics; dx and its sums


def _pointwise(conv, x, count):
    from ..kernels.chain_pointwise import pointwise_link

    return pointwise_link(x, conv._params["w"], count)


def _pointwise_backward(conv, dy, y, x, plus):
    from ..kernels.chain_pointwise import pointwise_link_backward

    dx, dw, sums = pointwise_link_backward(dy, y, x, conv._params["w"], plus)
    conv._grads = dict(w=dw)
    return dx, sums


def _depthwise(conv, x, count):
    from ..kernels.chain_depthwise import depthwise_link

    return depthwise_link(x, conv._params["w"], conv.stride, conv._options(x.raw)["padding"], count)


def _depthwise_backward(conv, dy, y, x, plus):
    from ..kernels.chain_depthwise import depthwise_link_backward

    w, padding = conv._params["w"], conv._options(x.raw)["padding"]
    dx, dw, sums = depthwise_link_backward(dy, y, x, w, conv.stride, padding)
    conv._grads = dict(w=dw)
    return dx if plus is None else dx + plus, sums


def _standard(conv, x, count):
    from ..kernels.chain_conv2d import conv2d_link

    x = x.finished()
    return conv2d_link(x, conv._params["w"], conv.stride, conv._options(x)["padding"], count)


def _standard_backward(conv, dy, y, x, plus):
    from ..kernels.chain_conv2d import conv2d_link_backward
    from ..kernels.normalize import parts_of_sums

    K, images = x.raw.shape[-1], x.finished()
    padding = conv._options(images)["padding"]
    dx, dw = conv2d_link_backward(dy, y, images, conv._params["w"], conv.stride, padding, conv.wants_dx)
    conv._grads = dict(w=dw)
    dx = dx if plus is None else dx + plus
    if x.columns is None:
        return dx, None
    return dx, parts_of_sums(dx.reshape(-1, K), x.raw.reshape(-1, K), x.columns, x.act)


_FORWARD = {PointwiseConv2D: _pointwise, DepthwiseConv2D: _depthwise, Conv2D: _standard}
_BACKWARD = {PointwiseConv2D: _pointwise_backward, DepthwiseConv2D: _depthwise_backward, Conv2D: _standard_backward}


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
