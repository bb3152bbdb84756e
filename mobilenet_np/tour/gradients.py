"""Chapter 5 of the tour: every backward pass against the derivative of its forward pass; and bugs, to be caught."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .. import ops
from ..architecture import Architecture, Block, architecture
from ..check import gradcheck, student, sweep_h
from ..check.report import GradcheckReport
from ..diagnosis.confusion import Confusion, confusion
from ..diagnosis.student import StudentReport
from ..models import Network, build
from ..report import Section, chart, details, escape, table, verdict
from ..zoo import Hunt, hunt
from . import learner
from .result import Result

MODELS = ("v1", "v2", "v3-large", "v3-small")
NETWORKS = {"v1": 3, "v2": 4, "v3-small": 5}  # first blocks
WIDTH = 0.25
MISTAKE = "overwritten"  # in the learner's layer; what the diagnosis must find
ENTRIES = 6  # of each tensor of a block; and the derivative along one random direction, which no entry escapes


class Case(NamedTuple):
    """One check: what kind of thing, its name, and how to run it."""

    kind: str
    name: str
    run: Callable[[], GradcheckReport]


def cases(seed: int = 0) -> Iterator[Case]:
    """Every op, every kind of block, and whole small networks.

    Parameters
    ----------
    seed : int
        Of the numbers at which they are checked.

    Examples
    --------
    >>> next(cases()).run().ok
    True
    """
    for name, subject, arrays, options in _ops(np.random.default_rng(seed)):
        yield Case("op", name, functools.partial(gradcheck, subject, *arrays, seed=seed, **options))
    for model, block in kinds_of_blocks():
        name = f"{model} {block.name}: {_described(block)}"
        yield Case("block", name, functools.partial(_check_block, model, block, seed))
    for model, blocks in NETWORKS.items():
        name = f"{model}: stem, {blocks} blocks, tail"
        yield Case("network", name, functools.partial(_check_network, model, blocks, seed))


def run(seed: int) -> Result:
    """Check everything, hunt the bugs, and write the chapter.

    Parameters
    ----------
    seed : int
    """
    from tqdm import tqdm

    checked = [
        (case, case.run())
        for case in tqdm(list(cases(seed)), desc="gradient checks", unit="check", leave=False, disable=None)
    ]
    hunted, named = hunt(seed=seed), confusion(seeds=[seed], sizes=1)
    diagnosed = student(learner.my_forward, learner.my_backward, like="depthwise_conv2d", seed=seed)
    right, bugs = sum(report.ok for _, report in checked), hunted.caught + hunted.missed
    caught = f"{len(hunted.caught)} of {len(bugs)}"
    return Result(
        ok=right == len(checked) and hunted.ok and MISTAKE in str(diagnosed),
        summary=f"{right} of {len(checked)} backward passes right; {caught} bugs caught, "
        f"{len(hunted.false_alarms)} false alarms",
        fact=("Gradients right", f"{right} of {len(checked)}", f"and {caught} deliberate bugs caught"),
        section=Section(
            "gradients",
            "Every gradient, checked",
            f"{_checks(checked)}\n{_steps(seed)}\n{_zoo(hunted, named)}\n{_learner(diagnosed)}",
        ),
    )


def _checks(checked: list[tuple[Case, GradcheckReport]]) -> str:
    rows = [
        (
            case.name,
            verdict(report.ok, "right", "wrong"),
            f"{max(row.error for row in report.rows):.0e}",
            sum(row.checked for row in report.rows),
            len({row.name.partition(",")[0] for row in report.rows}),
            case.kind,
        )
        for case, report in checked
    ]
    failed = "".join(f"<pre class='scroll'>{escape(report)}</pre>" for _, report in checked if not report.ok)
    return f"""
