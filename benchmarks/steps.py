"""A training step of each contender: forward pass in training mode, loss, backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

import mobilenet_np as mn
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward

from . import keras_peer, peers
from .peers import convention, our_network, torch_module
from .processes import MALLOC_TUNED
from .sizes import Size

Result = tuple[float, dict[str, float]]  # the loss, and under our names the norm of each parameter's gradient
Step = Callable[[], Callable[[], Result]]  # norms are not a part of a step, see `processes.Build`
# How far a norm may be from that in float64. Rounding takes a number here and there to the other side of a kink of ReLU
# or ReLU6, where its gradient is another one, and nobody knows before how many. Of steps of V1 and V2, ours and
# PyTorch's, on three batches each of 8x64, 8x96 and 32x96, the farthest of all norms was off by 1.6e-2, PyTorch's of V2
# (ours by 7e-3; V3's, where hard swish jumps less, by 6e-5). A defect is seldom less than a gradient left out.
TOLERANCE = 4e-2
# A gradient smaller than this part of all together is compared as if it had this size. Some are sums of what cancels,
# exactly so for the beta of a linear bottleneck, which the next BatchNorm takes away: of them float32 leaves rounding.
SMALL = 1e-3
SHAPES = "batch x resolution; for steps at least 8x64: BatchNorm of fewer positions makes of rounding what it will"
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
        net.backward(softmax_cross_entropy_backward(x.dtype.type(1), cache), wants_dx=False)
        loss = float(loss)
        return lambda: (loss, norms(net.grads))

    return call


def norms(gradients: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The length of each."""
    return {name: float(np.linalg.norm(gradient)) for name, gradient in gradients.items()}


def torch_step(net: mn.Network, x: np.ndarray, labels: np.ndarray, channels_last: bool) -> Step:
    """PyTorch, operation by operation."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    module = torch_module(net).train().to(memory_format=layout)
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    source = net.architecture.convention.source
    return _step(module, lambda: module(images), _named(net, source, dict(module.named_parameters())), labels)


def keras_step(net: mn.Network, x: np.ndarray, labels: np.ndarray) -> Step:
    """Keras on PyTorch; ``net`` has the convention "keras"."""
    import torch

    model, images = keras_peer.model(net, x.shape[1]), torch.from_numpy(x)
    theirs = {f"{layer.name}/{w.name}": w.value for layer in model.layers for w in layer.trainable_weights}
    return _step(model, lambda: model(images, training=True), _named(net, "keras", theirs), labels)


def _named(net: mn.Network, source: str, theirs: dict) -> dict:
    """Their parameters under our names."""
    from mobilenet_np.weights.names import entries  # not of every version that "ours" may be

    ours = {entry.theirs: entry.ours for entry in entries(net.architecture, source)}
    return {ours[name]: parameter for name, parameter in theirs.items()}


def _step(module, forward, parameters, labels) -> Step:
    import torch

    targets = torch.from_numpy(labels)

    def call():
        module.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(forward(), targets)
        loss.backward()
        loss = float(loss.detach())
        return lambda: (loss, {name: float(parameter.grad.norm()) for name, parameter in parameters.items()})

    return call


def check(name: str, found: Result, size: Size) -> None:
    """Raise where a step, also one of ours, has another loss than in float64, or any parameter another gradient."""
    (loss, norms), (exact_loss, exact_norms) = found, expected(size._replace(threads=1), convention(name))
    if not abs(loss - exact_loss) < peers.TOLERANCE * exact_loss:
        raise AssertionError(f"{name} computes something else: loss {loss} beside {exact_loss}")
    check_norms(name, norms, exact_norms)


def check_norms(name: str, norms: dict[str, float], exact: dict[str, float]) -> None:
    """Raise where a gradient is missing, or longer or shorter than it should be."""
    if norms.keys() != exact.keys():
        raise AssertionError(f"{name} computes something else: gradients of {norms.keys() ^ exact.keys()}")
    small = SMALL * np.linalg.norm(list(exact.values()))
    for what, norm in norms.items():
        if not abs(norm - exact[what]) < TOLERANCE * max(exact[what], small):
            raise AssertionError(f"{name} computes something else: |gradient of {what}| {norm} beside {exact[what]}")


@lru_cache(maxsize=2)
def expected(size: Size, convention: str | None) -> Result:
    """Of a step of that size on any number of threads, in float64.

    In NumPy's form it takes a minute for V1 and 16 images of 224x224. The compiled loops do the same in float64, and
    have nothing in common with the kernels for float32: see "Numba" in the files of `mobilenet_np.ops`.
    """
    net = our_network(size.model, size.width, convention).astype("float64")
    return our_step(net, size.images().astype(np.float64), size.labels())()()
