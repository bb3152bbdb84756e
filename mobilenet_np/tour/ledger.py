"""Chapter 3 of the tour: which number did you read, what a block costs on this machine, and which network to take."""

from __future__ import annotations

from ..choose import Choice, choose
from ..costs import cost
from ..costs.accuracies import accuracies
from ..costs.explain import Explanation
from ..costs.reconcile import Reading, Reconciliation
from ..forms import HAVE_NUMBA
from ..measured import explain, layer_seconds, machine
from ..models import build
from ..report import Section, chart, details, escape, gallery, table, verdict
from ..show import accuracy_against_macs, resolution_law, roofline, share_by_op, width_law
from .result import Result

LAYERS = {"v1": "timm", "v2": "torchvision", "v3-large": "torchvision", "v3-small": "torchvision"}
NAMES = {"v1": "MobileNet V1", "v2": "MobileNet V2", "v3-large": "MobileNet V3-Large", "v3-small": "MobileNet V3-Small"}
BLOCK = "block3"
LIMITS = dict(max_macs=100e6, max_params=3e6)


def run() -> Result:
    """Rebuild what tools and papers print, run one block, measure the machine, and write the chapter."""
    tables = {model: cost(model).reconcile() for model in LAYERS}
    what = explain("v2", BLOCK)
    values = sorted({reading.value for reading in _tools(tables["v2"], "v2")})
    parts = [_totals(tables, values), _block(what), _laws(), *([_measured()] if HAVE_NUMBA else []), _accuracy()]
    return Result(
        ok=what.agrees,
        summary=f"{len(values)} totals of MobileNetV2, {values[0]:,} to {values[-1]:,}, each a sum of the same columns",
        fact=("Totals of MobileNetV2", str(len(values)), f"{values[0] / 1e6:.1f} to {values[-1] / 1e6:.1f} million"),
        section=Section("ledger", "Which number did you read?", "\n".join(parts)),
    )


def _tools(readings: Reconciliation, model: str) -> list[Reading]:
    """What tools count of multiplications in the network that most people have."""
    return [r for r in readings.readings if r.layers == LAYERS[model] and r.unit != "parameters"]


def _totals(tables: dict[str, Reconciliation], values: list[int]) -> str:
    rows = {
        model: [
            (r.value, r.unit, r.source, r.names, r.note)
            for r in sorted(_tools(found, model), key=lambda reading: reading.value)
        ]
        for model, found in tables.items()
    }
    head = ("reported", "as", "by", "which is", "")
    folded = [
        details(
            f"{NAMES[model]} ({LAYERS[model]}), and what is published",
            table(head, rows[model], "rnnll") + _printed(found),
        )
        for model, found in tables.items()
    ]
    return f"""
<p>How many multiplications does a MobileNet V2 need? The paper says 300 million, the tools that people use say anything
between {values[0]:,} and {values[-1]:,}. None of them is wrong: they count different things. A batch normalization may
be two operations a number or four or none, a bias one or none, a pool its inputs or nothing; a product and its addition
may be one FLOP or two. Here every total is rebuilt from the same few columns, to the last digit. (The rules were read
off the sources of the tools, and this library's tests run the tools themselves.)</p>
<h3>{NAMES["v2"]}, as torchvision builds it</h3>
{table(head, rows["v2"], "rnnll")}
{"".join(folded)}
<p class="note">Look up any number: <code>mobilenet-np reconcile v2 320.3M</code>.</p>"""


def _printed(found: Reconciliation) -> str:
    rows = [(r.printed, r.unit, r.source, f"{r.value:,}", r.names, r.note) for r in found.readings if r.printed]
    return table(("printed, millions", "", "by", "exact", "which is", ""), rows, "rnlrll")


def _block(what: Explanation) -> str:
    agree = verdict(what.agrees, "what ran is what the formulas say", "what ran is not what the formulas say")
    return f"""
<h3>One block, explained</h3>
<p>The third block of V2, from its formula to what this machine can do with it at most. The network was run forward and
backward for the line <em>executed</em>: {agree}.</p>
<pre class="scroll" tabindex="0">{escape(what)}</pre>
<p class="note">Any other one: <code>mobilenet-np explain v2 block5.depthwise</code>.</p>"""


def _laws() -> str:
    networks = {name.removeprefix("MobileNet "): cost(model) for model, name in NAMES.items()}
    return f"""
<h3>Where the multiplications are, and what the two multipliers do to them</h3>
<p>V1 has two knobs. A width multiplier <var>a</var> scales all channels: pointwise convolutions follow
<var>a</var>², depthwise ones only <var>a</var>, and since nearly all work is pointwise, so does the whole, nearly. A
resolution multiplier <var>ρ</var> scales the image, and everything that looks at it by <var>ρ</var>².</p>
{gallery(
        chart(lambda ax: share_by_op(networks, ax=ax), "Bars: pointwise convolutions have 74 to 95 percent of the MACs",
              size=(4.6, 3.0)),
        chart(lambda ax: width_law("v1", ax=ax), "Pointwise MACs lie on the line of a squared, depthwise on that of a"),
        chart(lambda ax: resolution_law("v1", ax=ax), "All convolutions lie on the line of rho squared"),
    )}"""  # fmt: skip


def _measured() -> str:
    here, net = machine(), build("v2")
    seconds = layer_seconds(net)
    choices = choose(**LIMITS)
    plot = chart(
        lambda ax: roofline(cost("v2"), here, seconds, ax),
        "The layers of V2 below the two roofs of this machine: depthwise ones at the left, pointwise ones at the right",
        "V2, op by op, one image. Sizes are MACs.",
        size=(5.2, 3.9),
    )
    head = ("model", "width", "image", "top-1", "MACs", "parameters", "ms", "published by")
    return f"""
<h3>What this machine makes of it</h3>
<p>Measured in this run: {here}. A layer can be no faster than its multiplications, and no faster than its bytes come
and go. Depthwise convolutions do about one multiplication a byte; that is why they take more time than their share of
the MACs lets expect.</p>
{plot}
<h3>Which one to take?</h3>
<p>Within {LIMITS["max_macs"] / 1e6:.0f} million multiplications and {LIMITS["max_params"] / 1e6:.0f} million
parameters these are the most accurate ones that were released, with the time of one image measured here:
<code>mobilenet-np choose --max-macs 100M --max-params 3M</code>.</p>
{table(head, map(_line, choices), "nrrrrrrl")}"""


def _line(choice: Choice) -> tuple:
    a, total = choice.accuracy, choice.cost
    published = f"{a.source} {a.weights}".strip()
    milliseconds = f"{choice.milliseconds:.1f}"
    side = a.resolution
    return a.model, f"{a.width:g}", side, f"{a.top1}%", total.macs, total.params_trainable, milliseconds, published


def _accuracy() -> str:
    plot = chart(
        accuracy_against_macs,
        "Top-1 accuracy rises with the logarithm of the MACs; V3 lies on the front, then V2, then V1",
        size=(5.8, 4.6),
    )
    return f"""
<h3>Accuracy against multiplications</h3>
<p>All {len(list(accuracies()))} released networks, with the accuracies that their sources print and the costs computed
here.</p>
{plot}"""
