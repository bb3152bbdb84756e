"""`Trace`: one training step of a network, every value and gradient by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..architecture import Architecture
from .backward import backward_steps
from .explanation import Explanation
from .forward import forward_steps
from .records import Record
from .table import layers_table, paper_table

if TYPE_CHECKING:
    from ..show.stepper import Page


class UnknownName(KeyError, ValueError):
    """A name that no record has."""

    __str__ = ValueError.__str__  # KeyError's puts the message in quotes


@dataclass(frozen=True, repr=False, eq=False)
class Trace:
    """One training step of a network; made by `trace`.

    ``t["block3.depthwise"]`` is the `Record` of a row: its input and output, their gradients and its parameters'.
    ``t["block3"]`` is a block with its shortcut, ``t["block3.depthwise.conv"]`` a single op (".bn" and ".act" follow).
    The parts of a squeeze-and-excite gate are ".pool", ".reduce", ".relu", ".expand", ".hard_sigmoid" and ".gate".

    Attributes
    ----------
    architecture : Architecture
    form : {"loops", "numpy", "numba"}
        In which the pass ran.
    records : dict of Record
        In the order in which they ran, what is inside after what it is inside of.
    x : (N, H, W, 3) float
    logits : (N, classes) float
    loss : float or None
        None without labels.
    dy : (N, classes) float
        Gradient with respect to the logits.
    dx : (N, H, W, 3) float
        Gradient with respect to the images.
    grads : dict
        Gradients of all parameters, as ``net.grads``.
    """

    architecture: Architecture
    form: str
    records: Mapping[str, Record]
    x: np.ndarray
    logits: np.ndarray
    loss: np.floating | None
    dy: np.ndarray
    dx: np.ndarray
    grads: Mapping[str, np.ndarray]

    @property
    def names(self) -> list[str]:
        """Of all records."""
        return list(self.records)

    def __getitem__(self, name: str) -> Record:
        if name not in self.records:
            close = difflib.get_close_matches(str(name), self.records, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise UnknownName(
                f"trace: {self.architecture.model} has no {name!r}{hint}; names are blocks like 'block3', rows like "
                "'block3.depthwise' and ops like 'block3.depthwise.conv'; t.names lists them all"
            )
        return self.records[name]

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def table(self, layers: bool = False) -> str:
        """The paper's own table of the network, and what each of its lines did.

        Parameters
        ----------
        layers : bool
            A line for every op, in place of the paper's lines.

        Returns
        -------
        str
            At most 120 columns wide.
        """
        return layers_table(self) if layers else paper_table(self)

    def explain(self, name: str, index: tuple[int, ...]) -> Explanation:
        """The whole arithmetic behind one output number.

        Parameters
        ----------
        name : str
            An op ("block3.depthwise.conv"), or a row or block: then everything from the last sum on, such as
            convolution, BatchNorm and nonlinearity.
        index : tuple of int
            Of an element of its y: (n, i, j, c), or (n, c) after the pool.

        Returns
        -------
        Explanation
            In float64 it comes to exactly the number that the pass has.

        Raises
        ------
        ValueError
            For an unknown name, or an index outside of y.

        Examples
        --------
        >>> from mobilenet_np.models import build
        >>> from mobilenet_np.trace import trace
        >>> net = build("v1", width=0.25, classes=10, dtype="float64")
        >>> t = trace(net, np.random.default_rng(0).random((1, 32, 32, 3)))
        >>> e = t.explain("block1.depthwise.conv", (0, 0, 5, 2))
        >>> [str(term.factors[0]) for term in e.steps[0].sum if term.padding]  # above the image
        ['x[0, -1, 4, 2]', 'x[0, -1, 5, 2]', 'x[0, -1, 6, 2]']
        >>> bool(e.value == t["block1.depthwise.conv"].forward.y[0, 0, 5, 2])
        True
        """
        record = self[name]
        index = _checked("explain", index, record.forward.y, f"y of {name}")
        return Explanation(name, "y", index, forward_steps(record, index))

    def explain_backward(self, name: str, param: str, index: tuple[int, ...]) -> Explanation:
        """Where the gradient of one weight, or of one input number, came from.

        Parameters
        ----------
        name : str
            An op, row or block.
        param : str
            A parameter ("w", "b", "gamma", "beta"; in a gate "w1", "b1", "w2", "b2"), or "x" for the input. In a row or
            block the end of a name is enough if it fits only one: "gamma" in a row, "depthwise.conv.w" in a block.
        index : tuple of int
            Of an element of the parameter or of x.

        Returns
        -------
        Explanation
            Its last step ends at the gradient. The sum of a weight runs over the outputs that it had a part in, with
            terms dy * x, that of an input number over the outputs that it fed, with terms dy * w.

        Raises
        ------
        ValueError
            For an unknown name or parameter, or an index outside of it.

        Examples
        --------
        >>> from mobilenet_np.models import build
        >>> from mobilenet_np.trace import trace
        >>> net = build("v1", width=0.25, classes=10, dtype="float64")
        >>> t = trace(net, np.random.default_rng(0).random((1, 32, 32, 3)), labels=np.array([4]))
        >>> e = t.explain_backward("block1.depthwise", "w", (0, 0, 2))
        >>> len(e.steps[0].sum), e.exact  # 15 x 15 of 16 x 16 outputs: elsewhere this tap meets padding
        (225, True)
        >>> len(t.explain_backward("block1.depthwise", "x", (0, 7, 7, 2)).steps[0].sum)
        9
        """
        record = self[name]
        if param == "x":
            array = record.backward.dx
        else:
            param = _parameter(record, param)
            array = record.backward.grads[param]
        index = _checked("explain_backward", index, array, f"{param} of {name}")
        steps = backward_steps(record, param, index)
        return Explanation(name, steps[-1].target, index, steps)

    def step(self, name: str, at: tuple[int, int, int, int] | None = None) -> Page:
        """`mobilenet_np.show.step` of this trace: a page on which a layer's products are played one after the other.

        Parameters, result and errors are described there.
        """
        from ..show import step  # a floor up: when it is called, not when the module is loaded

        return step(self, name, at)

    def __repr__(self) -> str:
        loss = "" if self.loss is None else f", loss {self.loss:.4g}"
        return (
            f"<trace of {self.architecture.model} width {self.architecture.width:g} on x {self.x.dtype} "
            f"{self.x.shape}{loss}, {len(self)} records>"
        )


def _parameter(record: Record, param: str) -> str:
    """The full name of a parameter inside a record."""
    known = list(record.backward.grads)
    fitting = [name for name in known if f".{name}".endswith(f".{param}")]
    if len(fitting) == 1:
        return fitting[0]
    what = f"fits {', '.join(fitting)}" if fitting else "is unknown"
    raise UnknownName(
        f"trace.explain_backward: parameter {param!r} of {record.name} {what}; choose one of {', '.join(['x', *known])}"
    )


def _checked(where: str, index: tuple[int, ...], array: np.ndarray, what: str) -> tuple[int, ...]:
    ok = (
        isinstance(index, (tuple, list))
        and len(index) == array.ndim
        and all(isinstance(i, (int, np.integer)) and 0 <= i < size for i, size in zip(index, array.shape, strict=True))
    )
    if not ok:
        axes = {4: "(n, i, j, c)", 2: "(n, c)"}[array.ndim] if what.startswith(("x", "y")) else "of integers"
        raise ValueError(f"trace.{where}: {index!r} is no index {axes} into {what}, whose shape is {array.shape}")
    return tuple(int(i) for i in index)
