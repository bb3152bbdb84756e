"""Which networks there is a plan for."""

from __future__ import annotations

import numpy as np

from ..architecture import Architecture, Block, Row
from ..blocks import block_of, layer_of
from ..layers import Layer
from ..models import Network
from .plan import ACT_NAMES


def fits(net: Network) -> bool:
    """Whether `plan` and `run` know all of a network: what its rows are, and that its layers are what the rows say.

    Examples
    --------
    >>> import mobilenet_np as mn
    >>> net = mn.build("v1", width=0.25)
    >>> fits(net)
    True
    >>> net.children["block1"].children["pointwise"].children["act"] = mn.layers.Activation("sigmoid")
    >>> fits(net)
    False
    """
    return _rows_fit(net.architecture) and _layers_fit(net)


def _rows_fit(net: Architecture) -> bool:
    stem, head = net.stem, any(row.name == "head" for row in net.tail)
    return (
        (stem.kernel, stem.stride) == (3, 2)
        and all(row.act in ACT_NAMES for row in net.rows)
        and all(_block_fits(block) for block in net.blocks)
        and (head or not net.blocks[-1].residual)  # its projection is pooled at once
    )


def _block_fits(block: Block) -> bool:
    if [row.op for row in block.rows] == ["conv2d"]:
        return True
    *expand, depthwise = (row for row in block.rows[:-1] if row.op != "squeeze_excite")
    return depthwise.kernel in (3, 5) and all(row.act == depthwise.act for row in expand)


def _layers_fit(net: Network) -> bool:
    rules, rng = net.architecture, np.random.default_rng()  # of dropout, which inference has none of

    def made(part: Row | Block) -> Layer:
        return (layer_of if isinstance(part, Row) else block_of)(part, rules, net.dtype, rng)

    parts = [rules.stem, *rules.blocks, *rules.tail]
    return list(net.children) == [part.name for part in parts] and all(
        _alike(layer, made(part)) for layer, part in zip(net.children.values(), parts, strict=True)
    )


def _alike(layer: Layer, made: Layer) -> bool:
    """Whether a layer computes what one that was just made does, but for its weights."""
    return (
        type(layer) is type(made)
        and layer.op == made.op
        and all(getattr(layer, name, None) == getattr(made, name, None) for name in ("stride", "padding", "slope"))
        and [array.shape for array in layer.params.values()] == [array.shape for array in made.params.values()]
        and list(layer.children) == list(made.children)
        and all(map(_alike, layer.children.values(), made.children.values()))
    )
