"""The arithmetic behind one output number, op by op."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import ops
from .explanation import Factors, Step, Sum
from .pieces import NONLINEARITIES, piece
from .records import Record
from .step import line, step

Index = tuple[int, ...]

# Their output number belongs to the input number of the same index.
_ELEMENTWISE = (*NONLINEARITIES, "batch_norm", "dropout")


def forward_steps(record: Record, index: Index) -> tuple[Step, ...]:
    """Everything from the last sum on that led to ``record.forward.y[index]``."""
    if record.op == "squeeze_excite":
        return _squeeze_excite(record, index)
    if not record.parts:
        return _OPS[record.op](record, index)
    steps: tuple[Step, ...] = ()
    for part in reversed(record.parts):
        steps = forward_steps(part, index) + steps
        if part.op not in _ELEMENTWISE:
            break
    return (*steps, _shortcut(record, index, steps[-1].value)) if record.op == "residual" else steps


# ---------------------------------------------------------------------------------------------------------------------
# Sums over taps and channels


def window_note(record: Record) -> str:
    """Stride and padding of a convolution."""
    stride, ((top, _), (left, _)) = record.options["stride"], record.options["padding"]
    return f"stride {stride}, top {top}, left {left}"


def _conv2d(record: Record, index: Index) -> tuple[Step, ...]:
    n, i, j, o = index
    x, w = record.forward.x, record.params["w"]
    a, b, c = (axis.ravel() for axis in np.indices(w.shape[:3]))
    r, s = _samples(record, i, j, a, b)
    total = Sum.of(Factors.read("x", x, n, r, s, c), Factors.read("w", w, a, b, c, o))
    formula = "y[n, i, j, o] = sum over a, b, c of x[n, i * stride + a - top, j * stride + b - left, c] * w[a, b, c, o]"
    return (step(record, "y", index, record.forward.y, formula, total, note=window_note(record)),)


def _depthwise_conv2d(record: Record, index: Index) -> tuple[Step, ...]:
    n, i, j, c = index
    x, w = record.forward.x, record.params["w"]
    a, b = (axis.ravel() for axis in np.indices(w.shape[:2]))
    r, s = _samples(record, i, j, a, b)
    total = Sum.of(Factors.read("x", x, n, r, s, c), Factors.read("w", w, a, b, c))
    formula = "y[n, i, j, c] = sum over a, b of x[n, i * stride + a - top, j * stride + b - left, c] * w[a, b, c]"
    return (step(record, "y", index, record.forward.y, formula, total, note=window_note(record)),)


def _samples(record, i, j, a, b):
    """Row and column of the sample that each tap of the window at (i, j) meets."""
    stride, ((top, _), (left, _)) = record.options["stride"], record.options["padding"]
    return i * stride + a - top, j * stride + b - left


def _pointwise_conv2d(record: Record, index: Index) -> tuple[Step, ...]:
    *position, o = index
    x, w = record.forward.x, record.params["w"]
    c = np.arange(len(w))
    total = Sum.of(Factors.read("x", x, *position, c), Factors.read("w", w, c, o))
    formula = "y[n, i, j, o] = sum over c of x[n, i, j, c] * w[c, o]"
    return (step(record, "y", index, record.forward.y, formula, total),)


def _linear(record: Record, index: Index) -> tuple[Step, ...]:
    n, o = index
    x, w, b = record.forward.x, record.params["w"], record.params["b"][o]
    c = np.arange(len(w))
    total = Sum.of(Factors.read("x", x, n, c), Factors.read("w", w, c, o))
    formula = "y[n, o] = sum over c of x[n, c] * w[c, o]  +  b[o]"
    lines = (line("y = sum + b", total.total + b, sum=total.total, b=b),)
    return (step(record, "y", index, record.forward.y, formula, total, lines),)


def _global_average_pool(record: Record, index: Index) -> tuple[Step, ...]:
    n, c = index
    _, H, W, _ = record.forward.x.shape
    i, j = (axis.ravel() for axis in np.indices((H, W)))
    total = Sum.of(Factors.read("x", record.forward.x, n, i, j, c))
    formula = "y[n, c] = 1 / (H * W) * sum over i, j of x[n, i, j, c]"
    lines = (line("y = sum / (H * W)", total.total / (H * W), sum=total.total, H=H, W=W),)
    return (step(record, "y", index, record.forward.y, formula, total, lines),)


# ---------------------------------------------------------------------------------------------------------------------
# BatchNorm: two sums over the batch, then a number at a time


def _batch_norm(record: Record, index: Index) -> tuple[Step, ...]:
    x, cache, (*_, c), eps = record.forward.x[index], record.cache, index, record.options["eps"]
    of_channel = channel(record, "x", record.forward.x, c)
    m = len(of_channel.value)

    total = Sum.of(of_channel)
    mean = total.total / m
    mean_step = step(
        record, "mean", (c,), cache.mean, "mean[c] = 1 / m * sum over the channel's m positions of x", total,
        (line("mean = sum / m", mean, sum=total.total, m=m),),
    )  # fmt: skip

    centered = channel(record, "centered", record.forward.x, c, mean)
    total = Sum.of(centered, centered)
    var = total.total / m
    var_step = step(
        record, "var", (c,), cache.var, "var[c] = 1 / m * sum over the channel's m positions of centered^2", total,
        (line("var = sum / m", var, sum=total.total, m=m),),
    )  # fmt: skip

    gamma, beta = record.params["gamma"][c], record.params["beta"][c]
    inv_std = 1 / np.sqrt(var + float(eps))
    xhat = (x - mean) * inv_std
    lines = (
        line("inv_std = 1 / sqrt(var + eps)", inv_std, var=var, eps=eps),
        line("xhat = (x - mean) * inv_std", xhat, x=x, mean=mean, inv_std=inv_std),
        line("y = gamma * xhat + beta", gamma * xhat + beta, gamma=gamma, xhat=xhat, beta=beta),
    )
    formula = "y = gamma[c] * (x - mean[c]) / sqrt(var[c] + eps) + beta[c]"
    return mean_step, var_step, step(record, "y", index, record.forward.y, formula, lines=lines)


def channel(record: Record, name: str, array: np.ndarray, c: int, mean: float = 0, inv_std: float = 1) -> Factors:
    """All positions of one channel of an array of x's shape, moved and scaled."""
    positions = (axis.ravel() for axis in np.indices(array.shape[:-1]))
    factors = Factors.read(name, array, *positions, c)
    return Factors(name, factors.index, (factors.value - mean) * inv_std, factors.padding)