<p>A network learns by its gradients: by how much does the loss change when a weight does? In this library each of them
is written by hand, so each has to be proved. The proof asks the forward pass itself. Move one number a little and see
what the loss does:</p>
<div class="formula"><span class="name">the definition, and its twin without rounding errors</span>
∂<var>L</var>/∂<var>x</var> ≈ (<var>L</var>(<var>x</var> + <var>h</var>) − <var>L</var>(<var>x</var> − <var>h</var>)) /
2<var>h</var><br>
∂<var>L</var>/∂<var>x</var> = Im <var>L</var>(<var>x</var> + i<var>h</var>) / <var>h</var></div>
<p>The first line subtracts two nearly equal numbers and keeps about ten digits. The second moves the number in the
<em>imaginary</em> direction: nothing is subtracted, and all sixteen digits of double precision are good. The loss is
the output weighted with random numbers. Of an op every number is checked. Of a block {ENTRIES} random entries of each
array are compared, of a network one, and the slope along one random direction through the whole array, which an error
in any entry would change.</p>
{table(("checked", "", "largest error", "comparisons", "arrays", "kind"), rows, "lnrrrl")}
{failed}
<p class="note">The error is relative to the array's largest gradient; 1e-16 is one unit in the last digit. In whole
networks the errors of all layers add up.</p>"""


def _steps(seed: int) -> str:
    x = np.random.default_rng(seed).standard_normal((4, 10))
    return f"""
<h3>How far to move it</h3>
<p>Far, and the slope is that of another place; too little, and the difference drowns in rounding errors. For two
numbers that are subtracted there is a best step in between; the complex step has none, the shorter the better.</p>
{
        chart(
            lambda ax: sweep_h(ops.sigmoid, x, seed=seed).plot(ax),
            "The error of a numerical slope over the step: a V in float64 and a higher one in float32, and no V at all "
            "for the complex step",
            "Dotted: what theory says of either side.",
            size=(6, 4),
        )
    }"""


def _zoo(hunted: Hunt, named: Confusion) -> str:
    said = {v.title: f"{'; '.join(v.said)} ({v.alone})" for v in named.verdicts}
    rows = [
        (
            bug.name,
            bug.op,
            bug.mistake,
            verdict(bug in hunted.caught, "caught", "missed"),
            said.get(f"{bug.op}: {bug.name}", ""),
        )
        for bug in hunted.caught + hunted.missed
    ]
    total, counts = len(rows), named.counts()
    head = ("bug", "op", "what was done wrong", "", "what the checker says")
    return f"""
<h3>The bug zoo</h3>
<p>Does the checker see mistakes at all? It was shown {total} wrong backward passes, each with a mistake that somebody
has made: a kernel mirrored, a mean forgotten, a path left out. It caught {len(hunted.caught)} of them, and rejected
{len(hunted.false_alarms)} of the right ones beside them.</p>
<p>It also says <em>why</em> a gradient is wrong, where undoing one mistake makes it right to the last digits: of
{counts["named"]} bugs it names the cause, of {counts["located"] + counts["partly"]} the place, or the cause of some of
the gradients. A cause that is not the one is worse than none: there are {counts["WRONG"]} of these.</p>
{details(f"All {total} bugs", table(head, rows, "nnlnl"))}"""


def _learner(diagnosed: StudentReport) -> str:
    seen = chart(
        lambda axes: diagnosed.gradients.plot("x", axes=axes),
        "Three heat maps of dx: the learner's, the reference, and their difference, which is large where windows meet",
        "dx, a tile for each channel: yours, the reference, and what is wrong with yours. The ring: the worst entry.",
        size=(9, 2.4),
        columns=3,
    )
    return f"""
