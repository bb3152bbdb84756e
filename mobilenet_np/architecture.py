"""Table + convention + width -> the rows of one concrete network, as plain data.

Both the layers (`models`) and the closed cost formulas (`costs`) are read off these rows. A row is what the papers
call a layer: a convolution with its BatchNorm and nonlinearity, a squeeze-and-excite gate, a pool, a classifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real

from .convention import Convention, convention as find_convention
from .errors import check, check_choice, check_positive
from .geometry import make_divisible
from .tables import TABLES, Bneck, InvertedResidual, Separable, Table


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes
    ----------
    name : str
        Dotted: "stem", "block3.depthwise", "classifier".
    op : str
        Name of the op in `mobilenet_np.ops`.
    c_in, c_out : int
        Channels.
    kernel, stride : int
        Of the window (1 where there is none).
    padding : {"", "tf", "torch", "tf-even"}
        Style of "same".
    batch_norm, bias : bool
    act : str
        Nonlinearity at the end, or "".
    squeeze : int
        Hidden units of a squeeze-and-excite gate.
    """

    name: str
    op: str
    c_in: int
    c_out: int
    kernel: int = 1
    stride: int = 1
    padding: str = ""
    batch_norm: bool = False
    bias: bool = False
    act: str = ""
    squeeze: int = 0


@dataclass(frozen=True)
class Block:
    """Rows that belong together; ``residual``: the block's input is added to its output."""

    name: str
    rows: tuple[Row, ...]
    residual: bool


@dataclass(frozen=True)
class Architecture:
    """A network as data: stem, blocks, tail, in the order in which they run."""

    model: str
    width: float
    classes: int
    convention: Convention
    dropout: float
    stem: Row
    blocks: tuple[Block, ...]
    tail: tuple[Row, ...]

    @property
    def rows(self) -> Iterator[Row]:
        """All rows in order."""
        yield self.stem
        for block in self.blocks:
            yield from block.rows
        yield from self.tail


def architecture(
    model: str,
    width: float = 1.0,
    classes: int = 1000,
    convention: str | Convention = "tf",
    dropout: float | None = None,
) -> Architecture:
    """Resolve a paper's table into the rows of one network.

    Parameters
    ----------
    model : {"v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"}
    width : float
        Width multiplier, the papers' alpha.
    classes : int
        Outputs of the classifier.
    convention : str or Convention
        "tf", "keras", "torchvision", "timm", or an object of your own.
    dropout : float, optional
        Rate before the classifier; by default the convention's.

    Raises
    ------
    ValueError
        For unknown names, a width that is not a positive number, or one so small that no channel is left.

    Examples
    --------
    >>> net = architecture("v2", width=1.4)
    >>> net.stem.c_out, [block.rows[-1].c_out for block in net.blocks[:4]], len(net.blocks)
    (48, [24, 32, 32, 48], 17)
    """
    check_choice("architecture", "model", model, TABLES)
    check_positive("architecture", "width", width)
    check_positive("architecture", "classes", classes, integer=True)
    table = TABLES[model]
    rules = find_convention(convention, table.version) if isinstance(convention, str) else convention
    check(
        isinstance(rules, Convention) and rules.version == table.version,
        f"architecture: convention {rules!r} is not one for {table.version}",
    )
    rate = rules.dropout if dropout is None else dropout
    check(
        isinstance(rate, Real) and 0 <= rate < 1,
        f"architecture: dropout is {rate!r}; it must be at least 0 and below 1",
    )

    stem = Row(
        "stem", "conv2d", 3, _stem_channels(table, width, rules), 3, 2, rules.padding, batch_norm=True, act=table.act
    )
    blocks = tuple(_blocks(table, width, rules, stem.c_out))
    tail = tuple(_tail(table, width, rules, blocks[-1].rows[-1].c_out, classes, rate))
    return Architecture(model, float(width), int(classes), rules, float(rate), stem, blocks, tail)


# ---------------------------------------------------------------------------------------------------------------------
# Channels


def _scaled(channels: int, width: float, rounding: str) -> int:
    scaled = channels * width
    result = {
        "divisible": lambda: make_divisible(scaled),
        "int_divisible": lambda: make_divisible(int(scaled)),
        "int": lambda: int(scaled),
        "int_min8": lambda: max(int(scaled), 8),
    }[rounding]()
    check(result >= 1, f"architecture: width {width} leaves none of {channels} channels; choose a larger width")
    return result


def _stem_channels(table: Table, width: float, rules: Convention) -> int:
    if rules.stem == "fixed" or (rules.stem == "fixed_below_0.75" and width < 0.75):
        return table.stem
    # Keras V2 truncates before it rounds to multiples of 8 in the blocks, but not in the stem.
    return _scaled(table.stem, width, "divisible" if rules.rounding == "int_divisible" else rules.rounding)


