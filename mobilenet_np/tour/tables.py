"""Chapter 2 of the tour: every layer's multiplications, by formula, as executed, and as published."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ..architecture import Architecture, architecture
from ..costs import Cost, cost
from ..costs.ledger import Entry, ledger, network_of
from ..costs.published import published
from ..costs.rows import CostRow
from ..counted import Executed, ExecutedRow, count_forward, execute
from ..report import Html, Section, chart, details, escape, gallery, table, verdict
from ..show import macs_by_block
from .result import Result

MODELS = {
    "v1": "MobileNet V1",
    "v2": "MobileNet V2",
    "v3-large": "MobileNet V3-Large",
    "v3-small": "MobileNet V3-Small",
}
RESOLUTION = 224
LETTERS = """<p class="note">H<sub>o</sub>, W<sub>o</sub>: height and width of the output. k: side of the window. M, N:
channels in and out; C where they are one number. S: hidden units of a squeeze-and-excite gate. K: classes, or hidden
units. BatchNorm, nonlinearities, pooling and the addition of a residual are not counted, as in the papers.</p>"""
COUNTED = """<p class="note">macs: all multiplications. weights: the parameters of convolutions and fully connected
layers alone. trainable: biases and BatchNorm's gamma and beta as well. total: its running mean and variance, too.
without gamma: everything but gamma.</p>"""


class Line(NamedTuple):
    """One layer: its row of the table, and the products counted when it ran."""

    row: CostRow
    executed: int
    executed_in_bounds: int

    @property
    def ok(self) -> bool:
        return self.executed == self.row.macs and self.executed_in_bounds == self.row.macs_in_bounds


class Network(NamedTuple):
    """One architecture."""

    name: str
    cost: Cost
    lines: list[Line]
    entries: list[Entry]

    @property
    def ok(self) -> bool:
        return all(line.ok for line in self.lines) and all(_fine(entry) for entry in self.entries)


def run() -> Result:
    """Build and run the networks, count, compare, and write the chapter."""
    networks = [_network(model, name) for model, name in MODELS.items()]
    everything = ledger()
    lines = [line for network in networks for line in network.lines]
    equal = sum(line.ok for line in lines)
    agree = sum(entry.agrees for entry in everything)
    ok = all(network.ok for network in networks) and all(_fine(entry) for entry in everything)
    parts = [_intro(networks), *(_chapter(network) for network in networks), LETTERS, _published(everything, agree)]
    return Result(
        ok=ok,
        summary=f"formula = executed in {equal} of {len(lines)} layers; {agree} of {len(everything)} published numbers "
        "reproduced to the digit",
        fact=("Formula = executed", f"{equal} of {len(lines)}", "layers of V1, V2, V3-Large and V3-Small"),
        section=Section("layers", "Every layer, counted", "\n".join(parts)),
    )


def _network(model: str, name: str) -> Network:
    net = architecture(model)
    expected, ran = cost(net, resolution=RESOLUTION), execute(net, RESOLUTION)
    rows = [row for row in expected.rows if row.macs]
    lines = [_line(row, seen) for row, seen in zip(rows, ran.rows, strict=True)]
    numbers = {
        number: None
        for number in published()
        if (number.network, number.width, number.resolution) == (model, 1.0, RESOLUTION)
    }
    counts: dict[Architecture, Executed] = {net: ran}
    for number in numbers:
        if (other := network_of(number)) not in counts:  # with 1001 classes
            counts[other] = execute(other, RESOLUTION)
    return Network(name, expected, lines, ledger(numbers, execute=lambda net, _: counts[net]))


def _line(row: CostRow, ran: ExecutedRow) -> Line:
    """Run the layer's arrays once more, in loops with a counter in the innermost one."""
    if not f"{ran.name}.".startswith(f"{row.name}."):
        raise RuntimeError(f"layer {ran.name} ran where the table has {row.name}")
    dense = in_bounds = 0
    for w in ran.weights:
        x = np.zeros(ran.x_shape if ran.op != "squeeze_excite" else (ran.x_shape[0], w.shape[0]), w.dtype)
        in_bounds += count_forward(x, w, ran.stride, ran.padding)[1]
        padded = np.pad(x, ((0, 0), *ran.padding, (0, 0))) if x.ndim == 4 else x
        dense += count_forward(padded, w, ran.stride)[1]
    return Line(row, dense, in_bounds)