<h3>Your own layer</h3>
<p>This is somebody's first backward pass of a depthwise convolution. There is one mistake in it: can you see it?</p>
<pre class="scroll" tabindex="0">{escape(inspect.getsource(learner.my_backward))}</pre>
{seen}
{
        details(
            "What mn.check.student says",
            f'<pre class="scroll" tabindex="0">{escape(diagnosed)}</pre><p>On many random shapes, strides and '
            "paddings; the smallest case that fails comes first.</p>",
        )
    }"""


def _ops(rng: np.random.Generator) -> Iterator[tuple[str, object, tuple, dict]]:
    def normal(*shape):
        return rng.standard_normal(shape)

    x, same, tf = normal(2, 5, 5, 3), ((1, 1), (1, 1)), ((0, 1), (0, 1))
    yield "conv2d", ops.conv2d, (x, normal(3, 3, 3, 4)), dict(stride=1, padding=same)
    yield "conv2d, stride 2", ops.conv2d, (normal(2, 6, 6, 3), normal(3, 3, 3, 4)), dict(stride=2, padding=tf)
    yield "depthwise_conv2d", ops.depthwise_conv2d, (x, normal(3, 3, 3)), dict(stride=1, padding=same)
    yield (
        "depthwise_conv2d, 5x5, stride 2",
        ops.depthwise_conv2d,
        (normal(2, 6, 6, 3), normal(5, 5, 3)),
        dict(stride=2, padding=((1, 2), (1, 2))),
    )
    yield "pointwise_conv2d", ops.pointwise_conv2d, (x, normal(3, 4)), {}
    yield "linear", ops.linear, (normal(3, 5), normal(5, 4), normal(4)), {}
    yield "batch_norm, training", ops.batch_norm, (x, normal(3), normal(3)), dict(eps=1e-3)
    given = x, normal(3), normal(3), normal(3), rng.uniform(0.5, 2, 3)
    yield "batch_norm_inference", ops.batch_norm_inference, given, dict(eps=1e-3)
    for name in ("relu", "relu6", "hard_sigmoid", "hard_swish", "sigmoid"):
        yield name, getattr(ops, name), (4 * x,), {}  # wide enough to meet every piece of a hard sigmoid
    gate = (normal(2, 4, 4, 6), normal(6, 3), normal(3), normal(3, 6), normal(6))
    yield "squeeze_excite", ops.squeeze_excite, gate, {}
    yield "global_average_pool", ops.global_average_pool, (x,), {}
    yield "dropout", ops.dropout, (normal(4, 6),), dict(rate=0.3, rng=np.random.default_rng(1))
    yield "softmax_cross_entropy", ops.softmax_cross_entropy, (normal(4, 5), rng.integers(0, 5, 4)), {}


def kinds_of_blocks() -> Iterator[tuple[str, Block]]:
    """The first of each kind of block that the architectures have, with its model; the others differ in sizes alone.

    Stem, head and hidden layer count as blocks of one row.
    """
    seen = set()
    for model in MODELS:
        net = architecture(model, WIDTH, convention="keras")
        groups = [Block("stem", (net.stem,), False), *net.blocks]
        groups += [Block(row.name, (row,), False) for row in net.tail if row.act]
        for block in groups:
            kind = tuple((row.op, row.kernel, row.stride, row.act) for row in block.rows), block.residual
            if kind not in seen:
                seen.add(kind)
                yield model, block


def _described(block: Block) -> str:
    words = []
    for row in block.rows:
        word = row.name.rpartition(".")[2].replace("_", " ")
        if row.kernel > 1:
            word += f" {row.kernel}x{row.kernel}"
        if row.stride > 1:
            word += f" stride {row.stride}"
        words.append(f"{word} {row.act}".rstrip())
    return ", ".join([*words, "residual"] if block.residual else words)


def _check_block(model: str, block: Block, seed: int) -> GradcheckReport:
    first = block.rows[0]
    net = build(model, WIDTH, classes=3, convention="keras", dtype="float64", rng=seed)
    shape = (8, first.c_in) if first.op == "linear" else (2, 6, 6, first.c_in)
    x = np.random.default_rng(seed).standard_normal(shape)
    return gradcheck(net.children[block.name], x, seed=seed, elements=ENTRIES)


def _check_network(model: str, blocks: int, seed: int) -> GradcheckReport:
    net = architecture(model, WIDTH, classes=5, convention="keras")
    net = Network(shortened(net, blocks), "float64", np.random.default_rng(seed))
    x = np.random.default_rng(seed).uniform(-1, 1, (2, 32, 32, 3))
    return gradcheck(net, x, seed=seed, elements=1)


def shortened(net: Architecture, blocks: int) -> Architecture:
    """The first blocks of a network and its whole tail.

    In the last blocks of a network on 32x32 pixels one position is left, and BatchNorm divides by the spread of a
    handful of numbers: gradients are right there, too, but rounding errors grow a thousandfold in each such layer.
    """
    kept, tail = net.blocks[:blocks], []
    c = kept[-1].rows[-1].c_out
    for row in net.tail:
        tail.append(replace(row, c_in=c, c_out=c if row.c_in == row.c_out else row.c_out))
        c = tail[-1].c_out
    return replace(net, blocks=kept, tail=tuple(tail))
