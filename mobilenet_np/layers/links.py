"""Links of a chain (see `chain`): what needs the kernels, and so Numba."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import check_array, check_same_dtype, check_shape, check_variance
from ..kernels.batch_norm_rows import ACTS
from ..kernels.chain import Pending
from ..kernels.chain_conv2d import conv2d_link, conv2d_link_backward
from ..kernels.chain_depthwise import depthwise_link, depthwise_link_backward
from ..kernels.chain_pointwise import pointwise_link, pointwise_link_backward
from ..kernels.normalize import parts_of_sums, take_back, take_in, take_running
from .layer import Layer
from .op_layers import Activation, BatchNorm, Conv2D, DepthwiseConv2D, PointwiseConv2D

__all__ = ["ACTS", "Kept", "backward", "forward"]


class Kept(NamedTuple):
    """What one link of a chain keeps between forward and backward."""

    x: Pending
    y: Pending
    inv_std: np.ndarray


def forward(conv: Layer, bn: BatchNorm, act: Activation | None, x: np.ndarray | Pending, train: bool) -> Kept:
    """What ``act.forward(bn.forward(conv.forward(x)))`` begins: y is pending."""
    conv._cache = bn._cache = None
    if act is not None:
        act._cache = None
    if isinstance(x, np.ndarray):
        x = Pending(np.ascontiguousarray(x), None, "")
    raw, pieces = _FORWARD[type(conv)](conv, x, train)
    params, running = bn._params.values(), bn._buffers.values()
    if train:
        columns, inv_std = take_in(pieces, *params, bn.eps, *running, bn.decay, bn.unbiased)
    else:
        found = take_running(*params, *running, bn.eps)
        if found is None:
            check_variance(bn.name, bn._buffers["var"], bn.eps)  # says what is wrong
        columns, inv_std = found
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
    x, y, inv_std = kept
    C = y.raw.shape[-1]
    if sums is None:  # then dy comes from somebody else
        op = f"{conv.op}_backward"
        check_array(op, "dy", dy, "N H_out W_out C_out")
        check_same_dtype(op, dy=dy, y=y.raw)
        check_shape(op, "dy", dy, y.raw.shape, "it must have the shape of y")
        dy = np.ascontiguousarray(dy)
        sums = parts_of_sums(dy.reshape(-1, C), y.raw.reshape(-1, C), y.columns, y.act)
    dgamma, dbeta = take_back(sums, y.columns, inv_std, y.raw.size // C)
    bn._grads = dict(gamma=dgamma, beta=dbeta)
    dx, sums = _BACKWARD[type(conv)](conv, dy, y, x, plus)
    return dx, sums if x.columns is not None else None


# ---------------------------------------------------------------------------------------------------------------------
# The three convolutions: raw outputs and what their statistics are made of; dx and its sums


def _pointwise(conv, x, count):
    return pointwise_link(x, conv._params["w"], count)


def _pointwise_backward(conv, dy, y, x, plus):
    dx, dw, sums = pointwise_link_backward(dy, y, x, conv._params["w"], plus)
    conv._grads = dict(w=dw)
    return dx, sums


def _depthwise(conv, x, count):
    return depthwise_link(x, conv._params["w"], conv.stride, conv._options(x.raw)["padding"], count)


def _depthwise_backward(conv, dy, y, x, plus):
    w, padding = conv._params["w"], conv._options(x.raw)["padding"]
    dx, dw, sums = depthwise_link_backward(dy, y, x, w, conv.stride, padding)
    conv._grads = dict(w=dw)
    return dx if plus is None else dx + plus, sums


def _standard(conv, x, count):
    x = x.finished()
    return conv2d_link(x, conv._params["w"], conv.stride, conv._options(x)["padding"], count)


def _standard_backward(conv, dy, y, x, plus):
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
