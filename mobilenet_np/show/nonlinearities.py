"""The nonlinearities and their derivatives, as the ops compute them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import check_choice
from ..ops.hard_sigmoid import hard_sigmoid_backward, hard_sigmoid_forward
from ..ops.hard_swish import hard_swish_backward, hard_swish_forward
from ..ops.relu import relu_backward, relu_forward
from ..ops.relu6 import relu6_backward, relu6_forward
from ..ops.sigmoid import sigmoid_backward, sigmoid_forward
from .layout import row_or_new
from .style import BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FROM, TO = -5.0, 8.0


class _Function(NamedTuple):
    forward: Callable
    backward: Callable
    kinks: tuple[float, ...]

    def slope(self, x: np.ndarray) -> np.ndarray:
        _, cache = self.forward(x)
        return self.backward(np.ones_like(x), cache)


FUNCTIONS = {
    "relu": _Function(relu_forward, relu_backward, (0,)),
    "relu6": _Function(relu6_forward, relu6_backward, (0, 6)),
    "sigmoid": _Function(sigmoid_forward, sigmoid_backward, ()),
    "hard_sigmoid": _Function(hard_sigmoid_forward, hard_sigmoid_backward, (-3, 3)),
    "hard_swish": _Function(hard_swish_forward, hard_swish_backward, (-3, 3)),
}


def nonlinearities(
    names: Sequence[str] = ("relu", "relu6", "hard_sigmoid", "hard_swish"), axes: Sequence[Axes] | None = None
) -> np.ndarray:
    """Each function and its derivative. At a kink the derivative is a choice: the dot is the one that the op makes.

    Parameters
    ----------
    names : sequence of {"relu", "relu6", "sigmoid", "hard_sigmoid", "hard_swish"}
    axes : (len(names),) array of Axes, optional

    Returns
    -------
    axes : (len(names),) array of Axes

    Examples
    --------
    >>> from mobilenet_np import show
    >>> axes = show.nonlinearities(["hard_swish"])
    >>> axes[0].get_title()
    'hard swish'
    """
    for name in names:
        check_choice("show.nonlinearities", "name", name, FUNCTIONS)
    axes = row_or_new("nonlinearities", axes, len(names), (3.0, 3.4))
    for ax, name in zip(axes, names, strict=True):
        _draw(ax, FUNCTIONS[name])
        ax.set_title(name.replace("_", " "))
    axes[0].legend(loc="upper left")
    return axes


def _draw(ax: Axes, function: _Function) -> None:
    ends = [FROM, *function.kinks, TO]
    x = np.linspace(FROM, TO, 500)
    ax.plot(x, function.forward(x)[0], color=BLUE, label="y")
    for start, end in pairwise(ends):
        inside = np.linspace(start, end, 200)[1:-1]  # without the kinks: there it jumps
        label = "dy/dx" if start == FROM else None
        ax.plot(inside, function.slope(inside), color=VERMILLION, linestyle="--", label=label)
    for kink in function.kinks:
        ax.plot(kink, function.slope(np.array(float(kink))), "o", color=VERMILLION, markersize=5)
    ax.set(xlabel="x", xticks=[-3, 0, 3, 6])
    ax.grid()