def _expanded_channels(row: Bneck, base_c_in: int, c_in: int, width: float, rules: Convention) -> int:
    """V3: from the ratio to the scaled input, or the table's size scaled by itself."""
    if rules.expansion == "scaled":
        return make_divisible(row.expanded * width)
    ratio = row.expanded / base_c_in
    return make_divisible(c_in * (round(ratio, 2) if rules.expansion == "ratio_2_decimals" else ratio))


def _grown(channels: int, width: float) -> int:
    return make_divisible(channels * max(1.0, width))


# ---------------------------------------------------------------------------------------------------------------------
# Blocks


def _blocks(table: Table, width: float, rules: Convention, c_in: int) -> Iterator[Block]:
    base_c_in = table.stem
    for i, row in enumerate(unrolled(table.rows), start=1):
        name, c_out = f"block{i}", _scaled(row.channels, width, rules.rounding)
        if isinstance(row, Separable):
            yield _separable(name, c_in, c_out, row.stride, table.act, rules)
        elif isinstance(row, InvertedResidual):
            expanded = 0 if row.expansion == 1 else c_in * row.expansion
            yield _inverted_residual(name, c_in, expanded, c_out, 3, row.stride, table.act, False, rules)
        else:
            expanded = _expanded_channels(row, base_c_in, c_in, width, rules)
            if row.expanded == base_c_in or (rules.expansion == "scaled" and expanded == c_in):
                expanded = 0
            yield _inverted_residual(
                name, c_in, expanded, c_out, row.kernel, row.stride, row.act, row.squeeze_excite, rules
            )
        base_c_in, c_in = row.channels, c_out


def unrolled(rows: tuple) -> Iterator[Separable | InvertedResidual | Bneck]:
    """V2's lines of n blocks one by one: only the first has the stride."""
    for row in rows:
        yield row
        for _ in range(getattr(row, "repeat", 1) - 1):
            yield row._replace(stride=1)


def _separable(name: str, c_in: int, c_out: int, stride: int, act: str, rules: Convention) -> Block:
    depthwise = _depthwise(name, c_in, 3, stride, act, rules)
    pointwise = Row(f"{name}.pointwise", "pointwise_conv2d", c_in, c_out, batch_norm=True, act=act)
    return Block(name, (depthwise, pointwise), residual=False)


def _inverted_residual(
    name: str, c_in: int, expanded: int, c_out: int, kernel: int, stride: int, act: str, gate: bool, rules: Convention
) -> Block:
    """``expanded`` 0: no expansion layer."""
    rows = []
    if expanded:
        rows.append(Row(f"{name}.expand", "pointwise_conv2d", c_in, expanded, batch_norm=True, act=act))
    wide = expanded or c_in
    rows.append(_depthwise(name, wide, kernel, stride, act, rules))
    if gate:
        squeeze = make_divisible(wide / 4)
        rows.append(Row(f"{name}.squeeze_excite", "squeeze_excite", wide, wide, bias=True, squeeze=squeeze))
    rows.append(Row(f"{name}.project", "pointwise_conv2d", wide, c_out, batch_norm=True))  # linear: no nonlinearity
    return Block(name, tuple(rows), residual=stride == 1 and c_in == c_out)


def _depthwise(name: str, channels: int, kernel: int, stride: int, act: str, rules: Convention) -> Row:
    padding = rules.depthwise_padding if stride == 2 else rules.padding
    return Row(
        f"{name}.depthwise", "depthwise_conv2d", channels, channels, kernel, stride, padding, batch_norm=True, act=act
    )


# ---------------------------------------------------------------------------------------------------------------------
# Tail


def _tail(table: Table, width: float, rules: Convention, c_in: int, classes: int, rate: float) -> Iterator[Row]:
    if table.last:
        if rules.last == "grow":
            last = _grown(table.last, width)
        else:
            last = make_divisible(table.last * width if rules.last == "scaled" else 6 * c_in)
        yield Row("head", "pointwise_conv2d", c_in, last, batch_norm=True, act=table.act)
        c_in = last
    yield Row("pool", "global_average_pool", c_in, c_in)
    if table.hidden:
        hidden = {
            "grow": _grown(table.hidden, width),
            "scaled": make_divisible(table.hidden * width),
            "fixed": table.hidden,
        }[rules.hidden]
        yield Row("hidden", "linear", c_in, hidden, bias=True, act=table.act)
        c_in = hidden
    if rate:
        yield Row("dropout", "dropout", c_in, c_in)
    yield Row("classifier", "linear", c_in, classes, bias=True)
