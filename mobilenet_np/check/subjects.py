"""What can be checked, brought to one shape: a pair of functions, a module that holds a pair, or a layer."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import check
from .numerical import Tensors
from .snapshot import Snapshot


class Pass(NamedTuple):
    """One forward and one backward pass."""

    y: np.ndarray
    gradients: Tensors
    changed: list[str]
    """What the two passes changed and should not have: "backward changed dy"."""


@dataclass(frozen=True)
class Subject:
    """A function of named tensors, and its hand-written backward pass."""

    name: str
    tensors: Tensors
    """All that is differentiated, in float64."""
    output: Callable[[Tensors], np.ndarray]
    """The forward pass, for tensors of any dtype."""
    run: Callable[[Tensors, np.ndarray], Pass]
    """Forward and backward, for float64 tensors and dy."""
    given: dict[str, np.dtype]
    """The dtypes in which the tensors came."""
    arrays: dict[str, np.ndarray]
    """All arrays that go in, also those that are not differentiated, such as labels."""
    options: dict[str, Any]
    """Options of the forward pass; none for a layer, which holds its own."""
    defaults: dict[str, Any]
    """Of all options that the forward pass has."""
    remade: Callable[[dict[str, np.ndarray], dict[str, Any]], Subject]
    """The same two passes on other arrays, with some options changed."""
    notes: tuple[str, ...] = ()
    """What the reader of the report should know."""
    deep: bool = False
    """Whether it may be a network of many layers, in which rounding errors grow."""


def as_subject(subject: Any, x: np.ndarray, arrays: tuple[np.ndarray, ...], kwargs: dict[str, Any]) -> Subject:
    """Bring a pair, a module or a layer to the shape of `Subject`.

    Raises
    ------
    TypeError, ValueError
        If it is none of them, if a module holds no pair or several, or if the arrays do not fit.
    """
    for position, array in enumerate((x, *arrays)):
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"gradcheck: array argument {position} is a {type(array).__name__}; "
                "arrays go by position and must be NumPy arrays, options go by keyword"
            )
        check(array.dtype.kind != "c", f"gradcheck: array argument {position} is {array.dtype}; it must be real")
    if isinstance(subject, types.ModuleType):
        subject = pair_of(subject)
    if isinstance(subject, (tuple, list)) and len(subject) == 2 and all(callable(f) for f in subject):
        return _of_pair(*subject, (x, *arrays), kwargs)
    if all(hasattr(subject, name) for name in ("forward", "backward", "params", "grads", "astype")):
        check(
            not arrays,
            f"gradcheck: {type(subject).__name__} is a layer, it takes x alone; got {len(arrays)} arrays more",
        )
        return _of_layer(subject, x, kwargs)
    raise TypeError(
        f"gradcheck: cannot check a {type(subject).__name__}; pass a pair (forward, backward), a module that holds "
        "one, or an object with forward(x, train=True), backward(dy), params, grads and astype(dtype)"
    )


def pair_of(module: types.ModuleType) -> tuple[Callable, Callable]:
    """The one pair ``<stem>_forward``, ``<stem>_backward`` that a module defines."""
    own = {name: f for name, f in vars(module).items() if getattr(f, "__module__", None) == module.__name__}
    stems = [name.removesuffix("_forward") for name in own if name.endswith("_forward") and not name.startswith("_")]
    stems = [stem for stem in stems if f"{stem}_backward" in own]
    check(
        bool(stems),
        f"gradcheck: module {module.__name__} defines no public pair <stem>_forward, <stem>_backward; "
        "pass the pair (forward, backward)",
    )
    check(
        len(stems) == 1,
        f"gradcheck: module {module.__name__} defines {len(stems)} pairs ({', '.join(stems)}); "
        f"pass the one you mean: ({stems[0]}_forward, {stems[0]}_backward)",
    )
    return own[f"{stems[0]}_forward"], own[f"{stems[0]}_backward"]


def _of_pair(forward, backward, arrays, kwargs):
    arguments = dict(zip(_argument_names(forward, len(arrays)), arrays, strict=True))
    tensors = {name: array.astype(np.float64) for name, array in arguments.items() if array.dtype.kind == "f"}
    fixed = {name: array for name, array in arguments.items() if name not in tensors}  # integer labels
    check(bool(tensors), "gradcheck: none of the arrays is floating point; there is nothing to differentiate")
    op = getattr(forward, "__name__", "pair").removesuffix("_forward")

    def copies(tensors):
        return {name: (tensors[name] if name in tensors else fixed[name]).copy() for name in arguments}

    def call(inputs):
        # Copied kwargs: a Generator starts from the same state in every call, so that dropout keeps its mask.
        result = forward(*inputs.values(), **copy.deepcopy(kwargs))
        check(isinstance(result, tuple) and len(result) == 2, f"gradcheck: {op}: forward must return (y, cache)")
        return result

    def output(tensors):
        return np.asarray(call(copies(tensors))[0])

    def run(tensors, dy):
        inputs, dy = copies(tensors), dy.copy()
        before = Snapshot(inputs)
        y, cache = call(inputs)
        changed = [f"forward changed {name}" for name in before.changed()]
        y, before = np.array(y), Snapshot({"dy": dy, **inputs, "cache": cache})
        gradients = backward(dy, cache)
        changed += [f"backward changed {name}" for name in before.changed()]
        gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
        check(
            len(gradients) == len(tensors),
            f"gradcheck: {op}: backward returned {len(gradients)} gradients for the {len(tensors)} float arrays "
            f"{', '.join(tensors)}; it must return one for each, in the forward's order",
        )
        return Pass(y, dict(zip(tensors, map(np.asarray, gradients), strict=True)), changed)

    def remade(arrays, options):
        return _of_pair(forward, backward, tuple(arrays.values()), {**kwargs, **options})

    given = {name: arguments[name].dtype for name in tensors}
    return Subject(op, tensors, output, run, given, {**arguments, **tensors}, kwargs, _defaults(forward), remade)


def _defaults(forward):
    try:
        parameters = inspect.signature(forward).parameters.values()
    except ValueError:
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _argument_names(forward, count):
    try:
        parameters = inspect.signature(forward).parameters.values()
    except ValueError:  # some builtins have no signature
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return names + [f"array{position}" for position in range(len(names), count)]


def _of_layer(layer, x, kwargs):
    if x.dtype.kind != "f":
        raise TypeError(f"gradcheck: x is {x.dtype}; it must be float32 or float64")
    kwargs = {"train": True, **kwargs}
    notes = tuple(getattr(layer, "deviations", ()))  # by intention, and known: they are no mistakes to look for
    if notes:
        layer = layer.exact()
    # A network may be large and in memory twice is enough: one float64 original, and a complex one if it is needed.
    originals = {np.dtype(np.float64): layer.astype(np.float64)}
    params = originals[np.dtype(np.float64)].params
    check("x" not in params, "gradcheck: a parameter is named x, like the input; rename it")
    tensors = {"x": x.astype(np.float64), **{name: array.copy() for name, array in params.items()}}

    def fresh(tensors):
        """A copy: running statistics and random states start from the same values in every pass."""
        dtype = tensors["x"].dtype
        if dtype not in originals:
            originals[dtype] = layer.astype(dtype)
        clone = copy.deepcopy(originals[dtype])
        for name, array in clone.params.items():
            array[...] = tensors[name]
        return clone

    def output(tensors):
        return np.asarray(fresh(tensors).forward(tensors["x"].copy(), **kwargs))

    def run(tensors, dy):
        clone, x, dy = fresh(tensors), tensors["x"].copy(), dy.copy()
        before = Snapshot({"x": x, **clone.params})
        y = clone.forward(x, **kwargs)
        changed = [f"forward changed {name}" for name in before.changed()]
        y, before = np.array(y), Snapshot({"dy": dy, "x": x, **clone.params, "layer": clone})
        gradients = {"x": np.asarray(clone.backward(dy)), **clone.grads}
        filled = {id(array) for array in clone.grads.values()}  # which a layer may fill in place
        changed += [f"backward changed {name}" for name in before.changed(but=filled)]
        missing = [name for name in tensors if name not in gradients]
        check(not missing, f"gradcheck: {type(layer).__name__}: grads has no {', '.join(missing)} after backward")
        return Pass(y, {name: gradients[name] for name in tensors}, changed)

    given = {"x": x.dtype, **{name: array.dtype for name, array in layer.params.items()}}

    def at(tensors, options):  # a layer's options are its own: there are none to change
        same = dict(arrays=tensors, options={}, defaults={}, remade=at, notes=notes, deep=True)
        return Subject(type(layer).__name__, tensors, output, run, given, **same)

    return at(tensors, {})