# ---------------------------------------------------------------------------------------------------------------------
# A number at a time


def _nonlinearity(record: Record, index: Index) -> tuple[Step, ...]:
    x = record.forward.x[index]
    slope = {"slope": record.options["slope"]} if record.op == "hard_sigmoid" else {}
    y = getattr(ops, record.op)._forward_loops(np.array([x]), **slope)[0]
    here = piece(record.op, x)
    formula = f"y = {here.y}  where  {here.where}"
    return (step(record, "y", index, record.forward.y, formula, lines=(line(f"y = {here.y}", y, x=x, **slope),)),)


def _dropout(record: Record, index: Index) -> tuple[Step, ...]:
    x, mask, scale = record.forward.x[index], record.cache.mask[index], record.cache.scale
    lines = (line("y = x * mask * scale", x * mask * scale, x=x, mask=mask, scale=scale),)
    formula = "y = x * mask * scale,  scale = 1 / (1 - rate)"
    return (step(record, "y", index, record.forward.y, formula, lines=lines),)


def _gate(record: Record, index: Index) -> tuple[Step, ...]:
    n, _, _, c = index
    x, g = record.forward.x[index], record.cache[1][n, c]
    formula = "y[n, i, j, c] = x[n, i, j, c] * g[n, c]"
    return (step(record, "y", index, record.forward.y, formula, lines=(line("y = x * g", x * g, x=x, g=g),)),)


def _shortcut(record: Record, index: Index, inner: np.floating) -> Step:
    x = record.forward.x[index]
    lines = (line("y = x + F", x + inner, x=x, F=inner),)
    return step(record, "y", index, record.forward.y, "y = x + F(x)", lines=lines)


def _squeeze_excite(record: Record, index: Index) -> tuple[Step, ...]:
    """The chain of all parts, followed along the largest terms: every hidden unit and every mean has its own sum."""
    pool, reduce, relu, expand, hard_sigmoid, gate = record.parts
    n, _, _, c = index
    (expanded,) = _linear(expand, (n, c))
    unit = _largest(expanded)
    (reduced,) = _linear(reduce, (n, unit))
    mean = _largest(reduced)
    (pooled,) = _global_average_pool(pool, (n, mean))
    return (
        replace(pooled, note=f"of all {len(reduced.sum)} channel means the one that moves hidden unit {unit} most"),
        replace(reduced, note=f"of all {len(expanded.sum)} hidden units the one that moves this gate most"),
        *_nonlinearity(relu, (n, unit)),
        expanded,
        *_nonlinearity(hard_sigmoid, (n, c)),
        *_gate(gate, index),
    )


def _largest(one: Step) -> int:
    return int(np.argmax(np.abs(one.sum.products)))


_OPS = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "pointwise_conv2d": _pointwise_conv2d,
    "linear": _linear,
    "global_average_pool": _global_average_pool,
    "batch_norm": _batch_norm,
    "dropout": _dropout,
    "gate": _gate,
    **dict.fromkeys(NONLINEARITIES, _nonlinearity),
}
