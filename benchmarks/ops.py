"""Every op, forward and backward, in the forms "numpy" and "numba" (if installed), at a size that a MobileNet has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import mobilenet_np as mn
from mobilenet_np import ops
from mobilenet_np.forms import HAVE_NUMBA

from .timing import take_turns

FORMS = ("numpy", "numba") if HAVE_NUMBA else ("numpy",)


class Case(NamedTuple):
    """One op at one size."""

    name: str
    forward: Callable
    backward: Callable
    arrays: tuple[np.ndarray, ...]
    options: dict


def cases(batch: int = 8) -> list[Case]:
    """Layers of V2 and V3 at 224x224, float32."""
    rng = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def case(name: str, arrays: tuple, op: str = "", **options) -> Case:
        op = op or name.split()[0]
        module = getattr(ops, op.removesuffix("_train"))
        return Case(name, getattr(module, f"{op}_forward"), getattr(module, f"{op}_backward"), arrays, options)

    middle = random(batch, 56, 56, 144)
    return [
        case("conv2d 3x3 s2 3->32", (random(batch, 224, 224, 3), random(3, 3, 3, 32)), stride=2),
        case("depthwise_conv2d 3x3 s1 144", (middle, random(3, 3, 144))),
        case("depthwise_conv2d 3x3 s2 144", (middle, random(3, 3, 144)), stride=2),
        case(
            "depthwise_conv2d 5x5 s1 672",
            (random(batch, 14, 14, 672), random(5, 5, 672)),
            padding=((2, 2), (2, 2)),
        ),
        case("pointwise_conv2d 24->144", (random(batch, 56, 56, 24), random(24, 144))),
        case("pointwise_conv2d 144->24", (middle, random(144, 24))),
        case("batch_norm 144", (middle, random(144), random(144)), "batch_norm_train", eps=1e-3),
        case("relu6 144", (middle,)),
        case("hard_swish 144", (middle,)),
        case("global_average_pool 960", (random(batch, 7, 7, 960),)),
        case(
            "squeeze_excite 960",
            (random(batch, 7, 7, 960), random(960, 240), random(240), random(240, 960), random(960)),
        ),
        case("linear 1280->1000", (random(batch, 1280), random(1280, 1000), random(1000))),
    ]


def run(seconds: float) -> list[dict]:
    """Validate and time all cases; a row each, times in milliseconds."""
    rows = []
    for case in cases():
        calls, results = {}, {}
        for form in FORMS:
            with mn.form(form):
                y, cache = case.forward(*case.arrays, **case.options)
                gradients = case.backward(y, cache)
            results[form] = [y, *(gradients if isinstance(gradients, tuple) else (gradients,))]
            calls[f"{form} forward"] = _in_form(form, case.forward, *case.arrays, **case.options)
            calls[f"{form} backward"] = _in_form(form, case.backward, y, cache)
        for ours, other in zip(results[FORMS[-1]], results["numpy"], strict=True):
            error = np.abs(ours - other).max() / np.abs(other).max()
            if not error < 1e-3:
                raise AssertionError(f"{case.name}: the forms differ by {error:.1e}")
        times = take_turns(calls, seconds / len(calls), case.name)
        rows.append({"op": case.name} | {name: float(np.median(t)) for name, t in times.items()})
    return rows


def _in_form(form: str, function: Callable, *arguments, **options) -> Callable[[], object]:
    def call():
        with mn.form(form):
            return function(*arguments, **options)

    return call


def table(rows: list[dict]) -> str:
    """The rows as text."""
    lines = [f"{'median ms':30s} {'forward':>24s} {'backward':>32s}"]
    lines.append(f"{'':30s} {'numpy':>8s} {'numba':>8s} {'ratio':>6s} {'numpy':>15s} {'numba':>8s} {'ratio':>6s}")
    for row in rows:
        line = f"{row['op']:30s}"
        for way, gap in (("forward", 8), ("backward", 15)):
            numpy, numba = row[f"numpy {way}"], row.get(f"numba {way}", np.nan)
            line += f" {numpy:{gap}.2f} {numba:8.2f} {numpy / numba:6.2f}"
        lines.append(line)
    return "\n".join(lines)
