"""`trace`: run one training step of a network and write everything down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from ..counted.network import executed_row, has_weights
from ..errors import InputTypeError, check, check_array, check_same_dtype, check_shape
from ..forms import current_form
from ..layers import Layer, Residual, chain
from ..models import Network, check_images
from ..ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from ..receptive_field import ReceptiveField, Window
from .definitions import sources
from .gate import gate_parts
from .records import Backward, Forward, Record
from .traced import Trace


def trace(net: Network, x: np.ndarray, labels: np.ndarray | None = None, dy: np.ndarray | None = None) -> Trace:
    """Record one forward and backward pass in training: every intermediate value and gradient by name.

    It runs on a copy: the network's running statistics, caches, gradients and random numbers stay as they are. The copy
    has the same random numbers ahead, so that ``net.forward(x, train=True)`` then gives what was traced, bit for bit.

    Parameters
    ----------
    net : Network
    x : (N, H, W, 3) float, of the network's dtype
        Normalized images, as for ``net.forward``.
    labels : (N,) int, optional
        The right classes. The gradients are then those of the mean cross entropy.
    dy : (N, classes) float, optional
        Gradient of the loss with respect to the logits, if it is another loss. Without labels and dy: all ones, which
        makes them the gradients of the sum of all logits.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes do not fit together, a label is not a class, or both labels and dy are given.

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> x = np.random.default_rng(0).random((2, 32, 32, 3))
    >>> t = trace(build("v2", width=0.35, classes=10, dtype="float64"), x, labels=np.array([3, 7]))
    >>> t["block3.depthwise"].forward.y.shape, t["block3.depthwise"].macs
    ((2, 8, 8, 48), 55296)
    >>> t["block3.depthwise.conv"].backward.grads["w"].shape
    (3, 3, 48)
    >>> t["block3.depthwise"].receptive_field.window(0, 0)
    (range(0, 13), range(0, 13))
    """
    _check(net, x, labels, dy)
    if current_form() == "numba":
        _load_kernels(net, x)
    copy, x = net.astype(net.dtype), x.copy(order="K")
    seen: dict[str, dict[str, Any]] = {}
    for name, layer in _all_layers(copy):
        _watch(layer, seen.setdefault(name, {}))

    with chain.apart(copy):
        logits, loss = copy.forward(x, train=True), None
    if labels is not None:
        loss, cache = softmax_cross_entropy_forward(logits, labels)
        dy = softmax_cross_entropy_backward(1.0, cache)
    dy = np.ones_like(logits) if dy is None else dy.copy(order="K")
    dx = copy.backward(dy)

    fields = _receptive_fields(copy, seen)
    tops = [_record(name, child, seen, fields) for name, child in copy.children.items()]
    records = {record.name: record for record in _flat(tops)}
    return Trace(net.architecture, current_form(), records, x, logits, loss, dy, dx, copy.grads)


def _check(net, x, labels, dy):
    if not isinstance(net, Network):
        raise InputTypeError(f"trace: net is a {type(net).__name__}; it must be a network, made by build")
    check_images("trace", x, net.dtype)
    check(labels is None or dy is None, "trace: labels and dy are both given; dy is computed from labels")
    shape = (len(x), net.architecture.classes)
    if labels is not None:
        softmax_cross_entropy_forward(np.zeros(shape, net.dtype), labels)  # says what is wrong with them
    if dy is not None:
        check_array("trace", "dy", dy, "N classes")
        check_same_dtype("trace", dy=dy, x=x)
        check_shape("trace", "dy", dy, shape, "it must have the shape of the logits")


def _load_kernels(net: Network, x: np.ndarray) -> None:
    """Run a little image first, so that no layer's seconds are those of the compiler."""
    copy = net.astype(net.dtype)
    copy.backward(np.zeros_like(copy.forward(np.zeros_like(x[:1, :32, :32]), train=True)))


# ---------------------------------------------------------------------------------------------------------------------
# Watching


