"""A network that ran, counted from the shapes of the arrays that each of its layers saw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..architecture import Architecture
from ..geometry import Padding, same_padding
from ..layers import Layer, chain
from ..models import Network
from .loops import NO_PADDING


class ExecutedRow(NamedTuple):
    """What one layer with weights did, for the whole batch.

    ``weights`` are its kernels and matrices, fit for `count_forward`. ``macs`` includes products with padding zeros,
    ``macs_in_bounds`` does not; ``macs_dx`` and ``macs_dw`` are 0 unless a backward pass ran.
    """

    name: str
    op: str
    x_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    weights: tuple[np.ndarray, ...]
    stride: int
    padding: Padding
    macs: int
    macs_in_bounds: int
    macs_dx: int
    macs_dw: int

    @property
    def elements(self) -> int:
        """Inputs plus outputs; of a gate, those of its two fully connected layers."""
        if self.op == "squeeze_excite":
            return self.x_shape[0] * sum(sum(w.shape) for w in self.weights)
        return math.prod(self.x_shape) + math.prod(self.y_shape)


class Executed(NamedTuple):
    """Counts of a network that ran, under the names that `mobilenet_np.costs.Cost` has for its formulas.

    Attributes
    ----------
    rows : list of ExecutedRow
    params_trainable, params_total, biases, bn_channels : int
        Elements of the network's arrays: trainable, with the running statistics, biases, and BatchNorm's gammas.
    kept_bytes : int
        Size of what the layers kept for a backward pass; 0 unless one ran.
    """

    rows: list[ExecutedRow]
    params_trainable: int
    params_total: int
    biases: int
    bn_channels: int
    kept_bytes: int

    @property
    def macs(self) -> int:
        """Forward, products with padding zeros included."""
        return sum(row.macs for row in self.rows)

    @property
    def macs_in_bounds(self) -> int:
        """Forward, products with padding zeros left out."""
        return sum(row.macs_in_bounds for row in self.rows)

    @property
    def macs_by_op(self) -> dict[str, int]:
        """`macs` by op, for the ops that the network has."""
        ops = dict.fromkeys(row.op for row in self.rows)  # in the order in which they first ran
        return {op: sum(row.macs for row in self.rows if row.op == op) for op in ops}

    @property
    def macs_dx(self) -> int:
        """Gradients with respect to inputs. The first row is the image's, which training does not need."""
        return sum(row.macs_dx for row in self.rows)

    @property
    def macs_dw(self) -> int:
        """Gradients with respect to weights."""
        return sum(row.macs_dw for row in self.rows)

    @property
    def macs_train_step(self) -> int:
        """Forward, dx and dw, without the gradient of the image; the forward pass alone if no backward pass ran."""
        return self.macs + self.macs_dx + self.macs_dw - self.rows[0].macs_dx

    @property
    def params_weights(self) -> int:
        """Elements of kernels and matrices."""
        return sum(w.size for row in self.rows for w in row.weights)

    @property
    def activations(self) -> int:
        """Outputs of convolutions and fully connected layers."""
        return sum(math.prod(row.y_shape) for row in self.rows if row.op != "squeeze_excite")

    @property
    def activations_in_and_out(self) -> int:
        """Inputs plus outputs of convolutions and fully connected layers, the gates' included."""
        return sum(row.elements for row in self.rows)

    @property
    def peak_activations(self) -> int:
        """The largest input plus output."""
        return max(row.elements for row in self.rows)


def executed(net: Network, x: np.ndarray, backward: bool = False) -> Executed:
    """Run a network and count the products from the shapes that its layers saw.

    Parameters
    ----------
    net : Network
    x : (N, H, W, 3) float
    backward : bool
        Also run a training forward pass and a backward pass, which updates BatchNorm's running statistics.

    Returns
    -------
    Executed

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> ran = executed(build("v1", width=0.25), np.zeros((1, 224, 224, 3), np.float32))
    >>> ran.macs, ran.params_trainable
    (41030272, 470072)
    """
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    with chain.apart(net), _watched(net, shapes):
        y = net.forward(x, train=backward)
        kept = kept_bytes((leaf._cache for _, leaf in net.walk()), net.params.values()) if backward else 0
        if backward:
            net.backward(np.ones_like(y))
    rows = [executed_row(name, leaf, shapes[name]) for name, leaf in net.walk() if has_weights(leaf)]
    params, buffers = net.params, net.buffers
    return Executed(
        rows,
        params_trainable=sum(p.size for p in params.values()),
        params_total=sum(p.size for p in [*params.values(), *buffers.values()]),
        biases=sum(p.size for name, p in params.items() if name.rpartition(".")[2] in ("b", "b1", "b2")),
        bn_channels=sum(p.size for name, p in params.items() if name.rpartition(".")[2] == "gamma"),
        kept_bytes=kept,
    )


