"""A network with its BatchNorm folded, and nothing more: the first step of `compile`, and all of it without Numba."""

from __future__ import annotations

import numpy as np

from ..blocks import ConvBNAct
from ..layers import BatchNorm, Layer
from ..models import Network
from .fold import fold


class Folded:
    """A network for inference, op by op: ``fast(x)`` gives the logits of ``net.forward(x)``, within float32 rounding.

    What `compile` makes where Numba is not installed, or of a network that there is no plan for (`fits`). It holds a
    copy of the weights, and several threads may call it at once.

    Parameters
    ----------
    net : Network

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> net = build("v2", width=0.35, classes=10)
    >>> fast = Folded(net)
    >>> x = np.random.default_rng(0).standard_normal((2, 64, 64, 3), np.float32)
    >>> bool(np.allclose(fast(x), net.forward(x), atol=1e-4))
    True
    """

    def __init__(self, net: Network):
        self.architecture = net.architecture
        exact = net.astype("float64")  # so that each weight is rounded once
        _fold_all(exact)
        self._net = exact.astype("float32")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Logits.

        Parameters
        ----------
        x : (N, H, W, 3) float32
            Normalized images (see `mobilenet_np.preprocess`), H and W at least 32.

        Returns
        -------
        y : (N, classes) float32

        Raises
        ------
        ValueError, TypeError
            Of images of another shape or dtype.
        """
        return self._net.forward(x)

    def __repr__(self) -> str:
        net = self.architecture
        return f"<folded {net.model} width {net.width:g}, {net.classes} classes, {net.convention.source} convention>"


class _Bias(Layer):
    """What is left of a BatchNorm."""

    def __init__(self, b: np.ndarray):
        super().__init__(b=b)

    def forward(self, x, train=False):
        x += self._params["b"]  # x is the convolution's own output, and nobody else's
        return x


def _fold_all(layer: Layer) -> None:
    for child in layer.children.values():
        if isinstance(child, ConvBNAct) and type(child.children.get("bn")) is BatchNorm:
            w, b = fold(child)
            child.children["conv"].params["w"] = w
            child.children["bn"] = _Bias(b)
        else:
            _fold_all(child)
