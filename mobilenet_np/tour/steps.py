"""Chapter 4 of the tour: one training step of V2, with everything in sight, down to single products."""

from __future__ import annotations

import numpy as np

from ..costs import cost
from ..models import build
from ..receptive_field import receptive_fields
from ..report import Section, chart, escape, frame, verdict
from ..show import activations, architecture, factorize, gradient_norms, manifold, receptive_field
from ..show.photograph import as_input, photograph
from ..trace import Trace, trace
from .result import Result

MODEL, LAYER, AT = "v2", "block3.depthwise", (0, 0, 5, 2)
SHOWN = ("stem", "block1", "block3", "block7", "block13", "head")
SEEN = ("stem", "block2", "block3", "block5", "block7", "block11")
NUMBERS = 400  # that are explained, and compared
EQUAL = 1e-9  # relative, in float64: the order of a sum that BLAS chose moves its last digits


def run(seed: int) -> Result:
    """Trace one step, explain numbers drawn at random, and write the chapter.

    Parameters
    ----------
    seed : int
        Of the weights, and of which numbers are explained.
    """
    net = build(MODEL, dtype="float64", rng=seed)
    t = trace(net, as_input(net), np.array([0]))
    equal = sum(explained(t, seed))
    parts = [_drawing(), _table(t), _statistics(t), _bottleneck(seed), _seen(t), _number(t, equal), _stepper(t)]
    return Result(
        ok=equal == NUMBERS,
        summary=f"{equal} of {NUMBERS} numbers of a training step, explained product by product, come out as computed",
        fact=("Numbers explained", f"{equal} of {NUMBERS}", f"of a training step, {len(t)} layers and blocks"),
        section=Section("step", "One training step, number by number", "\n".join(parts)),
    )


def explained(t: Trace, seed: int) -> list[bool]:
    """Of outputs and gradients drawn at random: whether the sum that is written out comes to the number there."""
    rng, verdicts = np.random.default_rng(seed), []
    ops = [record for record in t.records.values() if not record.parts]
    for k in range(NUMBERS):
        record = ops[rng.integers(len(ops))]
        if k % 2:
            params = {"x": record.backward.dx, **record.backward.grads}
            param = list(params)[rng.integers(len(params))]
            array = params[param]
            number = t.explain_backward(record.name, param, _index(array, rng))
        else:
            array = record.forward.y
            number = t.explain(record.name, _index(array, rng))
        verdicts.append(bool(abs(number.value - number.traced) <= EQUAL * np.abs(array).max()))
    return verdicts


def _index(array: np.ndarray, rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(i) for i in rng.integers(array.shape))


def _drawing() -> str:
    drawing = chart(
        lambda ax: architecture(cost(MODEL), ax),
        "MobileNet V2 from the image at the left to the classes at the right: boxes shrink in height and grow in width",
        "As high as the resolution, as wide as the square root of the channels. Below, the multiplications.",
        size=(15.5, 6.6),
    )
    return f"""
<p>Here is a whole MobileNet V2, to scale, and below one step of its training on the photograph of the first chapter:
forward, the loss, and all the way back. The weights are random, so the network knows nothing yet; what flows through it
is what flows through any untrained one.</p>
{drawing}"""


def _table(t: Trace) -> str:
    return f"""
<h3>The paper's table, and what happened in each of its lines</h3>
<p>t, c, n, s are the paper's. Zero, at 6 and dead say what ReLU6 did: the share of its outputs at 0, at 6, and of the
channels that are 0 everywhere. Field is the side of the receptive field.</p>
<pre class="scroll" tabindex="0">{escape(t.table())}</pre>"""


def _statistics(t: Trace) -> str:
    return f"""
<h3>Before and after each nonlinearity</h3>
<p>What ReLU6 makes flat has no gradient: a weight that only feeds such numbers learns nothing from this image.</p>
{
        chart(
            lambda axes: activations(t, SHOWN, axes=axes),
            "Histograms before and after ReLU6 in six blocks, and the share of the numbers that is flat",
            size=(9.6, 4.4),
            columns=3,
        )
    }
<h3>How strong the gradient is in each layer</h3>
{
        chart(
            lambda ax: gradient_norms(t, ax),
            "The norm of the gradient of the weights of every layer of V2, on a logarithmic scale",
            size=(9.5, 3.6),
        )
    }"""


def _bottleneck(seed: int) -> str:
    return f"""
<h3>Why nothing comes behind the narrow layers</h3>
<p>V2's blocks end in a layer with few channels and no nonlinearity. Its authors show why with a curve in the plane,
put into n dimensions by a random matrix, sent through ReLU, and brought back (Sandler et al. 2018, arXiv:1801.04381,
figure 1): in few dimensions ReLU folds it up for good, in many it survives.</p>
{
        chart(
            lambda axes: manifold(rng=seed, axes=axes),
            "A spiral, and what ReLU leaves of it in 2, 3, 5, 15 and 30 dimensions: first a fan, in the end a spiral",
            "Collapsed: points that fewer than two dimensions let through; their place is lost, whatever comes behind.",
            size=(9.6, 2.6),
            columns=6,
        )
    }"""


def _seen(t: Trace) -> str:
    photo = photograph()
    fields = receptive_fields(t.architecture, photo.shape[:2])
    return f"""
<h3>What one output sees</h3>
<p>Each block looks a little further. An output of block 11 could depend on any of these pixels; how much it does is
another question.</p>
{
        chart(
            lambda ax: receptive_field({name: fields[name] for name in SEEN}, photo, ax=ax),
            "Frames around the middle of the photograph, larger from layer to layer",
            size=(7.2, 4.6),
        )
    }"""


def _number(t: Trace, equal: int) -> str:
    index = ", ".join(map(str, AT))
    sums = t.explain(f"{LAYER}.conv", AT), t.explain_backward(f"{LAYER}.conv", "w", (0, 1, AT[-1]))
    one, back = (escape(number.text(12)) for number in sums)
    return f"""
<h3>One number, written out</h3>
<p>y[{index}] of <code>{LAYER}</code>, at the upper edge, where three of the nine samples are padding; and below, the
gradient of one of its weights, the largest terms first. In float64 the sum comes to exactly what the network computed,
but for the last digits of sums that BLAS orders in its own way. So it was for
{verdict(equal == NUMBERS, f"{equal} of {NUMBERS}", f"only {equal} of {NUMBERS}")} numbers drawn at random, half of them
gradients.</p>
<pre class="scroll" tabindex="0">{one}</pre>
<pre class="scroll" tabindex="0">{back}</pre>
<p class="note">Any other one: <code>mobilenet-np explain v2 {LAYER} --at {",".join(map(str, AT))}</code>, and with
<code>--of w</code> a gradient.</p>"""


def _stepper(t: Trace) -> str:
    layer, both = t.step(LAYER, AT), factorize(4, 4, size=3)
    return f"""
<h3>Step through it</h3>
<p>The same layer, played product by product: arrow keys or the slider, forward and backward, with the numbers that it
had.</p>
{frame(layer.html, f"{LAYER}, step by step", layer.tables)}
<p>And the factorization, on integers that can be checked on paper: standard, grouped, depthwise and pointwise, every
channel, and the two counts side by side.</p>
{frame(both.html, "one convolution, or two, step by step", both.tables)}
<p class="note">As pages of their own: <code>mobilenet-np step v2 {LAYER}</code> and
<code>mobilenet-np factorize</code>.</p>"""