def execute(net: Architecture, resolution: int | tuple[int, int] = 224) -> Executed:
    """Build the network of an architecture, run it on one blank image, and count.

    >>> from mobilenet_np.architecture import architecture
    >>> execute(architecture("v2", width=0.35), 96).macs
    11934128
    """
    height, width = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    return executed(Network(net, "float32", np.random.default_rng(0)), np.zeros((1, height, width, 3), np.float32))


@contextmanager
def _watched(net: Network, shapes: dict) -> Iterator[None]:
    """Write down the shapes of x, y and dy of every leaf layer while they run."""

    def watch(name: str, leaf: Layer) -> None:
        forward, backward = leaf.forward, leaf.backward

        def forward_and_note(x, train=False):
            y = forward(x, train)
            shapes[name] = {"x": x.shape, "y": y.shape}
            return y

        def backward_and_note(dy):
            shapes[name]["dy"] = dy.shape
            return backward(dy)

        leaf.forward, leaf.backward = forward_and_note, backward_and_note

    leaves = list(net.walk())
    for name, leaf in leaves:
        watch(name, leaf)
    try:
        yield
    finally:
        for _, leaf in leaves:
            del leaf.forward, leaf.backward  # the class's own methods come back


def has_weights(leaf: Layer) -> bool:
    """Whether a leaf layer multiplies with a kernel or a matrix."""
    return bool(_weights(leaf))


def _weights(leaf: Layer) -> tuple[np.ndarray, ...]:
    return tuple(p for name, p in leaf.params.items() if name in ("w", "w1", "w2"))


def executed_row(name: str, leaf: Layer, shapes: Mapping[str, tuple[int, ...]]) -> ExecutedRow:
    """Count one leaf layer with weights from the shapes of its x and y, and of dy if a backward pass ran."""
    weights = _weights(leaf)
    each = sum(w.size for w in weights)

    def products(shape):
        """Every weight meets every position of the output once; a gate's weights meet every image once."""
        return each * (shape[0] if leaf.op == "squeeze_excite" else math.prod(shape[:-1]))

    x, y = shapes["x"], shapes["y"]
    stride, padding, in_bounds = 1, NO_PADDING, products(y)
    if leaf.op in ("conv2d", "depthwise_conv2d"):
        kernel = weights[0].shape[:2]
        stride, padding = leaf.stride, same_padding(*x[1:3], kernel[0], leaf.stride, leaf.padding)
        taps = [_taps(x[a + 1], y[a + 1], kernel[a], stride, padding[a][0]) for a in (0, 1)]
        in_bounds = x[0] * math.prod(taps) * (each // math.prod(kernel))
    gradient = products(shapes["dy"]) if "dy" in shapes else 0
    return ExecutedRow(name, leaf.op, x, y, weights, stride, padding, products(y), in_bounds, gradient, gradient)


def _taps(size: int, positions: int, kernel: int, stride: int, before: int) -> int:
    """Pairs of position and tap along one axis that fall on a sample."""
    sample = np.arange(positions)[:, None] * stride + np.arange(kernel) - before
    return int(((sample >= 0) & (sample < size)).sum())


def kept_bytes(caches: Iterable[Any], params: Iterable[np.ndarray]) -> int:
    """Bytes of the arrays in some layers' caches, each once, without the parameters."""
    trained = {id(_owner(p)) for p in params}
    kept = {id(owner): owner for cache in caches for owner in map(_owner, _arrays(cache))}
    return sum(array.nbytes for key, array in kept.items() if key not in trained)


def _arrays(cache: Any) -> Iterator[np.ndarray]:
    if isinstance(cache, np.ndarray):
        yield cache
    elif isinstance(cache, tuple):
        for item in cache:
            yield from _arrays(item)


def _owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
