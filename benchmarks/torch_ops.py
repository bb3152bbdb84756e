"""PyTorch's own ops, for the cases of `ops`: forward and backward, on the same arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def convolution(x, w, stride=1, padding=((0, 0), (0, 0)), groups=1):
    from torch.nn.functional import conv2d

    return conv2d(x, w, stride=stride, padding=(padding[0][0], padding[1][0]), groups=groups)


def depthwise(x, w, **options):
    return convolution(x, w, groups=x.shape[1], **options)


def batch_norm(x, gamma, beta, eps):
    from torch.nn.functional import batch_norm

    return batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def squeeze_excite(x, w1, b1, w2, b2):
    from torch.nn.functional import conv2d, hardsigmoid

    gate = conv2d(x.mean((2, 3), keepdim=True), w1, b1).relu()
    return x * hardsigmoid(conv2d(gate, w2, b2))


def _functional(name: str) -> Callable:
    def call(*arrays):
        import torch.nn.functional as functional

        return getattr(functional, name)(*arrays)

    return call


def _matrix(w):
    return w.T[:, :, None, None]


# The op, and how our layouts of its weights become PyTorch's.
OPS: dict[str, tuple[Callable, tuple[Callable, ...]]] = {
    "conv2d": (convolution, (lambda w: w.transpose(3, 2, 0, 1),)),
    "depthwise_conv2d": (depthwise, (lambda w: w.transpose(2, 0, 1)[:, None],)),
    "pointwise_conv2d": (convolution, (_matrix,)),
    "batch_norm": (batch_norm, (np.asarray, np.asarray)),
    "relu6": (_functional("relu6"), ()),
    "hard_swish": (_functional("hardswish"), ()),
    "global_average_pool": (lambda x: x.mean((2, 3)), ()),
    "squeeze_excite": (squeeze_excite, (_matrix, np.asarray, _matrix, np.asarray)),
    "linear": (_functional("linear"), (np.transpose,)),
}


def calls(
    op: str, arrays: tuple[np.ndarray, ...], options: dict[str, Any], dy: np.ndarray, channels_last: bool
) -> tuple[Callable, Callable]:
    """The forward pass without a graph, and the backward pass of a graph that is there."""
    import torch

    def tensor(array: np.ndarray, images: bool = False):
        values = torch.from_numpy(np.ascontiguousarray(array))
        if images and array.ndim == 4:
            layout = torch.channels_last if channels_last else torch.contiguous_format
            return values.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        return values

    function, layouts = OPS[op]
    x, *weights = arrays
    weights = [tensor(layout(w)) for layout, w in zip(layouts, weights, strict=False)] + [
        tensor(w) for w in weights[len(layouts) :]
    ]
    leaves = [tensor(x, images=True).requires_grad_(), *(w.requires_grad_() for w in weights)]
    y, gradient = function(*leaves, **options), tensor(dy, images=True)

    def forward():
        with torch.inference_mode():
            return function(*leaves, **options)

    return forward, lambda: torch.autograd.grad(y, leaves, gradient, retain_graph=True)


def ours(op: str, results: list[np.ndarray]) -> list[np.ndarray]:
    """Our y, dx and gradients of the weights in PyTorch's layouts, to be compared with its own."""
    layouts = OPS[op][1]
    y, dx, *gradients = results
    turned = [layout(g) for layout, g in zip(layouts, gradients, strict=False)] + gradients[len(layouts) :]
    return [a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for a in (y, dx)] + turned
