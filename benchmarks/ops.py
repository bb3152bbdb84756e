"""Every op, forward and backward, at sizes that MobileNets have: NumPy and PyTorch beside Numba."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import mobilenet_np as mn
from mobilenet_np import ops
from mobilenet_np.costs import formulas
from mobilenet_np.measured import machine

from . import arguments, torch_ops
from .figures import LOOKS, figure, plain_numbers
from .peers import missing
from .roof import least_ms
from .timing import quartiles, take_turns, turn, using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--seconds", "2", "--batch", "2"]


class Case(NamedTuple):
    """One op at one size; MACs are those of one image."""

    name: str
    op: str
    forward: Callable
    backward: Callable
    arrays: tuple[np.ndarray, ...]
    options: dict
    macs: int


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, default=8)
    arguments.add_threads(parser)
    arguments.add_seconds(parser, 4, "op")


def cases(batch: int) -> list[Case]:
    """Layers of V2 and V3 at 224x224, float32."""
    rng = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def case(what: str, x: tuple, *weights: tuple, macs: int = 0, function: str = "", **options) -> Case:
        op = what.split()[0]
        function, module = function or op, getattr(ops, op)
        pair = [getattr(module, f"{function}_{way}") for way in ("forward", "backward")]
        return Case(what, op, *pair, tuple(random(*shape) for shape in ((batch, *x), *weights)), options, macs)

    def depthwise(k: int, s: int, size: int, C: int) -> Case:
        macs, border = formulas.depthwise_macs(size // s, size // s, k, C), (k // 2, k // 2)
        what = f"depthwise_conv2d {k}x{k} s{s} {C}"
        return case(what, (size, size, C), (k, k, C), macs=macs, stride=s, padding=(border, border))

    def pointwise(size: int, M: int, N: int) -> Case:
        macs = formulas.pointwise_macs(size, size, M, N)
        return case(f"pointwise_conv2d {M}->{N}", (size, size, M), (M, N), macs=macs)

    first = formulas.conv2d_macs(112, 112, 3, 3, 32)
    gate = formulas.squeeze_excite_macs(960, 240)
    border = ((1, 1), (1, 1))
    return [
        case("conv2d 3x3 s2 3->32", (224, 224, 3), (3, 3, 3, 32), macs=first, stride=2, padding=border),
        depthwise(3, 1, 56, 144),
        depthwise(3, 2, 56, 144),
        depthwise(5, 1, 14, 672),
        depthwise(5, 2, 14, 672),
        pointwise(56, 24, 144),
        pointwise(56, 144, 24),
        case("batch_norm 144", (56, 56, 144), (144,), (144,), function="batch_norm_train", eps=1e-3),
        case("relu6 144", (56, 56, 144)),
        case("hard_swish 144", (56, 56, 144)),
        case("global_average_pool 960", (7, 7, 960)),
        case("squeeze_excite 960", (7, 7, 960), (960, 240), (240,), (240, 960), (960,), macs=gate),
        case("linear 1280->1000", (1280,), (1280, 1000), (1000,), macs=formulas.linear_macs(1280, 1000)),
    ]


def run(a: Namespace) -> list[dict]:
    """Validate and time; a row for each case, direction and number of threads."""
    rows = []
    for threads in a.threads:
        for case in cases(a.batch):
            with using(threads):
                rows += _rows(case, a.batch, threads, a.seconds)
    return rows


def _rows(case: Case, batch: int, threads: int, seconds: float) -> list[dict]:
    forward, backward = {}, {}
    dy, expected = _expected(case)
    for form in ("numba", "numpy"):
        with mn.form(form):
            results, cache = _both(case, case.arrays, dy)
        _check(case, form, results, expected)
        forward[form] = _in_form(form, case.forward, *case.arrays, **case.options)
        backward[form] = _in_form(form, case.backward, dy, cache)
    if "torch" not in missing():
        import torch

        torch.set_num_threads(threads)
        theirs = torch_ops.ours(case.op, expected)
        for name in ("torch NCHW", "torch NHWC"):
            pair = torch_ops.calls(case.op, case.arrays, case.options, dy, channels_last=name == "torch NHWC")
            _check(case, name, [t.numpy() for t in (pair[0](), *pair[1]())], theirs)
            forward[name], backward[name] = pair
    moved = {"forward": [*case.arrays, expected[0]], "backward": [dy, *case.arrays, *expected[1:]]}
    macs = {"forward": batch * case.macs, "backward": 2 * batch * case.macs}
    rows = []
    for way, calls in (("forward", forward), ("backward", backward)):
        labels = dict(op=case.name, way=way, batch=batch, threads=threads, ours="numba", macs=macs[way])
        moves = sum(4 * prod(array.shape) for array in moved[way])
        turns = {name: partial(turn, call) for name, call in calls.items()}
        times = take_turns(turns, seconds / 2, f"{case.name} {way}")
        labels |= dict(bytes=moves, least_ms=least_ms(macs[way], moves, machine()))
        rows.append(labels | quartiles(times, "numba"))
    return rows


def _both(case: Case, arrays: tuple[np.ndarray, ...], dy: np.ndarray) -> tuple[list[np.ndarray], object]:
    """y, dx and the gradients of the weights, and the cache."""
    y, cache = case.forward(*arrays, **case.options)
    gradients = case.backward(dy, cache)
    return [y, *(gradients if isinstance(gradients, tuple) else (gradients,))], cache


def _expected(case: Case) -> tuple[np.ndarray, list[np.ndarray]]:
    """A dy, and what the op should compute: NumPy's form in float64."""
    arrays = tuple(array.astype(np.float64) for array in case.arrays)
    with mn.form("numpy"):
        shape = case.forward(*arrays, **case.options)[0].shape
        dy = np.random.default_rng(1).standard_normal(shape, np.float32)
        return dy, _both(case, arrays, dy.astype(np.float64))[0]


