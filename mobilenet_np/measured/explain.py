"""`Cost.explain` of a network that really ran, on a machine that was measured."""

from __future__ import annotations

import numpy as np

from ..costs import cost
from ..costs.explain import Explanation
from ..counted import executed
from ..forms import HAVE_NUMBA
from ..models import Network, build
from .machine import machine


def explain(network: str | Network, name: str, resolution: int | tuple[int, int] = 224) -> Explanation:
    """Where the numbers of one layer or block come from, beside what ran and what this machine can do.

    Parameters
    ----------
    network : str or Network
        A network that runs forward and backward on one blank image, which updates its running statistics; or a
        model's name.
    name : str
        Of a block ("block3") or a layer ("block3.depthwise", "stem").
    resolution : int or (int, int)
        At least 32.

    Returns
    -------
    Explanation
        ``print`` it.

    Raises
    ------
    ValueError
        For unknown names and images that are too small.

    Examples
    --------
    >>> block = explain("v2", "block3", 64)
    >>> block.macs, block.ran.macs, block.agrees
    (2101248, 2101248, True)
    """
    net = build(network) if isinstance(network, str) else network
    total = cost(net, resolution=resolution)
    total.explain(name)  # refuses unknown names before anything runs
    image = np.zeros((1, *total.resolution, 3), net.dtype)
    ran = executed(net, image, backward=True)
    return total.explain(name, ran, machine() if HAVE_NUMBA else None)
