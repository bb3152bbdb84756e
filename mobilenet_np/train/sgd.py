"""Stochastic gradient descent with momentum and weight decay.

For every weight array w with gradient g, velocity v (0 at first), momentum m, weight decay d and learning rate lr::

    v = m * v + g + d * w
    w = w - lr * v

With a constant gradient the steps grow to lr * g / (1 - m): momentum 0.9 means ten times the learning rate in
directions that persist, while what changes its sign from batch to batch averages out. The learning rate multiplies v
and not g, so that a new learning rate (see `cosine`) holds for the whole step at once.

Source: Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013, eq. 1 and 2,
with the learning rate outside, as in PyTorch.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping

import numpy as np

from ..errors import check, check_shape


class SGD:
    """Stochastic gradient descent.

    Parameters
    ----------
    momentum : float
        In [0, 1): the share of the last step that is taken again.
    weight_decay : float
        At least 0: the pull towards zero, for the arrays for which `decays` holds.

    Examples
    --------
    >>> params, sgd = {"w": np.array([1.0])}, SGD(momentum=0.5, weight_decay=0.0)
    >>> for _ in range(3):
    ...     sgd.step(params, {"w": np.array([1.0])}, lr=0.5)
    ...     print(params["w"])
    [0.5]
    [-0.25]
    [-1.125]
    """

    def __init__(self, momentum: float = 0.9, weight_decay: float = 1e-4):
        for name, value, below in (("momentum", momentum, 1), ("weight_decay", weight_decay, np.inf)):
            good = isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 <= value < below
            check(good, f"SGD: {name} is {value!r}; it must be at least 0 and below {below}")
        self.momentum, self.weight_decay = float(momentum), float(weight_decay)
        self.velocity: dict[str, np.ndarray] = {}

    def step(self, params: Mapping[str, np.ndarray], grads: Mapping[str, np.ndarray], lr: float) -> None:
        """Update all parameters in place.

        Parameters
        ----------
        params, grads : {name: array}
            As `Layer.params` and `Layer.grads` give them: one gradient for every parameter, of its shape.
        lr : float
            Learning rate of this step.

        Raises
        ------
        ValueError
            If names or shapes differ; nothing is updated then.
        """
        check(
            params.keys() == grads.keys(),
            f"SGD: {len(params)} parameters, {len(grads)} gradients; every parameter needs one "
            f"(differing: {', '.join(sorted(params.keys() ^ grads.keys())[:3])})",
        )
        for name, w in params.items():
            check_shape("SGD", f"the gradient of {name}", grads[name], w.shape, "it must have the parameter's shape")
        for name, w in params.items():
            v = self.velocity.setdefault(name, np.zeros_like(w))
            v *= self.momentum
            v += grads[name]
            if decays(name):
                v += self.weight_decay * w
            w -= lr * v


def decays(name: str) -> bool:
    """Whether weight decay applies to a parameter: to the weights, but not to depthwise kernels.

    gamma, beta and biases are few and cannot overfit; pulling gamma to zero would only switch channels off, and a
    smaller bias is not a simpler function. The nine weights of a depthwise kernel are few, too: "it was important to
    put very little or no weight decay on the depthwise filters" (MobileNets, arXiv:1704.04861, section 3.2).

    Examples
    --------
    >>> [decays(f"block1.{name}") for name in ("pointwise.conv.w", "depthwise.conv.w", "pointwise.bn.gamma")]
    [True, False, False]
    """
    *layers, leaf = name.split(".")
    return leaf.startswith("w") and "depthwise" not in layers