def tolerance(case: Case) -> float:
    """How far float32 may be from float64, as a part of the largest number of a result.

    A rounding changes a number by 2**-24 of it at most. The n roundings of a sum, as steps of a random walk, come to
    2**-24 * sqrt(n / 2) of a sum of random terms; no sum has more terms than x has numbers, and squeeze-and-excite adds
    three, one upon the other. Four times that: what was tried came to a fifth of that.
    """
    return 4 * 2**-24 * case.arrays[0].size ** 0.5


def _check(case: Case, name: str, found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        error = np.abs(one - other).max() / np.abs(other).max() if one.shape == other.shape else np.inf
        if not error < tolerance(case):
            raise AssertionError(f"{case.name}: {name} computes something else: relative error {error:.1e}")


def _in_form(form: str, function: Callable, *arguments, **options) -> Callable[[], object]:
    def call():
        with mn.form(form):
            return function(*arguments, **options)

    return call


def table(rows: list[dict]) -> str:
    """A line for each row: ours, its rates and its share of the roof, and how many times as long the others take."""
    others = list(dict.fromkeys(name for row in rows for name in row["ms"] if name != "numba"))
    lines = [
        f"{'':30s}{'':10s}{'threads':>8s}{'numba ms':>10s}{'quartiles':>17s}{'GFLOP/s':>9s}{'GB/s':>7s}{'of roof':>9s}"
        + "".join(f"{'x ' + name:>14s}" for name in others)
    ]
    for row in rows:
        low, ms, high = row["ms"]["numba"]
        spread, flops = f"{low:.2f}-{high:.2f}", f"{2e-6 * row['macs'] / ms:.1f}" if row["macs"] else "-"
        line = f"{row['op']:30s}{row['way']:10s}{row['threads']:8d}{ms:10.2f}{spread:>17s}{flops:>9s}"
        line += f"{1e-6 * row['bytes'] / ms:7.1f}{row['least_ms'] / ms:9.0%}"
        lines.append(line + "".join(f"{row['ratios'][name][1]:14.2f}" for name in others if name in row["ratios"]))
    return "\n".join(lines)


def plot(rows: list[dict]) -> Figure:
    """How many times as long as Numba each takes; medians, and lines between quartiles."""
    drawn = figure(11, 1.6 + 0.17 * len(rows))
    axes = drawn.subplots(1, 2, sharey=True)
    for ax, way in zip(axes, ("forward", "backward"), strict=True):
        shown = [row for row in rows if row["way"] == way]
        for name in shown[0]["ratios"]:
            low, middle, high = np.array([row["ratios"][name] for row in shown]).T
            colour, marker = LOOKS[name]
            ax.errorbar(
                middle, range(len(shown)), xerr=[middle - low, high - middle], color=colour, marker=marker,
                linestyle="none", label=name,
            )  # fmt: skip
        ax.set(xscale="log", xlabel="times as long as the form “numba”", title=way.capitalize())
        ax.set_yticks(range(len(shown)), [f"{row['op']}, {row['threads']} thr." for row in shown])
        plain_numbers(ax.xaxis)
        ax.grid()
    axes[0].invert_yaxis()
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return drawn
