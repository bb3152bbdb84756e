"""The page about one layer: a few output numbers of a real convolution, with the numbers that it really had."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ... import ops
from ...costs.formulas import conv2d_macs, depthwise_macs, linear_macs, pointwise_macs, separable_macs
from ...errors import check, check_choice
from ...geometry import Padding
from ..style import OP_NAMES
from .page import Page, Runner, Way, assemble
from .stage import Stage
from .words import says

if TYPE_CHECKING:
    from ...trace import Trace

OPS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d", "linear")
POSITIONS = 3  # rows and columns of output numbers that are drawn
CHANNELS = 8


def step(trace: Trace, name: str, at: tuple[int, int, int, int] | None = None) -> Page:
    """Step through a convolution or a fully connected layer of a traced pass, with the numbers that it had there.

    Parameters
    ----------
    trace : Trace
    name : str
        Of the op or of the row around it: "block3.depthwise.conv", "block3.depthwise", "classifier". Of a row its
        convolution is shown, without BatchNorm and nonlinearity.
    at : (n, i, j, c), optional
        Index of the output number in whose neighbourhood to step, (n, c) of a fully connected layer; by default the
        middle of the first image's first channel.

    Returns
    -------
    Page
        ``page.save(path)`` writes it; a notebook shows it.

    Raises
    ------
    ValueError
        For an unknown name, a layer without products to step through, or an index outside its output.
    """
    record = trace[name]
    inside = [part for part in record.parts if part.op in OPS and not part.parts]
    if len(inside) == 1:  # a gate has two
        (record,) = inside
    rows = f"; its rows are {', '.join(part.name for part in record.parts)}" if record.parts else ""
    check(
        record.op in OPS and not record.parts,
        f"show.step: {name} is {record.op}, which has no taps to step through; choose a convolution or a fully "
        f"connected layer{rows}",
    )
    how = {option: record.options[option] for option in ("stride", "padding") if option in record.options}
    return step_op(record.op, record.forward.x, record.params["w"], record.backward.dy, at=at, name=name, **how)


def step_op(
    op: str,
    x: np.ndarray,
    w: np.ndarray,
    dy: np.ndarray | None = None,
    stride: int = 1,
    padding: Padding | None = None,
    at: tuple[int, int, int, int] | None = None,
    name: str = "",
) -> Page:
    """Step through a layer of a real network, in the neighbourhood of one output number.

    Drawn are 3x3 output positions and at most 8 input and 8 output channels, with all pixels that these see. What is
    left out is said on the page, and beside each sum stands the whole layer's own number.

    Parameters
    ----------
    op : {"conv2d", "depthwise_conv2d", "pointwise_conv2d", "linear"}
    x : (N, H, W, C_in) float, (N, C_in) for linear
    w : float
        In the op's own shape.
    dy : (N, H_out, W_out, C_out) float, (N, C_out) for linear, optional
        Gradient of the loss with respect to y; by default all ones, the gradient of the sum of y.
    stride : int
        1 but for "conv2d" and "depthwise_conv2d".
    padding : ((top, bottom), (left, right)), optional
        By default half the kernel on each side.
    at : (n, i, j, c), optional
        Index of the output number, (n, c) for linear; by default the middle of the first image's first channel.
    name : str
        Of the layer, for the title.

    Returns
    -------
    Page
        ``page.save(path)`` writes it; a notebook shows it.

    Raises
    ------
    ValueError, TypeError
        As the op does; and for an index outside the output.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> page = step_op("depthwise_conv2d", rng.normal(size=(1, 14, 14, 32)), rng.normal(size=(3, 3, 32)))
    >>> "channels 0 to 7 of 32" in page.html
    True
    """
    check_choice("show.step_op", "op", op, OPS)
    runs = op
    if op == "linear":  # a pointwise convolution of an image of one pixel
        check(x.ndim == 2, f"show.step_op: x has shape {x.shape}; a fully connected layer takes (N, C_in)")
        runs, x = "pointwise_conv2d", x[:, None, None]
        dy = None if dy is None else dy[:, None, None]
        at = at if at is None else (*at[:1], 0, 0, *at[1:])
    if runs == "pointwise_conv2d":
        check(stride == 1 and padding is None, f"show.step_op: {op} has no stride and no padding")
        options, padding = {}, ((0, 0), (0, 0))
    else:
        if padding is None:
            padding = ((w.shape[0] // 2,) * 2, (w.shape[1] // 2,) * 2)
        options = dict(stride=stride, padding=padding)
    module = getattr(ops, runs)
    y, cache = getattr(module, f"{runs}_forward")(x, w, **options)
    dy = np.ones_like(y) if dy is None else dy
    dx, dw = getattr(module, f"{runs}_backward")(dy, cache)

    kernel = _as_grouped(op, w)
    n, rows, columns, inputs, outputs = _drawn(op, x.shape, y.shape, at)
    (r, pad_r), (s, pad_s) = (
        _seen(positions, k, stride, pad[0], size)
        for positions, k, pad, size in zip((rows, columns), kernel.shape, padding, x.shape[1:3], strict=False)
    )
    of_x = np.s_[n, r.start : r.stop, s.start : s.stop, inputs.start : inputs.stop]
    of_y = np.s_[n, rows.start : rows.stop, columns.start : columns.stop, outputs.start : outputs.stop]
    of_w = np.s_[:, :, : len(inputs), outputs.start : outputs.stop]
    stage = Stage(
        op=op,
        names=dict(x="x", w="w", y="y"),
        x=x[of_x],
        w=kernel[of_w],
        dy=dy[of_y],
        groups=len(inputs) if op == "depthwise_conv2d" else 1,
        stride=stride,
        padding=(pad_r, pad_s),
        origin=dict(n=n, i=rows.start, j=columns.start, r=r.start, s=s.start),
        inputs=inputs,
        outputs=outputs,
        whole=dict(y=y[of_y], dx=dx[of_x], dw=_as_grouped(op, dw)[of_w]),
    )
    return _page(stage, name or op, x.shape, y.shape)


# ---------------------------------------------------------------------------------------------------------------------
# What is drawn


def _as_grouped(op: str, w: np.ndarray) -> np.ndarray:
    """A kernel as that of a grouped convolution: (kh, kw, C_in / groups, C_out)."""
    return {"conv2d": w, "depthwise_conv2d": w[..., None, :]}.get(op, w[None, None])


class _Drawn(NamedTuple):
    n: int
    rows: range
    columns: range
    inputs: range
    outputs: range


def _drawn(op, x_shape, y_shape, at):
    if at is None:
        at = (0, y_shape[1] // 2, y_shape[2] // 2, 0)
    check(
        len(at) == 4 and all(0 <= index < size for index, size in zip(at, y_shape, strict=True)),
        f"show.step_op: at is {at}; it must be the index (n, i, j, c) of an element of y {y_shape}",
    )
    n, i, j, c = (int(index) for index in at)
    rows, columns = (_around(index, POSITIONS, size) for index, size in zip((i, j), y_shape[1:3], strict=True))
    outputs = _around(c, CHANNELS, y_shape[3])
    inputs = outputs if op == "depthwise_conv2d" else range(min(CHANNELS, x_shape[3]))
    return _Drawn(n, rows, columns, inputs, outputs)


def _around(index: int, length: int, size: int) -> range:
    """So many neighbours of an index, itself in the middle where there is room."""
    start = max(0, min(index - length // 2, size - length))
    return range(start, min(start + length, size))


def _seen(positions: range, kernel: int, stride: int, before: int, size: int) -> tuple[range, tuple[int, int]]:
    """The samples that the windows at these positions meet, and the padding zeros before and after them."""
    start = positions.start * stride - before
    stop = (positions.stop - 1) * stride - before + kernel
    inside = range(min(max(start, 0), size), max(min(stop, size), 0))
    return inside, (inside.start - start, stop - inside.stop)


# ---------------------------------------------------------------------------------------------------------------------
# The page


def _page(stage: Stage, name: str, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Page:
    kind, k = OP_NAMES[stage.op], stage.w.shape[0]
    (C, M), (_, Ho, Wo, all_outputs) = (len(stage.inputs), len(stage.outputs)), y_shape
    size = "" if stage.op == "linear" else f", {k}×{k}"
    title = f"{kind.capitalize()}{size}" + (f", stride {stage.stride}" if stage.stride > 1 else "")
    runners = _runners(stage.op, *stage.dy.shape[:2], k, C, M)
    whole = _runners(stage.op, Ho, Wo, k, x_shape[3], all_outputs)
    return assemble(
        f"{name}, step by step",
        _lead(stage, x_shape, y_shape),
        [Way("layer", kind, [(title, says(stage.op, C, M, k), stage)])],
        runners,
        f"Drawn, in the end {_ratio(runners)}. The whole layer, for one image: {_ratio(whole)}.",
        "",
        digits=all(np.all((a == a.round()) & (abs(a) < 100)) for a in (stage.x, stage.w, stage.dy)),
    )


def _lead(stage, x_shape, y_shape):
    (Ho, Wo, _), origin = stage.dy.shape, stage.origin
    positions = (
        f"rows {origin['i']} to {origin['i'] + Ho - 1} and columns {origin['j']} to {origin['j'] + Wo - 1} of "
        f"{y_shape[1]}×{y_shape[2]}, "
    )
    linear = stage.op == "linear"
    y = f"image {origin['n']}, {'' if linear else positions}{_channels(stage.outputs, y_shape[3])}"
    x = f"{'' if linear else 'all pixels that these see, '}{_channels(stage.inputs, x_shape[3])}"
    bias = ", without the bias that it adds at the end" if linear else ""
    return (
        f"<p>Drawn of y are {y}; of x {x}. The sums here run over what is drawn; beside them stands what the whole "
        f"layer has there{bias}.</p>"
    )


def _channels(drawn, size):
    return f"channels {drawn.start} to {drawn.stop - 1} of {size}"


def _runners(op, Ho, Wo, k, C, M):
    """The layer and its rival, the more expensive one first; a fully connected layer has none."""
    if op == "linear":
        return (Runner("fully connected", linear_macs(C, M), 0, C),)
    K = 3 if op == "pointwise_conv2d" else k
    standard = Runner(f"standard, {K}×{K}", conv2d_macs(Ho, Wo, K, C, M), 0, K * K * C)
    return standard, {
        "conv2d": Runner("depthwise + pointwise", separable_macs(Ho, Wo, k, C, M), Ho * Wo * k * k * C, C),
        "depthwise_conv2d": Runner("depthwise", depthwise_macs(Ho, Wo, k, C), 0, k * k),
        "pointwise_conv2d": Runner("pointwise", pointwise_macs(Ho, Wo, C, M), 0, C),
    }[op]


def _ratio(runners):
    if len(runners) == 1:
        return f"{runners[0].total:,} multiplications"
    most, least = (runner.total for runner in runners)
    return f"{least:,} / {most:,} = <b>{Fraction(least, most)}</b>"
