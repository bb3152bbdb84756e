"""Which layer of a network has the wrong backward pass? Each is checked alone, at the numbers that it sees there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..check import GradcheckReport, gradcheck as check_gradcheck
from ..check.cases import SLOPES
from ..check.numerical import generator, random_line
from ..check.subjects import as_subject
from ..errors import InputTypeError, check, check_positive
from ..forms import form
from .known import suspects_for

WIRING = 1e-6  # a path that is missing or counted twice is never a matter of digits


class LayerResult(NamedTuple):
    """One layer, or one container."""

    name: str
    """Dotted; "" for the network itself."""
    kind: str
    report: GradcheckReport | None
    """None for a container that puts its children together rightly, or that has a wrong layer in it."""
    skipped: str = ""
    """Why nothing could be said."""

    @property
    def ok(self) -> bool:
        return self.report is None or self.report.ok


@dataclass(frozen=True)
class NetworkReport:
    """What `mobilenet_np.gradcheck.network` found; print it.

    Attributes
    ----------
    network : str
    seed : int
    layers : tuple of LayerResult
        From the loss to the input, as the gradient runs. A container comes after its children.
    """

    network: str
    seed: int
    layers: tuple[LayerResult, ...]

    @property
    def ok(self) -> bool:
        return not self.wrong

    @property
    def wrong(self) -> tuple[LayerResult, ...]:
        """The layers that do not return the gradient of what they compute."""
        return tuple(layer for layer in self.layers if not layer.ok)

    @property
    def first(self) -> LayerResult | None:
        """The wrong layer nearest to the loss: the gradients of all that come before it in the network are spoilt."""
        return next(iter(self.wrong), None)

    def assert_ok(self) -> None:
        """Raise `AssertionError` with the first wrong layer and its diagnosis unless all are right."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        lines = [
            f"gradcheck.network {self.network}: {'ok' if self.ok else 'FAILED'}, "
            f"{sum(layer.report is not None for layer in self.layers)} layers checked, seed {self.seed}"
        ]
        if self.first:
            lines.append(f"first wrong layer, seen from the loss: {_called(self.first)}; {self._passed_on()}")
            lines += [f"    {line}" for line in str(self.first.report).splitlines()]
            lines += [f"also wrong: {_called(layer)}" for layer in self.wrong[1:]]
        lines += [f"not checked: {_called(layer)}: {layer.skipped}" for layer in self.layers if layer.skipped]
        return "\n".join(lines)

    def _passed_on(self) -> str:
        later = self.layers[self.layers.index(self.first) + 1 :]
        count = sum(layer.report is not None and not layer.name.startswith(f"{self.first.name}.") for layer in later)
        if self.first.report.rows and all(row.ok for row in self.first.report.rows if row.name.split(",")[0] == "x"):
            return "the dx that it passes on is right"
        return f"the dx that it passes on is wrong, and reaches {count} layers more"

    __repr__ = __str__


