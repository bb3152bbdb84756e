"""Has anything been changed that should not have been?"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np


class Snapshot:
    """The bytes of every array that can be reached from some values, to see later which of them were changed."""

    def __init__(self, values: dict[str, Any]):
        self.entries = [(name, array, array.tobytes()) for name, array in _arrays(values)]

    def changed(self, but: set[int] = frozenset()) -> list[str]:
        """Names of the arrays whose bytes are not the same any more, except those with an id in ``but``."""
        return [name for name, array, data in self.entries if array.tobytes() != data and id(array) not in but]


def _arrays(values: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    seen = set()

    def walk(name, value):
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            yield name, value
            return
        if hasattr(value, "_fields"):
            items = zip(value._fields, value, strict=True)
        elif isinstance(value, (tuple, list)):
            items = enumerate(value)
        elif isinstance(value, dict):
            items = value.items()
        elif hasattr(value, "__dict__") and not isinstance(value, (type, types.FunctionType, types.ModuleType)):
            items = vars(value).items()
        else:
            return
        for key, item in items:
            yield from walk(f"{name}.{key}", item)

    for name, value in values.items():
        yield from walk(name, value)
