"""`cost`: what a whole network costs, from the tables and the closed forms alone."""

from __future__ import annotations

from typing import Any

from ..architecture import Architecture, architecture as resolve
from ..convention import Convention
from ..errors import check, check_positive
from .rows import cost_row
from .total import Cost


def cost(
    network: str | Architecture | Any,
    width: float | None = None,
    resolution: int | tuple[int, int] = 224,
    classes: int | None = None,
    convention: str | Convention | None = None,
) -> Cost:
    """Parameters, MACs and memory, from the closed forms and the papers' tables alone: no layer is built, nothing runs.

    Parameters
    ----------
    network : str, Architecture or Network
        A model's name, or anything with an ``architecture``, which then settles width, classes and convention.
    width : float, default 1.0
        Width multiplier.
    resolution : int or (int, int), default 224
        Side of the image, or its height and width.
    classes : int, default 1000
    convention : {"tf", "keras", "torchvision", "timm"} or Convention, default "tf"

    Returns
    -------
    Cost

    Raises
    ------
    ValueError
        For unknown names, a width or a resolution that is not positive, or an image too small for the network.

    Examples
    --------
    >>> v2 = cost("v2")
    >>> v2.macs, v2.params_trainable
    (300774272, 3504872)
    >>> print(v2["block2.depthwise"].macs_formula)
    Ho*Wo*k^2*C = 56*56*3^2*96 = 2,709,504
    """
    if isinstance(network, str):
        given = dict(width=width, classes=classes, convention=convention)
        net = resolve(network, **{name: value for name, value in given.items() if value is not None})
    else:
        net = getattr(network, "architecture", network)
        check(
            isinstance(net, Architecture),
            f"cost: {network!r} is neither a model's name nor an architecture nor a network with one",
        )
        check(
            (width, classes, convention) == (None, None, None),
            "cost: width, classes and convention are settled by the architecture; leave them out",
        )
    height, width_px = _resolution(resolution)
    rows, h, w = [], height, width_px
    for row in net.rows:
        rows.append(cost_row(row, h, w, first=not rows))
        h, w = rows[-1].h_out, rows[-1].w_out
    return Cost(net, (height, width_px), tuple(rows))


def _resolution(resolution: int | tuple[int, int]) -> tuple[int, int]:
    pair = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    check(len(pair) == 2, f"cost: resolution is {resolution!r}; it must be one side, or (height, width)")
    for side in pair:
        check_positive("cost", "resolution", side, integer=True)
    return int(pair[0]), int(pair[1])
