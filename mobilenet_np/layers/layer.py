"""What every layer has: parameters, gradients, buffers, and the cache between forward and backward."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import check


class Arrays(dict):
    """A dict of arrays that a layer works on: setting an entry copies the values into the layer's own array.

    The names are a view: taking one out leaves the layer as it is. Copies, also pickled ones, are plain dicts.

    Examples
    --------
    >>> own = np.zeros(2)
    >>> arrays = Arrays(w=own)
    >>> arrays["w"] = [1, 2]
    >>> arrays.update(w=own + 1)
    >>> own
    array([2., 3.])
    """

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        self.update({name: values})

    def update(self, *others: Any, **named: np.ndarray) -> None:
        """Set several entries, or none if one of them does not fit.

        (A dict's own ``update`` would replace the arrays, and the layer would keep the old.)
        """
        entries = {name: np.asarray(values) for name, values in dict(*others, **named).items()}
        for name, values in entries.items():
            check(name in self, f"layer: {name!r} is not one of its arrays ({_some(self)})")
            check(
                values.shape == self[name].shape,
                f"layer: {name} has shape {self[name].shape}, got {values.shape}; a layer's shapes are fixed",
            )
            check(values.dtype.kind in "biuf", f"layer: {name} is to be {values.dtype}; it must be real numbers")
        for name, values in entries.items():
            self[name][...] = values

    def setdefault(self, name: str, values: Any = None) -> np.ndarray:
        check(name in self, f"layer: {name!r} is not one of its arrays ({_some(self)}); a layer's names are fixed")
        return self[name]

    def __ior__(self, others: Any) -> Arrays:
        self.update(others)
        return self

    def __reduce__(self):
        return dict, (dict(self),)


class Layer:
    """One step of a network.

    Attributes
    ----------
    op : str
        Name of the op in `mobilenet_np.ops` that it runs; "" for containers.
    name : str
        Dotted name inside the network.
    children : dict of Layer
    """

    op = ""

    def __init__(self, **params: np.ndarray):
        self.name = type(self).__name__
        self.children: dict[str, Layer] = {}
        self._params = params
        self._grads: dict[str, np.ndarray] = {}
        self._buffers: dict[str, np.ndarray] = {}
        self._cache: Any = None

    def forward(self, x: np.ndarray, train: bool = False) -> np.ndarray:
        """The layer's output; with ``train`` also keep what `backward` needs."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Gradient with respect to x; fills `grads`."""
        raise NotImplementedError

    @property
    def params(self) -> Arrays:
        """Trainable arrays by dotted name: the layer's own, so that ``params[name] -= step`` trains it."""
        return Arrays(self._collect("_params"))

    @params.setter
    def params(self, values: Any) -> None:  # so that ``net.params |= {...}`` works
        self.params.update(values)

    @property
    def buffers(self) -> Arrays:
        """Arrays that are not trained but saved: BatchNorm's running mean and variance."""
        return Arrays(self._collect("_buffers"))

    @buffers.setter
    def buffers(self, values: Any) -> None:
        self.buffers.update(values)

    @property
    def grads(self) -> Arrays:
        """Gradients of the last backward pass, under the names of `params`; empty before the first."""
        return Arrays(self._collect("_grads"))

    @grads.setter
    def grads(self, values: Any) -> None:
        self.grads.update(values)

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """Every leaf layer with its dotted name, in the order in which they run."""
        for name, child in self.children.items():
            if child.children:
                for inner, leaf in child.walk():
                    yield f"{name}.{inner}", leaf
            else:
                yield name, child

    def astype(self, dtype: str | np.dtype) -> Layer:
        """An independent copy with all parameters and buffers in another dtype, without cache and gradients."""
        clone = copy.deepcopy(self, {id(layer._cache): None for layer in [self, *self._all()]})
        for layer in [clone, *clone._all()]:
            layer._cache, layer._grads = None, {}
            for arrays in (layer._params, layer._buffers):
                arrays.update({name: array.astype(dtype) for name, array in arrays.items()})
        return clone

    @property
    def deviations(self) -> list[str]:
        """How `backward` is, by convention, not quite the derivative of `forward`: sentences, each one once."""
        return list(dict.fromkeys(sentence for child in self.children.values() for sentence in child.deviations))

    def exact(self) -> Layer:
        """A copy without `deviations`, for checking."""
        clone = self.astype(next((a.dtype for a in self.params.values()), np.dtype(np.float64)))
        for layer in [clone, *clone._all()]:
            layer._make_exact()
        return clone

    def _make_exact(self) -> None:
        """Take the layer's own deviation away; most have none."""

    def _all(self) -> Iterator[Layer]:
        for child in self.children.values():
            yield child
            yield from child._all()

    def _collect(self, kind: str) -> Iterator[tuple[str, np.ndarray]]:
        yield from getattr(self, kind).items()
        for name, child in self.children.items():
            for inner, array in child._collect(kind):
                yield f"{name}.{inner}", array

    def _cached(self) -> Any:
        check(self._cache is not None, f"{self.name}: backward before forward; call forward(x, train=True) first")
        return self._cache


def _some(names):
    names = list(names)
    return ", ".join([*names[:3], "..."] if len(names) > 3 else names) or "it has none"
