"""One layer or one block of a network, explained: where each of its numbers comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..architecture import Block
from ..errors import check_choice
from ..receptive_field import ReceptiveField, receptive_fields
from . import formulas
from .rows import OPS, CostRow
from .symbols import Formula, written
from .text import explained

if TYPE_CHECKING:
    from .total import Cost

_SIZE = 4  # bytes of a float32
_KINDS = {
    "conv2d": "standard convolution",
    "depthwise_conv2d": "depthwise convolution",
    "pointwise_conv2d": "pointwise convolution",
    "squeeze_excite": "squeeze-and-excite gate",
    "linear": "fully connected layer",
    "global_average_pool": "global average pool",
    "dropout": "dropout",
}


class Standard(NamedTuple):
    """A standard convolution that would do the same work.

    Attributes
    ----------
    what : str
    formula : Formula
        Its forward MACs.
    ratio : Fraction
        MACs of what it is compared with over its own, exact.
    law : str
        The ratio as the V1 paper writes it, "1/N + 1/k^2 = 1/24 + 1/9", or "" where there is no such law.
    """

    what: str
    formula: Formula
    ratio: Fraction
    law: str = ""


class Ran(NamedTuple):
    """What was counted while a network ran, for one image."""

    macs: int
    macs_in_bounds: int
    macs_dx: int
    macs_dw: int


class Roofline(Protocol):
    """A machine: what it can multiply, and what it can move, see `mobilenet_np.measured.Machine`."""

    macs_per_second: float
    cache_bytes_per_second: float
    memory_bytes_per_second: float

    def attainable(self, intensity: float, cache: bool = False) -> float:
        """MACs a second at so many MACs a byte."""


@dataclass(frozen=True)
class Explanation:
    """Made by `Cost.explain`; ``print`` it. Everything is for one image and in exact integers, bytes for float32.

    Attributes
    ----------
    network, name, kind : str
    rows : tuple of CostRow
        The layers that it consists of.
    formula : Formula
        Forward MACs in letters, in numbers, and the value.
    macs_in_bounds, macs_dx, macs_dw : int
        Forward without the products with padding zeros; the two gradients.
    bytes_moved : int
        Each layer reads its input and its weights and writes its output, all of them once. BatchNorm is folded into
        the weights.
    bytes_moved_as_one : int
        The same for a block that never writes its inner tensors to memory.
    receptive_field : ReceptiveField
    kept : dict
        Numbers kept for the backward pass, by what they are.
    standard : tuple of Standard
    ran : Ran or None
        What a network executed.
    machine : Roofline or None
    """

    network: str
    name: str
    kind: str
    rows: tuple[CostRow, ...]
    formula: Formula
    macs_in_bounds: int
    macs_dx: int
    macs_dw: int
    bytes_moved: int
    bytes_moved_as_one: int
    receptive_field: ReceptiveField
    kept: dict[str, int]
    standard: tuple[Standard, ...]
    ran: Ran | None
    machine: Roofline | None

    @property
    def macs(self) -> int:
        """Forward MACs."""
        return self.formula.value

    @property
    def intensity(self) -> Fraction:
        """MACs for each byte that is moved; a MAC is two FLOPs."""
        return Fraction(self.macs, self.bytes_moved)

    @property
    def milliseconds(self) -> dict[str, float] | None:
        """What the machine needs at least: to multiply, and to move the bytes within its cache or from memory.

        "... as one op" is for a block that never writes its inner tensors to memory.
        """
        if self.machine is None:
            return None
        rates = {"cache": self.machine.cache_bytes_per_second, "memory": self.machine.memory_bytes_per_second}
        return {
            "multiply": 1e3 * self.macs / self.machine.macs_per_second,
            **{where: 1e3 * self.bytes_moved / rate for where, rate in rates.items()},
            **{f"{where} as one op": 1e3 * self.bytes_moved_as_one / rate for where, rate in rates.items()},
        }

    @property
    def agrees(self) -> bool:
        """Whether what ran is what the formulas say; True as long as nothing ran."""
        return self.ran in (None, Ran(self.macs, self.macs_in_bounds, self.macs_dx, self.macs_dw))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings, ready for JSON."""
        counts = "macs macs_in_bounds macs_dx macs_dw bytes_moved bytes_moved_as_one kept agrees"
        return {name: getattr(self, name) for name in f"network name kind {counts}".split()} | {
            "formula": str(self.formula),
            "intensity_macs_per_byte": float(self.intensity),
            "receptive_field": list(self.receptive_field.size),
            "receptive_field_jump": self.receptive_field.jump,
            "standard": [
                {"what": s.what, "macs": s.formula.value, "ratio": str(s.ratio), "law": s.law} for s in self.standard
            ],
            "ran": self.ran and self.ran._asdict(),
            "milliseconds_at_least": self.milliseconds,
        }

    def __str__(self) -> str:
        return "\n".join(explained(self))


