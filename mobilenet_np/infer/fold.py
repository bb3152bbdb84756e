"""Fold BatchNorm into the convolution before it.

In inference BatchNorm multiplies every channel by a constant and adds another. So does a convolution, if the one
constant is multiplied into its weights and the other becomes its bias::

    w' = w * gamma / sqrt(var + eps)        b' = beta - mean * gamma / sqrt(var + eps)

A third of the layers of a MobileNet disappear, and with each of them a pass over its tensor.
"""

from __future__ import annotations

import numpy as np

from ..errors import check_variance
from ..layers import Layer, Sequential


def fold(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of a convolution with BatchNorm, or of a fully connected layer.

    Parameters
    ----------
    layer : Sequential with children ``conv`` and ``bn``, Sequential with child ``linear``, or Linear

    Returns
    -------
    w : float64, of the layer's shape
        In float64, so that it is rounded once.
    b : (C_out,) float64

    Raises
    ------
    ValueError
        If a running variance plus eps is not positive.

    Examples
    --------
    >>> import mobilenet_np as mn
    >>> net = mn.build("v1", width=0.25)
    >>> w, b = fold(net.children["stem"])
    >>> w.shape, b.shape
    ((3, 3, 3, 8), (8,))
    """
    if not (isinstance(layer, Sequential) and "bn" in layer.children):
        w, b = layer.params.values()
        return w.astype(np.float64), b.astype(np.float64)
    (w,) = layer.children["conv"].params.values()
    bn = layer.children["bn"]
    gamma, beta, mean, var = (a.astype(np.float64) for a in (*bn.params.values(), *bn.buffers.values()))
    check_variance(bn.name, var, bn.eps)
    scale = gamma / np.sqrt(var + bn.eps)
    return w * scale, beta - mean * scale
