"""Networks that papers print numbers for, besides the named ones: an `Architecture` in, an `Architecture` out."""

from __future__ import annotations

from dataclasses import replace

from ..architecture import Architecture, Block, Row
from ..errors import check


def full_convolutions(net: Architecture) -> Architecture:
    """V1 with a standard convolution for each depthwise-separable block: "Conv MobileNet" (V1, Table 4).

    >>> from mobilenet_np.architecture import architecture
    >>> from mobilenet_np.costs import cost
    >>> cost(full_convolutions(architecture("v1"))).macs
    4867293184
    """
    check(net.convention.version == "v1", f"full_convolutions: {net.model} is not made of depthwise-separable blocks")
    return replace(net, blocks=tuple(_merged(block) for block in net.blocks))


def _merged(block: Block) -> Block:
    depthwise, pointwise = block.rows
    row = replace(depthwise, name=f"{block.name}.conv", op="conv2d", c_out=pointwise.c_out)
    return replace(block, rows=(row,))


def shallow(net: Architecture) -> Architecture:
    """V1 without the five blocks 14x14x512 -> 14x14x512: "Shallow MobileNet" (V1, Table 5).

    >>> from mobilenet_np.architecture import architecture
    >>> from mobilenet_np.costs import cost
    >>> cost(shallow(architecture("v1"))).macs
    307323392
    """
    check(net.convention.version == "v1", f"shallow: {net.model} has no such blocks")
    return replace(net, blocks=net.blocks[:6] + net.blocks[11:])


def without_classifier(net: Architecture) -> Architecture:
    """The network up to the pool: what slim calls the base.

    >>> from mobilenet_np.architecture import architecture
    >>> from mobilenet_np.costs import cost
    >>> cost(without_classifier(architecture("v1"))).params_weights
    3185088
    """
    return replace(net, tail=tuple(row for row in net.tail if row.name != "classifier"))


def with_hidden(net: Architecture, units: int) -> Architecture:
    """V3 with another number of hidden units after the pool; early texts of V3-Small have 1280 where all code has 1024.

    >>> from mobilenet_np.architecture import architecture
    >>> from mobilenet_np.costs import cost
    >>> cost(with_hidden(architecture("v3-small"), 1280)).params_trainable
    2946568
    """
    sizes = {"hidden": dict(c_out=units), "dropout": dict(c_in=units, c_out=units), "classifier": dict(c_in=units)}
    check(any(row.name == "hidden" for row in net.tail), f"with_hidden: {net.model} has no hidden layer")
    return replace(net, tail=tuple(replace(row, **sizes.get(row.name, {})) for row in net.tail))


def with_stem(net: Architecture, channels: int) -> Architecture:
    """V3 with another number of filters in its first convolution: 32, as it was before section 5.1 halved it.

    >>> from mobilenet_np.architecture import architecture
    >>> from mobilenet_np.costs import cost
    >>> v3 = architecture("v3-large")
    >>> cost(with_stem(v3, 32)).macs - cost(v3).macs
    10436608
    """
    first = net.blocks[0]
    depthwise, *gate, project = first.rows
    check(depthwise.op == "depthwise_conv2d" and not gate, f"with_stem: {net.model} does not start with a plain block")
    rows: tuple[Row, ...] = (
        replace(depthwise, c_in=channels, c_out=channels),
        replace(project, c_in=channels),
    )
    same = depthwise.stride == 1 and channels == project.c_out
    block = replace(first, rows=rows, residual=first.residual and same)
    return replace(net, stem=replace(net.stem, c_out=channels), blocks=(block, *net.blocks[1:]))