def explain(cost: Cost, name: str, executed: Any = None, machine: Roofline | None = None) -> Explanation:
    """Explain one layer or one block; see `Cost.explain`."""
    blocks = {block.name: block for block in cost.architecture.blocks}
    layers = {row.name: row for row in cost.rows}
    if name not in [*layers, *blocks]:
        check_choice("explain", "name", name, _like(str(name), [*layers, *blocks]))
    block = blocks.get(name)
    rows = tuple(layers[row.name] for row in block.rows) if block else (layers[name],)
    first, last = rows[0], rows[-1]
    weights = sum(row.params_folded for row in rows)
    return Explanation(
        f"{cost.architecture.model}, width {cost.architecture.width:g}, {' x '.join(map(str, cost.resolution))}",
        name,
        _kind(block, cost) if block else _KINDS[first.op],
        rows,
        _block_formula(rows) if block else first.macs_formula,
        macs_in_bounds=sum(row.macs_in_bounds for row in rows),
        macs_dx=sum(row.macs_dx for row in rows),
        macs_dw=sum(row.macs_dw for row in rows),
        bytes_moved=sum(map(_bytes, rows)),
        bytes_moved_as_one=_SIZE * (weights + first.elements_in + last.elements_out),
        receptive_field=receptive_fields(cost.architecture, cost.resolution)[name],
        kept={what: count for row in rows for what, count in _kept(row)},
        standard=tuple(_standard(rows, _kernel(name, cost))),
        ran=None if executed is None else _ran(rows, executed),
        machine=machine,
    )


def _bytes(row: CostRow) -> int:
    return _SIZE * (row.elements_in + row.params_folded + row.elements_out)


def _like(name: str, names: list[str]) -> list[str]:
    """Names of the same block, or of everything that is not inside of one."""
    inside = [other for other in names if "." in name and other.partition(".")[0] == name.partition(".")[0]]
    return inside or [other for other in names if "." not in other]


def _kind(block: Block, cost: Cost) -> str:
    kind = "depthwise-separable block" if cost.architecture.convention.version == "v1" else "inverted residual"
    return f"{kind}{', its input added to its output' if block.residual else ''}"


def _block_formula(rows: tuple[CostRow, ...]) -> Formula:
    """The closed form of the whole block, which must give the sum of its layers."""
    ops = [row.op for row in rows]
    if len(rows) == 1:
        return rows[0].macs_formula
    depthwise, last = rows[ops.index("depthwise_conv2d")], rows[-1]
    output = dict(Ho=depthwise.h_out, Wo=depthwise.w_out, k=depthwise.kernel)
    if ops[0] == "pointwise_conv2d":
        wide = "e"
        size = dict(Hi=rows[0].h_in, Wi=rows[0].w_in, **output, M=rows[0].c_in, e=depthwise.c_in, N=last.c_out)
        block = formulas.inverted_residual_macs
    else:
        wide = "M"
        size = dict(**output, M=depthwise.c_in, N=last.c_out)
        block = formulas.separable_macs
    if "squeeze_excite" not in ops:
        return written(block, **size)
    squeeze = rows[ops.index("squeeze_excite")].squeeze
    return written(lambda S, **sizes: block(**sizes) + formulas.squeeze_excite_macs(sizes[wide], S), **size, S=squeeze)


def _kernel(name: str, cost: Cost) -> int:
    """Of the depthwise convolution in the same block; 0 outside of blocks."""
    return next((row.kernel for row in cost.rows if row.name == f"{name.partition('.')[0]}.depthwise"), 0)


def _kept(row: CostRow) -> Iterator[tuple[str, int]]:
    """The parts of `CostRow.kept`."""
    if row.op not in OPS:
        return
    yield f"{row.name}: x", row.elements_in
    if row.op == "squeeze_excite":
        inside = 3 * row.c_in + 2 * row.squeeze
        yield f"{row.name}: pooled channels, x and y of relu and hard_sigmoid", inside
    if row.bn_channels:
        yield f"{row.name}: x of BatchNorm", row.elements_out
    if row.act:
        yield f"{row.name}: x of {row.act}", row.elements_out


def _standard(rows: tuple[CostRow, ...], k: int) -> Iterator[Standard]:
    """Standard convolutions that combine the same channels over the same window."""
    first, last = rows[0], rows[-1]

    def instead(of: str, macs: int, M: int, N: int, law: str = "") -> Standard:
        formula = written(formulas.conv2d_macs, Ho=last.h_out, Wo=last.w_out, k=k, M=M, N=N)
        numbers = law.replace("N", str(N)).replace("k^2", str(k**2))
        return Standard(
            f"a standard {k}x{k} convolution {M} -> {N} instead of {of}",
            formula,
            Fraction(macs, formula.value),
            law and f"{law} = {numbers}",
        )

    if len(rows) == 1:
        law = {"depthwise_conv2d": "1/N", "pointwise_conv2d": "1/k^2"}.get(first.op)
        if law and k:
            yield instead("this one", first.macs, first.c_in, first.c_out, law)
        return
    whole = sum(row.macs for row in rows)
    pair = sum(row.macs for row in rows if row is last or row.op == "depthwise_conv2d")
    if pair == whole:
        yield instead("both", whole, first.c_in, last.c_out, "1/N + 1/k^2")
    else:
        yield instead("the whole block", whole, first.c_in, last.c_out)
        yield instead("depthwise and project", pair, last.c_in, last.c_out, "1/N + 1/k^2")


def _ran(rows: tuple[CostRow, ...], executed: Any) -> Ran:
    """Counts of the same layers in a network that ran, for one of its images."""
    counts = [0, 0, 0, 0]
    for row in rows:
        for done in _layers_of(row.name, executed.rows):
            batch = done.x_shape[0]
            dx = 0 if row.first else done.macs_dx  # the image's gradient is computed, and not needed
            for i, count in enumerate((done.macs, done.macs_in_bounds, dx, done.macs_dw)):
                counts[i] += count // batch
    return Ran(*counts)


def _layers_of(name: str, rows: Iterable[Any]) -> Iterator[Any]:
    return (row for row in rows if row.name == name or row.name.startswith(f"{name}."))
