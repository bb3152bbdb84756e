"""Between our arrays and a framework's: `load_state` and `state_for`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import check
from ..models import Network
from .names import Entry, entries


def load_state(net: Network, arrays: Mapping[str, Any], source: str) -> None:
    """Fill a network with a framework's parameters and running statistics.

    Everything is checked before the first array is written, so a failed call leaves the network as it was.

    Parameters
    ----------
    net : Network
        Built under the source's convention, or at least with the same shapes.
    arrays : mapping
        {framework name: array in the framework's layout}. ``num_batches_tracked`` is ignored; Keras names may carry
        ``:0`` and a longer path; of TF-slim's 1001 classes the first, "background", is dropped if the network has
        1000.
    source : {"tf", "keras", "torchvision", "timm"}
        Whose names and layouts they are.

    Raises
    ------
    ValueError
        For missing, extra or wrongly shaped arrays; the message lists them.

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> a, b = (build("v1", width=0.25, classes=10, rng=seed) for seed in (1, 2))
    >>> load_state(a, state_for(b, "keras"), source="keras")
    >>> bool((a.params["classifier.w"] == b.params["classifier.w"]).all())
    True
    """
    _check_names("load_state", arrays)
    listed = entries(net.architecture, source)
    given = {_plain(name, source): np.asarray(values) for name, values in arrays.items()}
    given = {name: values for name, values in given.items() if not name.endswith("num_batches_tracked")}
    if source == "tf":
        given = _without_background(given, listed[-2:], net.architecture.classes)
    expected = {entry.theirs for entry in listed}
    missing, extra = [n for n in sorted(expected) if n not in given], [n for n in sorted(given) if n not in expected]
    check(
        not missing and not extra,
        f"load_state: these are not {source}'s weights for {net!r}: {_some(missing)} missing, {_some(extra)} extra",
    )
    own = net.params | net.buffers
    for entry in listed:
        shape, values = entry.to_theirs(own[entry.ours]).shape, given[entry.theirs]
        check(
            values.shape == shape,
            f"load_state: {entry.theirs} has shape {values.shape}, expected {shape} (our {entry.ours} "
            f"{own[entry.ours].shape}); was the network built with the same width, classes and convention?",
        )
        check(values.dtype.kind in "fiu", f"load_state: {entry.theirs} is {values.dtype}; weights must be numbers")
    for entry in listed:
        own[entry.ours][...] = entry.to_ours(given[entry.theirs])


def state_for(net: Network, source: str, arrays: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Our arrays under a framework's names, in its layouts.

    Parameters
    ----------
    net : Network
    source : {"tf", "keras", "torchvision", "timm"}
    arrays : mapping, optional
        Any arrays under our names: by default all parameters and buffers; ``net.grads`` gives the gradients.

    Returns
    -------
    dict
        Contiguous copies, in the order of the network's rows.

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> list(state_for(build("v2"), "timm"))[:2]
    ['conv_stem.weight', 'bn1.weight']
    """
    own = net.params | net.buffers
    if arrays is not None:
        _check_names("state_for", arrays)
    chosen = own if arrays is None else {name: np.asarray(values) for name, values in arrays.items()}
    for name, values in chosen.items():
        check(name in own, f"state_for: {name!r} is not an array of {net!r}")
        check(
            values.shape == own[name].shape,
            f"state_for: {name} has shape {values.shape}, expected {own[name].shape}; arrays keep our layout",
        )
    return {
        entry.theirs: np.array(entry.to_theirs(chosen[entry.ours]), order="C")
        for entry in entries(net.architecture, source)
        if entry.ours in chosen
    }


def _check_names(function: str, arrays: Any) -> None:
    kind = type(arrays).__name__
    check(isinstance(arrays, Mapping), f"{function}: arrays is a {kind}; it must be {{name: array}}")
    wrong = [name for name in arrays if not isinstance(name, str)]
    check(not wrong, f"{function}: {next(iter(wrong), None)!r} is no name of an array; arrays must be {{name: array}}")


def _plain(name: str, source: str) -> str:
    """Keras' older files say ``conv1/conv1/kernel:0`` and ``depthwise_kernel:0``."""
    if source != "keras":
        return name
    layer, _, variable = name.removesuffix(":0").rpartition("/")
    return f"{layer.rpartition('/')[2]}/{'kernel' if variable == 'depthwise_kernel' else variable}"


def _without_background(given: dict[str, np.ndarray], classifier: list[Entry], classes: int) -> dict[str, np.ndarray]:
    names = [entry.theirs for entry in classifier]
    if all(name in given and given[name].shape[-1] == classes + 1 for name in names):
        return given | {name: given[name][..., 1:] for name in names}
    return given


def _some(names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return "none"
    return f"{len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
