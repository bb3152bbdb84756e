"""The arithmetic behind one gradient, op by op."""

from __future__ import annotations

import numpy as np

from .. import ops
from .explanation import Factors, Step, Sum
from .forward import channel, window_note
from .pieces import NONLINEARITIES, piece
from .records import Record
from .step import line, step

Index = tuple[int, ...]

_OF_GATE = {"w1": ("reduce", "w"), "b1": ("reduce", "b"), "w2": ("expand", "w"), "b2": ("expand", "b")}


def backward_steps(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    """What led to an element of the gradient of ``param``: a full name in ``record.backward.grads``, or "x"."""
    if record.op == "squeeze_excite":
        return _squeeze_excite(record, param, index)
    if not record.parts:
        return _OPS[record.op](record, param, index)
    if param == "x":
        steps = backward_steps(record.parts[0], "x", index)
        return (*steps, _shortcut(record, index, steps[-1].value)) if record.op == "residual" else steps
    child, _, param = param.partition(".")
    part = next(part for part in record.parts if part.name == f"{record.name}.{child}")
    return backward_steps(part, param, index)


def _gradient(record: Record, param: str) -> np.ndarray:
    return record.backward.dx if param == "x" else record.backward.grads[param]


# ---------------------------------------------------------------------------------------------------------------------
# Convolutions: a weight collects dy * x over the outputs, a pixel dy * w over the outputs that it fed


def _convolution(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    run = _of_weight if param == "w" else _of_pixel
    total, formula, note = run(record, index)
    formula += "  where r = i * stride + a - top, s = j * stride + b - left"
    return (
        step(
            record, f"d{param}", index, _gradient(record, param), formula, total, note=f"{window_note(record)}; {note}"
        ),
    )


def _of_weight(record: Record, index: Index) -> tuple[Sum, str, str]:
    (stride, ((top, _), (left, _))), x, dy = record.options.values(), record.forward.x, record.backward.dy
    a, b, c, o = index if record.op == "conv2d" else (*index, index[-1])
    n, i, j = (axis.ravel() for axis in np.indices(dy.shape[:3]))
    r, s = i * stride + a - top, j * stride + b - left
    inside = (r >= 0) & (r < x.shape[1]) & (s >= 0) & (s < x.shape[2])
    n, i, j, r, s = (axis[inside] for axis in (n, i, j, r, s))
    total = Sum.of(Factors.read("dy", dy, n, i, j, o), Factors.read("x", x, n, r, s, c))
    of_dw, of_dy = ("a, b, c, o", "o") if record.op == "conv2d" else ("a, b, c", "c")
    return (
        total,
        f"dw[{of_dw}] = sum over n, i, j of dy[n, i, j, {of_dy}] * x[n, r, s, c]",
        f"at {inside.size - len(n):,} of {inside.size:,} outputs the weight meets a padding zero",
    )


def _of_pixel(record: Record, index: Index) -> tuple[Sum, str, str]:
    (stride, ((top, _), (left, _))), w, dy = record.options.values(), record.params["w"], record.backward.dy
    n, r, s, c = index
    channels = range(dy.shape[3]) if record.op == "conv2d" else [c]
    i, j, o = (axis.ravel() for axis in np.meshgrid(*map(range, dy.shape[1:3]), channels, indexing="ij"))
    a, b = r + top - i * stride, s + left - j * stride
    fed = (a >= 0) & (a < w.shape[0]) & (b >= 0) & (b < w.shape[1])
    i, j, o, a, b = (axis[fed] for axis in (i, j, o, a, b))
    of_w = (a, b, c, o) if record.op == "conv2d" else (a, b, c)
    total = Sum.of(Factors.read("dy", dy, n, i, j, o), Factors.read("w", w, *of_w))
    terms = (
        "i, j, o of dy[n, i, j, o] * w[a, b, c, o]" if record.op == "conv2d" else "i, j of dy[n, i, j, c] * w[a, b, c]"
    )
    return total, f"dx[n, r, s, c] = sum over {terms}", "all outputs whose window holds this pixel"


def _matrix(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    """pointwise_conv2d and linear: the same at every position."""
    x, w, dy = record.forward.x, record.params["w"], record.backward.dy
    at = "n, i, j" if record.op == "pointwise_conv2d" else "n"
    if param == "x":
        *position, c = index
        o = np.arange(w.shape[1])
        factors = Factors.read("dy", dy, *position, o), Factors.read("w", w, c, o)
        formula = f"dx[{at}, c] = sum over o of dy[{at}, o] * w[c, o]"
    else:
        positions = [axis.ravel() for axis in np.indices(dy.shape[:-1])]
        factors = (Factors.read("dy", dy, *positions, index[-1]),)
        formula = f"db[o] = sum over {at} of dy[{at}, o]"
        if param == "w":
            factors += (Factors.read("x", x, *positions, index[0]),)
            formula = f"dw[c, o] = sum over {at} of dy[{at}, o] * x[{at}, c]"
    return (step(record, f"d{param}", index, _gradient(record, param), formula, Sum.of(*factors)),)


def _global_average_pool(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    (n, _, _, c), (_, H, W, _) = index, record.forward.x.shape
    dy = record.backward.dy[n, c]
    lines = (line("dx = dy / (H * W)", dy / (H * W), dy=dy, H=H, W=W),)
    return (step(record, "dx", index, record.backward.dx, "dx[n, i, j, c] = dy[n, c] / (H * W)", lines=lines),)


# ---------------------------------------------------------------------------------------------------------------------
# BatchNorm: x moves y directly, through the mean and through the variance


def _batch_norm(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    x, dy, c = record.forward.x, record.backward.dy, index[-1]
    _, gamma, mean, _, inv_std = record.cache
    dys = channel(record, "dy", dy, c)
    xhats = channel(record, "xhat", x, c, mean[c], inv_std[c])
    grads, m = record.backward.grads, len(dys.value)

    dbeta = step(
        record, "dbeta", (c,), grads["beta"], "dbeta[c] = sum over the channel's m positions of dy", Sum.of(dys)
    )
    if param == "beta":
        return (dbeta,)
    dgamma = step(
        record, "dgamma", (c,), grads["gamma"], "dgamma[c] = sum over the channel's m positions of dy * xhat",
        Sum.of(dys, xhats), note="xhat = (x - mean) * inv_std",
    )  # fmt: skip
    if param == "gamma":
        return (dgamma,)
    xhat, mean_path = (x[index] - mean[c]) * inv_std[c], dbeta.value / m
    variance_path = xhat * (dgamma.value / m)
    dx = gamma[c] * inv_std[c] * (dy[index] - mean_path - variance_path)
    lines = (
        line("xhat = (x - mean) * inv_std", xhat, x=x[index], mean=mean[c], inv_std=inv_std[c]),
        line("mean_path = dbeta / m", mean_path, dbeta=dbeta.value, m=m),
        line("variance_path = xhat * (dgamma / m)", variance_path, xhat=xhat, dgamma=dgamma.value, m=m),
        line(
            "dx = gamma * inv_std * (dy - mean_path - variance_path)", dx,
            gamma=gamma[c], inv_std=inv_std[c], dy=dy[index], mean_path=mean_path, variance_path=variance_path,
        ),
    )  # fmt: skip
    formula = "dx = gamma[c] * inv_std[c] * (dy - mean of dy - xhat * mean of dy * xhat)"
    return dbeta, dgamma, step(record, "dx", index, record.backward.dx, formula, lines=lines)


# ---------------------------------------------------------------------------------------------------------------------
# A number at a time


def _nonlinearity(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    x, dy = record.forward.x[index], record.backward.dy[index]
    slope = {"slope": record.options["gradient_slope"]} if record.op == "hard_sigmoid" else {}
    dx = getattr(ops, record.op)._backward_loops(np.array([dy]), np.array([x]), **slope)[0]
    here = piece(record.op, x)
    lines = (line(f"dx = {here.dx}", dx, dy=dy, x=x, **slope),)
    return (step(record, "dx", index, record.backward.dx, f"dx = {here.dx}  where  {here.where}", lines=lines),)


def _dropout(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    dy, mask, scale = record.backward.dy[index], record.cache.mask[index], record.cache.scale
    lines = (line("dx = dy * mask * scale", dy * mask * scale, dy=dy, mask=mask, scale=scale),)
    formula = "dx = dy * mask * scale,  scale = 1 / (1 - rate)"
    return (step(record, "dx", index, record.backward.dx, formula, lines=lines),)


def _shortcut(record: Record, index: Index, inner: np.floating) -> Step:
    dy = record.backward.dy[index]
    lines = (line("dx = dy + dF", dy + inner, dy=dy, dF=inner),)
    formula = "dx = dy + dF: the shortcut hands dy on, and the block adds its own"
    return step(record, "dx", index, record.backward.dx, formula, lines=lines)


# ---------------------------------------------------------------------------------------------------------------------
# Squeeze and excite: x is gated, and has a say in the gate


def _gate(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    (x, g), dy = record.cache, record.backward.dy
    n, c = index[0], index[-1]
    if param == "g":
        i, j = (axis.ravel() for axis in np.indices(x.shape[1:3]))
        total = Sum.of(Factors.read("dy", dy, n, i, j, c), Factors.read("x", x, n, i, j, c))
        formula = "dg[n, c] = sum over i, j of dy[n, i, j, c] * x[n, i, j, c]"
        return (step(record, "dg", index, record.backward.grads["g"], formula, total),)
    lines = (line("dx = dy * g", dy[index] * g[n, c], dy=dy[index], g=g[n, c]),)
    formula = "dx[n, i, j, c] = dy[n, i, j, c] * g[n, c], the direct path"
    return (step(record, "dx", index, record.backward.dx, formula, lines=lines),)


def _squeeze_excite(record: Record, param: str, index: Index) -> tuple[Step, ...]:
    parts = {part.name.rpartition(".")[2]: part for part in record.parts}
    if param in _OF_GATE:
        part, inner = _OF_GATE[param]
        return _matrix(parts[part], inner, index)
    n, _, _, c = index
    (direct,) = _gate(parts["gate"], "x", index)
    (mean,) = _matrix(parts["reduce"], "x", (n, c))
    (spread,) = _global_average_pool(parts["pool"], "x", index)
    dx = direct.value + spread.value
    lines = (line("dx = direct + through_gate", dx, direct=direct.value, through_gate=spread.value),)
    formula = "dx = direct path + gate path: the pixel itself, and its say in the gate of every channel"
    return direct, mean, spread, step(record, "dx", index, record.backward.dx, formula, lines=lines)


_OPS = {
    "conv2d": _convolution,
    "depthwise_conv2d": _convolution,
    "pointwise_conv2d": _matrix,
    "linear": _matrix,
    "global_average_pool": _global_average_pool,
    "batch_norm": _batch_norm,
    "dropout": _dropout,
    "gate": _gate,
    **dict.fromkeys(NONLINEARITIES, _nonlinearity),
}
