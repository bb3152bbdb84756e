"""Layers made of layers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ..errors import check_shape
from ..memory import empty
from .chain import finished, raw
from .layer import Layer

if TYPE_CHECKING:
    from ..kernels.chain import Pending


class Sequential(Layer):
    """One layer after the other.

    Containers inside it may pass on what is not finished (`mobilenet_np.layers.chain`); what goes in and comes out of
    `forward` and `backward` always is.
    """

    def __init__(self, **children: Layer):
        super().__init__()
        self.children = children

    def forward(self, x, train=False):
        return finished(Sequential.pass_on(self, x, train))

    def backward(self, dy):
        return Sequential.pass_back(self, dy)[0]

    def pass_on(self, x: np.ndarray | Pending, train: bool = False) -> np.ndarray | Pending:
        """`forward`, of an x that may be pending, to a y that may be, too."""
        for child in self.children.values():
            x = child.pass_on(x, train) if _can_pass(child) else child.forward(finished(x), train)
        return x

    def pass_back(
        self, dy: np.ndarray, sums: np.ndarray | None = None, plus: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """`backward`, with what `mobilenet_np.layers.chain.backward` takes and returns besides."""
        first = next(iter(self.children.values()))
        for child in reversed(self.children.values()):
            more = plus if child is first else None
            if _can_pass(child):
                dy, sums = child.pass_back(dy, sums, more)
            else:
                dy, sums = child.backward(dy), None
                dy = dy if more is None else _sum(more, dy)
        return dy, sums


class Residual(Sequential):
    """``y = x + F(x)``: the gradient reaches x directly and through F, and the two add up."""

    def forward(self, x, train=False):
        return self.pass_on(x, train)

    def backward(self, dy):
        return self.pass_back(dy)[0]

    def pass_on(self, x, train=False):
        x = finished(x)
        y = super().pass_on(x, train)
        check_shape("residual", "x", x, raw(y).shape, "what is added to F(x) must have F(x)'s shape")
        return _sum(x, y) if isinstance(y, np.ndarray) else y.finished(plus=x)

    def pass_back(self, dy, sums=None, plus=None):
        return super().pass_back(dy, sums, plus=dy if plus is None else _sum(dy, plus))


def _can_pass(child):
    """Not those who have a forward or a backward of their own, but no way to pass on: they want theirs called."""
    return _passes(type(child)) and not {"forward", "backward"} & vars(child).keys()


@functools.cache
def _passes(kind: type) -> bool:
    def origin(name):
        return next((base for base in kind.__mro__ if name in vars(base)), None)

    return origin("forward") is origin("pass_on") and origin("backward") is origin("pass_back")


def _sum(a, b):
    return np.add(a, b, out=empty(a.shape, a.dtype))
