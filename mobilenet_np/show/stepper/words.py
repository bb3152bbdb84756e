"""What the page says about each kind of convolution, in one or two sentences."""

from __future__ import annotations


def says(op: str, C: int, M: int, K: int, groups: int = 1) -> str:
    """Who looks at whom.

    Parameters
    ----------
    op : str
        Key of `mobilenet_np.show.stepper.definitions.DEFINITIONS`.
    C, M : int
        Input and output channels.
    K : int
        Side of the kernel.
    groups : int
        Of a grouped convolution.

    Examples
    --------
    >>> says("pointwise_conv2d", 4, 6, 1)
    'All channels are mixed, at one pixel: 4 × 6 = 24 kernels of 1×1, 4 products for each output number.'
    """
    share = C // groups
    return {
        "conv2d": f"Every output channel looks at every input channel: {C} × {M} = {C * M} kernels of {K}×{K}, "
        f"{K * K * C} products for each output number.",
        "grouped_conv2d": f"Every output channel looks only at the {share} input channels of its group: {share * M} "
        f"kernels of {K}×{K}, {K * K * share} products for each output number. What one group knows, the others do not "
        "hear of: without the kernels between them the output is not the standard one.",
        "depthwise_conv2d": f"As many groups as channels: each channel has one kernel of {K}×{K} to itself, {K * K} "
        "products for each number. Nothing is mixed.",
        "pointwise_conv2d": f"All channels are mixed, at one pixel: {C} × {M} = {C * M} kernels of 1×1, {C} products "
        "for each output number.",
        "linear": f"Every output looks at every input: {C} × {M} = {C * M} weights, {C} products for each "
        "output number.",
    }[op]
