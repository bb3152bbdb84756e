"""The zoo as a book of known mistakes: each wrong backward pass brought to the arguments of what is being checked."""

from __future__ import annotations

import copy
import functools
import inspect
from typing import Any

from ..geometry import same_padding
from ..layers import Layer
from ..zoo import BUGS, Bug


def suspects_for(subject: Any) -> tuple[Bug, ...]:
    """Wrong backward passes to compare a subject of `gradcheck` with.

    A pair or a module is called with the options of its op, as the bugs are. A layer keeps its options to itself, so
    they are read from it.

    Parameters
    ----------
    subject : (forward, backward), module or layer

    Examples
    --------
    >>> from mobilenet_np.layers import DepthwiseConv2D
    >>> len(suspects_for(DepthwiseConv2D(8))) < len(BUGS)
    True
    """
    if not isinstance(subject, Layer):
        return BUGS
    bugs = [bug for bug in BUGS if bug.op.removesuffix("_train") == subject.op]
    return tuple(bug._replace(forward=functools.partial(_forward, bug.forward, subject)) for bug in bugs)


def _forward(forward, layer, x, *params):
    return forward(x, *params, **_options(forward, layer, x, params))


def _options(forward, layer, x, params):
    """The layer's stride, padding, eps and so on, where it has them under the forward pass's names."""
    names = list(inspect.signature(forward).parameters)[1 + len(params) :]
    options = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    if isinstance(options.get("padding"), str):
        options["padding"] = same_padding(*x.shape[1:3], params[0].shape[0], options["stride"], options["padding"])
    return copy.deepcopy(options)  # a generator among them starts from the same state every time