def _fine(entry: Entry) -> bool:
    """Formula, execution and print agree, or the source is known to be wrong, and why."""
    return entry.executed in (None, entry.formula) and entry.agrees != bool(entry.published.reason)


def _intro(networks: list[Network]) -> str:
    names = ("standard", "depthwise", "pointwise", "gates", "fully connected")
    rows = [(n.name, *n.cost.macs_by_op.values(), n.cost.macs, n.cost.params_trainable) for n in networks]
    charts = [
        chart(
            lambda ax, n=n: macs_by_block(n.cost, ax),
            f"Bars: multiplications of each block of {n.name}, stacked by kind of layer",
        )
        for n in networks
    ]
    v1 = networks[0].cost
    pointwise = v1.macs_by_op["pointwise_conv2d"] / v1.macs
    return f"""
<p>What costs how much? The three papers' architectures at width 1, for one {RESOLUTION}&thinsp;×&thinsp;{RESOLUTION}
image and 1000 classes. A MAC is one multiplication and one addition. The pointwise convolutions do nearly all the work
({pointwise:.1%} in V1): after the factorization the neighbourhoods are almost free, the mixing is not.</p>
{gallery(*charts)}
{table(("", *names, "all MACs", "parameters"), rows, "nrrrrrrr")}
<p>Each number below exists twice, from programs that share no code. <em>Formula</em>: the closed form, with integers
from the paper's table put in; no network is built. <em>Executed</em>: a real network was built and run, and each
layer's arrays went through loops that count every multiplication.</p>"""


def _chapter(network: Network) -> str:
    rows = [
        (
            line.row.name,
            f"{line.row.h_out}×{line.row.w_out}×{line.row.c_out}",
            _typeset(line.row.macs_formula.symbols),
            _typeset(line.row.macs_formula.numbers),
            line.row.macs,
            line.executed,
            verdict(line.ok),
        )
        for line in network.lines
    ]
    total, executed = network.cost.macs, sum(line.executed for line in network.lines)
    foot = ("all", "", "", "", total, executed, verdict(total == executed))
    equal = sum(line.ok for line in network.lines)
    layers = table(
        ("layer", "output", "formula", "in numbers", "MACs by formula", "executed", ""), rows, "nrnnrrn", foot
    )
    claims = [
        (e.published.source, e.published.count, e.published.printed, e.formula, e.executed, _agreement(e))
        for e in network.entries
    ]
    beside = table(("source", "counts", "printed, millions", "formula", "executed", ""), claims, "lnrrrl")
    return f"""
<h3>{network.name}: {total:,} MACs, {network.cost.params_trainable:,} parameters</h3>
{details(f"All {len(rows)} layers: {equal} of {len(rows)} equal", layers, opened=network.name == MODELS["v1"])}
{details("Beside what was published", beside)}"""


def _typeset(formula: str) -> Html:
    """``Ho*Wo*k^2*C`` with dots and raised powers."""
    powers = re.sub(r"\^(\d+)", r"<sup>\1</sup>", escape(formula))
    letters = re.sub(r"\b([A-Z])([a-z])\b", r"\1<sub>\2</sub>", powers)
    return Html(letters.replace("*", "·"))


def _agreement(entry: Entry) -> Html:
    if not entry.agrees:
        return Html(f"{verdict(False, no=f'{entry.excess:+.1%}')} {escape(entry.published.reason)}")
    how = {"nearest": "rounded", "down": "rounded down", "twice": "rounded twice", "hundreds": "to 0.1 billion"}
    return verdict(True, f"{how[entry.published.rounding]}: {entry.rounded}")


def _published(everything: list[Entry], agree: int) -> str:
    other = [e for e in everything if not e.agrees]
    rows = [
        (
            f"{e.published.source}: {e.published.network}, width {e.published.width:g}, {e.published.resolution}",
            e.published.count,
            e.published.printed,
            e.formula,
            f"{e.excess:+.1%}",
            e.published.reason,
        )
        for e in other
    ]
    head = ("source", "counts", "printed, millions", "exact", "off by", "what is known")
    return f"""
<h3>What the papers print</h3>
<p>Sources differ in what they call a parameter (weights alone, or BatchNorm too, or its running statistics as well) and
in how they round. Once that is named, {agree} of the {len(everything)} published counts collected in this library come
out to the last printed digit, over all widths and resolutions. The other {len(other)} cannot be right in any way of
counting that we know of:</p>
{table(head, rows, "lnrrrl")}
{COUNTED}"""