def _all_layers(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    for name, child in layer.children.items():
        yield prefix + name, child
        yield from _all_layers(child, f"{prefix}{name}.")


def _watch(layer: Layer, seen: dict[str, Any]) -> None:
    """Put down what goes into a layer, what comes out, and how long it took."""
    forward, backward = layer.forward, layer.backward

    def forward_and_note(x, train=False):
        start = perf_counter()
        y = forward(x, train)
        seen.update(x=x, y=y, forward_seconds=perf_counter() - start)
        return y

    def backward_and_note(dy):
        start = perf_counter()
        dx = backward(dy)
        seen.update(dy=dy, dx=dx, backward_seconds=perf_counter() - start)
        return dx

    layer.forward, layer.backward = forward_and_note, backward_and_note


# ---------------------------------------------------------------------------------------------------------------------
# From what was seen to records


def _receptive_fields(net: Network, seen: Mapping[str, Mapping]) -> dict[str, ReceptiveField]:
    """Of the elements of every op's x and y; a shortcut sees no more than the block that it goes around."""
    fields, field = {}, ReceptiveField()
    for name, leaf in net.walk():
        fields[f"{name}.x"] = field
        size = seen[name]["x"].shape[1:3]
        if leaf.op in ("conv2d", "depthwise_conv2d"):
            field = field.through(Window(leaf.params["w"].shape[:2], **leaf._options(seen[name]["x"]), size=size))
        elif leaf.op == "global_average_pool":
            field = field.through_pool(size)
        elif leaf.op == "squeeze_excite":
            field = field.through_gate()
        fields[name] = field
    return fields


def _record(name: str, layer: Layer, seen: Mapping[str, Mapping], fields: Mapping[str, ReceptiveField]) -> Record:
    noted = seen[name]
    parts = tuple(_record(f"{name}.{inner}", child, seen, fields) for inner, child in layer.children.items())
    if layer.op == "squeeze_excite":
        parts = gate_parts(name, layer, noted["y"], noted["dy"], fields[f"{name}.x"])
    op = layer.op or _op_of(layer, parts)
    forward, backward = sources(op)
    return Record(
        name,
        op,
        Forward(noted["x"], noted["y"], noted["forward_seconds"], forward),
        Backward(noted["dy"], noted["dx"], layer.grads, noted["backward_seconds"], backward),
        fields[name] if name in fields else parts[-1].receptive_field,
        parts,
        dict(layer.params),
        _options(layer, noted["x"]) if layer.op else _options_of_row(parts),
        layer._cache,
        **_macs(name, layer, noted, parts),
    )


def _op_of(layer: Layer, parts: tuple[Record, ...]) -> str:
    if _is_block(parts):
        return "residual" if isinstance(layer, Residual) else "sequential"
    return parts[0].op


def _is_block(parts: tuple[Record, ...]) -> bool:
    return any(part.parts for part in parts)


def _options_of_row(parts: tuple[Record, ...]) -> Mapping[str, Any]:
    return {} if _is_block(parts) else parts[0].options


def _options(layer: Layer, x: np.ndarray) -> dict[str, Any]:
    if layer.op == "batch_norm":
        return dict(eps=layer.eps)
    if layer.op == "squeeze_excite":
        return dict(slope=layer.slope, gradient_slope=layer.gradient_slope)
    if layer.op == "dropout":
        return dict(rate=layer.rate)
    return layer._options(x)


def _macs(name: str, layer: Layer, noted: Mapping, parts: tuple[Record, ...]) -> dict[str, int]:
    columns = ("macs", "macs_in_bounds", "macs_dx", "macs_dw")
    if not layer.op:
        return {column: sum(getattr(part, column) for part in parts) for column in columns}
    if not has_weights(layer):
        return {}
    counted = executed_row(name, layer, {which: noted[which].shape for which in ("x", "y", "dy")})
    return {column: getattr(counted, column) for column in columns}


def _flat(records: Iterator[Record]) -> Iterator[Record]:
    for record in records:
        yield record
        yield from _flat(record.parts)
