"""An op's definition, run on numbers that count their own products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np


def multiplications(definition: Callable, **arguments: Any) -> dict[str, int]:
    """Run a definition and count its products, told apart by what is multiplied with what.

    Parameters
    ----------
    definition : callable
        A ``_forward_loops`` or ``_backward_loops`` of `mobilenet_np.ops`.
    **arguments
        Its arguments by name.

    Returns
    -------
    dict
        ``{"x*w": 49}``: products of an element of x with an element of w.

    Examples
    --------
    >>> from mobilenet_np.ops import depthwise_conv2d
    >>> x, w, same = np.ones((1, 3, 3, 1)), np.ones((3, 3, 1)), ((1, 1), (1, 1))
    >>> multiplications(depthwise_conv2d._forward_loops, x=x, w=w, stride=1, padding=same)
    {'x*w': 49}
    >>> padded = np.pad(x, ((0, 0), *same, (0, 0)))
    >>> multiplications(depthwise_conv2d._forward_loops, x=padded, w=w, stride=1, padding=((0, 0), (0, 0)))
    {'x*w': 81}
    >>> dy = np.ones((1, 3, 3, 1))
    >>> multiplications(depthwise_conv2d._backward_loops, dy=dy, x=x, w=w, stride=1, padding=same)
    {'dy*w': 49, 'dy*x': 49}
    """
    tally: Counter[str] = Counter()

    class Number(float):
        __slots__ = ("source",)

        def __mul__(self, other):
            tally[f"{self.source}*{other.source}"] += 1
            return float(self) * float(other)

    def watched(value, source):
        number = Number(value)
        number.source = source
        return number

    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            arguments[name] = np.frompyfunc(watched, 2, 1)(value, name)
    definition(**arguments)
    return dict(tally)
