"""A training step of each contender: forward pass in training mode, loss, backward pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

import mobilenet_np as mn
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward

from . import keras_peer
from .peers import convention, our_network, torch_module
from .processes import MALLOC_TUNED
from .sizes import Size

Step = Callable[[], tuple[float, float]]  # the loss, and the norm of the gradient of the first convolution
NAMES = ("ours", "torch NCHW", "torch NHWC", MALLOC_TUNED, "keras")


def build(name: str, size: Size) -> Step:
    """The step of one of `NAMES`; "ours" may be followed by which."""
    net = our_network(size.model, size.width, convention(name))
    x, labels = size.images(), size.labels()
    if name.split()[0] == "ours":
        return our_step(net, x, labels)
    if name == "keras":
        return keras_step(net, x, labels)
    return torch_step(net, x, labels, channels_last=name != "torch NCHW")


def our_step(net: mn.Network, x: np.ndarray, labels: np.ndarray) -> Step:
    """Ours. As in the others, nobody asks for the gradient of the images."""

    def call():
        loss, cache = softmax_cross_entropy_forward(net.forward(x, train=True), labels)
        net.backward(softmax_cross_entropy_backward(np.float32(1), cache), wants_dx=False)
        return float(loss), float(np.linalg.norm(net.grads["stem.conv.w"]))

    return call


def torch_step(net: mn.Network, x: np.ndarray, labels: np.ndarray, channels_last: bool) -> Step:
    """PyTorch, operation by operation."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    module = torch_module(net).train().to(memory_format=layout)
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    return _step(module, lambda: module(images), next(module.parameters()), labels)


def keras_step(net: mn.Network, x: np.ndarray, labels: np.ndarray) -> Step:
    """Keras on PyTorch; ``net`` has the convention "keras"."""
    import torch

    model, images = keras_peer.model(net, x.shape[1]), torch.from_numpy(x)
    return _step(model, lambda: model(images, training=True), model.trainable_weights[0].value, labels)


def _step(module, forward, stem, labels) -> Step:
    import torch

    targets = torch.from_numpy(labels)

    def call():
        module.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(forward(), targets)
        loss.backward()
        return float(loss.detach()), float(stem.grad.norm())

    return call


def check(name: str, found: tuple[float, float], size: Size) -> None:
    """Raise where a step has another loss than ours, or another gradient at the far end of the network."""
    (loss, norm), (our_loss, our_norm) = found, _expected(size, convention(name))
    if not (abs(loss - our_loss) < 1e-3 * our_loss and abs(norm - our_norm) < 2e-2 * our_norm):
        raise AssertionError(f"{name} computes something else: {loss, norm} beside {our_loss, our_norm}")


@lru_cache(maxsize=2)
def _expected(size: Size, convention: str | None) -> tuple[float, float]:
    return our_step(our_network(size.model, size.width, convention), size.images(), size.labels())()