def network(net: Any, x: np.ndarray, dy: np.ndarray | None = None, seed: int = 0, elements: int = 3) -> NetworkReport:
    """Find the first layer of a network, seen from the loss, whose backward pass is wrong, and say what is wrong.

    A gradient check of a whole network says that something is wrong; the error reaches every layer below. Here every
    layer is checked alone, with the input that it gets in this network and the gradient that arrives at it. So one
    wrong layer does not make others look wrong, and two wrong layers are both found. Containers are checked, too: a
    `Residual` adds two gradients, which can be done wrongly with nothing but right children.

    Parameters
    ----------
    net : layer
        With ``children``, a dict of layers that may have children of their own, such as `mobilenet_np.Network` or
        `mobilenet_np.layers.Sequential`. Each layer has what `mobilenet_np.gradcheck` asks for. Nothing in it changes.
    x : (N, ...) float
        Keep it small; 32x32 pixels do.
    dy : array of y's shape, optional
        By default normal, from ``seed``.
    seed : int
    elements : int
        So many random entries of each tensor are compared, and the slope along one random direction, which no wrong
        entry escapes.

    Returns
    -------
    NetworkReport
        With ``ok``, ``assert_ok()``, ``first`` and ``layers``.

    Raises
    ------
    TypeError, ValueError
        If net has no children, or dy does not have y's shape.

    Examples
    --------
    >>> from mobilenet_np.layers import Activation, Linear, Sequential
    >>> class Wrong(Linear):
    ...     def backward(self, dy):
    ...         return 2 * super().backward(dy)
    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(first=Linear(4, 5), second=Wrong(5, 3), act=Activation("relu"))
    >>> for name, w in net.params.items():
    ...     w[...] = rng.standard_normal(w.shape)
    >>> report = network(net, rng.standard_normal((6, 4)))
    >>> report.first.name
    'second'
    >>> report.first.report.diagnosis.findings[0].causes
    ('is twice what it should be: added twice?',)

    Notes
    -----
    The gradient that arrives gets random numbers of its own size added. Behind a ReLU it is zero in many places, and
    before a BatchNorm its mean is zero in every channel: a layer may make mistakes there that do not show.
    """
    if not getattr(net, "children", None):
        raise InputTypeError(f"gradcheck.network: {type(net).__name__} has no children; use gradcheck for one layer")
    check_positive("gradcheck.network", "elements", elements, integer=True)
    rng = generator(seed)
    layers, seen = dict(_backwards(net.astype("float64"))), _record(net.astype("float64"), x, dy, rng)
    results: list[LayerResult] = []
    for name, layer in layers.items():
        kind = type(layer).__name__
        if name not in seen:
            results.append(LayerResult(name, kind, None, "the network did not run it"))
            continue
        x_here, dy_here = seen[name]
        dy_here = _stirred(dy_here, rng)
        run = partial(check_gradcheck, layer, x_here, dy=dy_here, seed=seed, elements=elements)
        run = partial(run, suspects=suspects_for(layer))
        if not getattr(layer, "children", None):
            results.append(LayerResult(name, kind, run()))
        elif any(not result.ok and _inside(result.name, name) for result in results):
            results.append(LayerResult(name, kind, None))
        elif any(result.skipped and _inside(result.name, name) for result in results):
            results.append(LayerResult(name, kind, None, "a layer in it did not run"))
        else:
            results.append(LayerResult(name, kind, None if _wired(layer, x_here, dy_here, rng) else run()))
    return NetworkReport(repr(net) if "object at" not in repr(net) else type(net).__name__, seed, tuple(results))


def _backwards(net: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer in the order in which gradients are finished: last children first, containers after them."""
    for key, child in reversed(getattr(net, "children", {}).items()):
        yield from _backwards(child, f"{name}.{key}" if name else key)
    yield name, net


def _record(net: Any, x: np.ndarray, dy: np.ndarray | None, rng: np.random.Generator) -> dict:
    """What arrives at each layer: its input and, from behind, its upstream gradient."""
    inputs, upstream = {}, {}

    def listen(name, layer):
        forward, backward = layer.forward, layer.backward

        def heard_forward(x, *args, **kwargs):
            inputs[name] = x.copy()
            return forward(x, *args, **kwargs)

        def heard_backward(dy):
            upstream[name] = dy.copy()
            return backward(dy)

        layer.forward, layer.backward = heard_forward, heard_backward

    for name, layer in _backwards(net):
        listen(name, layer)
    y = net.forward(x.astype(np.float64), train=True)
    dy = rng.standard_normal(y.shape) if dy is None else np.asarray(dy, np.float64)
    check(dy.shape == y.shape, f"gradcheck.network: dy has shape {dy.shape}, y has {y.shape}; they must be the same")
    net.backward(dy)
    return {name: (x, upstream[name]) for name, x in inputs.items() if name in upstream}


def _stirred(dy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = np.sqrt(np.mean(dy**2))
    noise = rng.standard_normal(dy.shape)
    return dy + size * noise if np.isfinite(size) and size > 0 else noise


def _inside(name: str, container: str) -> bool:
    return not container or name.startswith(f"{container}.")


def _wired(layer: Any, x: np.ndarray, dy: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether the slope along one random line through x and all parameters is what the gradients say."""
    subject = as_subject(layer, x, (), {})
    line = random_line(subject.tensors, list(subject.tensors), rng)
    gradients = subject.run(subject.tensors, dy).gradients
    if any(gradients[name].shape != v.shape for name, v in line.items()):
        return False
    ours = [float(np.sum(gradients[name] * v)) for name, v in line.items()]
    size = np.sqrt(sum(np.sum((gradients[name] * v) ** 2) for name, v in line.items()))
    with form("numpy"):
        for method, step in (("complex", 1e-100), ("central", 1e-8)):
            try:
                slope = SLOPES[method](subject.output, subject.tensors, line, dy, step)
            except Exception:  # not every forward pass can do complex numbers
                continue
            if abs(sum(ours) - slope) <= (WIRING if method == "complex" else 1e-3) * size:
                return True
    return False


def _called(layer: LayerResult) -> str:
    return f"{layer.name or 'the network itself'} ({layer.kind})"
