"""The page about the factorization: a standard convolution, grouped, and depthwise + pointwise, on small integers."""

from __future__ import annotations

from math import gcd

import numpy as np

from ...costs.formulas import separable_ratio
from ...errors import check, check_positive
from ...factorize import compose
from .grids import table
from .page import Page, Runner, Way, assemble
from .stage import Stage, output_shape, record
from .words import says

MOST_TAPS = 12_000  # all ways together: the page stays well below a megabyte
ORIGIN = {"n": 0, "i": 0, "j": 0, "r": 0, "s": 0}


def factorize(
    C: int = 4, M: int = 6, K: int = 3, size: int = 4, stride: int = 1, rng: np.random.Generator | None = None
) -> Page:
    """Step through a standard convolution, and through the depthwise and pointwise one that equals it.

    The numbers are small integers, so that every sum can be checked on paper. The standard kernel is composed of the
    other two (see `mobilenet_np.factorize.compose`): both ways give the same output. Between them stands the grouped
    convolution, where C and M have a common divisor.

    Parameters
    ----------
    C, M : int
        Input and output channels (the paper's M and N).
    K : int
        Side of the kernel, odd.
    size : int
        Height and width of the image.
    stride : int
    rng : numpy.random.Generator, optional
        Source of the integers; by default the same ones every time.

    Returns
    -------
    Page
        ``page.save(path)`` writes it; a notebook shows it.

    Raises
    ------
    ValueError
        If a size is not a positive integer, the kernel even, or there are too many products to step through.

    Examples
    --------
    >>> page = factorize(C=2, M=3)
    >>> "<b>4/9 = 1/3 + 1/9</b>" in page.html
    True

    Notes
    -----
    Howard et al., MobileNets, arXiv:1704.04861, section 3.1.
    """
    for name, value in dict(C=C, M=M, K=K, size=size, stride=stride).items():
        check_positive("show.factorize", name, value, integer=True)
    check(K % 2 == 1, f"show.factorize: K is {K}; a kernel with a middle has an odd number of taps")
    groups = _groups(C, M)
    Ho = (size - 1) // stride + 1
    each = {"standard": K**2 * C * M, "grouped": K**2 * C * M // groups if groups else 0, "separable": C * (K**2 + M)}
    taps = Ho**2 * sum(each.values())
    check(
        taps <= MOST_TAPS,
        f"show.factorize: C={C}, M={M}, K={K}, size={size} make {taps:,} products, more than the {MOST_TAPS:,} that a "
        "page can hold; the idea shows with fewer channels",
    )
    depthwise, pointwise, standard, grouped = _stages(C, M, K, size, stride, groups, rng or np.random.default_rng(0))
    ways = [Way("standard", "Standard", [(f"Standard convolution, {K}×{K}", says("conv2d", C, M, K), standard)])]
    if groups:
        title = f"Grouped convolution, {groups} groups, {K}×{K}"
        ways.append(Way("grouped", f"Grouped ({groups})", [(title, says("grouped_conv2d", C, M, K, groups), grouped)]))
    stages = [
        (f"Depthwise convolution, {K}×{K}", says("depthwise_conv2d", C, C, K), depthwise),
        ("Pointwise convolution, 1×1", says("pointwise_conv2d", C, M, 1), pointwise),
    ]
    ways.append(Way("separable", "Depthwise + pointwise", stages))
    runners = [
        Runner("standard", Ho**2 * each["standard"], 0, K**2 * C),
        Runner("depthwise + pointwise", Ho**2 * each["separable"], Ho**2 * K**2 * C, C),
    ]
    return assemble(
        "One convolution, or two?",
        _lead(C, M, K, size, stride),
        ways,
        runners,
        _final(K, M, runners),
        _notes(K, M, ways),
        digits=True,
    )


def _groups(C: int, M: int) -> int:
    """The smallest number of groups that is neither a standard nor a depthwise convolution, or 0."""
    return next((g for g in range(2, C) if gcd(C, M) % g == 0), 0)


def _stages(C, M, K, size, stride, groups, rng):
    padding = ((K // 2, K // 2), (K // 2, K // 2))

    def stage(op, x, w, dy, groups, names, kernel=padding, step=stride):
        return Stage(op, names, x, w, dy, groups, step, kernel, ORIGIN, range(x.shape[2]), range(w.shape[3]), {})

    x = rng.integers(0, 4, (size, size, C)).astype(float)
    d = rng.integers(-1, 2, (K, K, 1, C)).astype(float)
    p = rng.choice([-2.0, -1.0, 1.0, 2.0], (1, 1, C, M))
    w = compose(d[:, :, 0], p[0, 0])
    xwy = dict(x="x", w="w", y="y")
    nothing = np.zeros(output_shape(stage("conv2d", x, w, x, 1, xwy)))
    dy = rng.integers(-2, 3, nothing.shape).astype(float)
    standard = stage("conv2d", x, w, dy, 1, xwy)

    z = record(stage("depthwise_conv2d", x, d, nothing[:, :, :1].repeat(C, axis=2), C, xwy)).y
    pointwise = stage("pointwise_conv2d", z, p, dy, 1, dict(x="z", w="p", y="y"), ((0, 0), (0, 0)), 1)
    depthwise = stage("depthwise_conv2d", x, d, record(pointwise).dx, C, dict(x="x", w="d", y="z"))
    if not groups:
        return depthwise, pointwise, standard, None
    # Of the standard kernel, what stays inside the groups.
    share, out = C // groups, M // groups
    block = np.concatenate(
        [w[:, :, g * share : (g + 1) * share, g * out : (g + 1) * out] for g in range(groups)], axis=3
    )
    return depthwise, pointwise, standard, stage("grouped_conv2d", x, block, dy, groups, xwy)


# ---------------------------------------------------------------------------------------------------------------------
# Text


def _lead(C, M, K, size, stride):
    step = f", stride {stride}" if stride > 1 else ""
    return (
        f"<p>{C} channels of {size}×{size} pixels in, {M} channels out{step}. Standard: filter and mix in one sum. "
        "Depthwise + pointwise: filter each channel, then mix the channels of each pixel. Here both give the same "
        "numbers, at different prices.</p>"
    )


def _final(K, M, runners):
    standard, separable = (runner.total for runner in runners)
    ratio = separable_ratio(K, M)
    return f"In the end {separable:,} / {standard:,} = <b>{ratio} = 1/{M} + 1/{K**2}</b> = {float(ratio):.3f}"


def _notes(K, M, ways):
    records = {way.key: [record(stage) for _, _, stage in way.stages] for way in ways}
    rows, total = [], {}
    for way in ways:
        for (title, _, stage), sums in zip(way.stages, records[way.key], strict=True):
            (Ho, Wo, outputs), (taps, _, share) = output_shape(stage), stage.w.shape[:3]
            count = len(sums.taps.i)
            total[way.key] = total.get(way.key, 0) + count
            formula = f"{Ho}·{Wo} positions × {outputs} outputs × {taps}·{taps} taps × {share} inputs"
            rows.append((title, formula, count, sum(sums.taps.inside), stage.w.size))
    difference = np.abs(records["standard"][0].y - records["separable"][-1].y).max()
    head = ("", "multiplications", "", "not with a padding zero", "weights")
    return (
        f"<h2>The count</h2>{table(head, rows)}"
        f"<p>1/{M} of the standard convolution's multiplications is the depthwise share: filtering is paid once, not "
        f"again for each of the {M} output channels. 1/{K**2} is the pointwise share: mixing is paid once a pixel, not "
        f"again at each of the {K**2} taps.</p>"
        "<p>The papers count products with padding zeros, so the first number is theirs. The definitions skip them: "
        "the second number is what they really multiply. Backward, every product x · w of the forward pass has two: "
        "dy · w, which goes into dx, and dy · x, which goes into dw.</p>"
        f"<p>Largest difference between the outputs of the two ways: <b>{difference:g}</b>. The standard kernel was "
        "made from the other two: w[a, b, c, o] = d[a, b, c] · p[c, o]. Most standard kernels cannot be written like "
        "that; what a MobileNet saves, it pays for with them.</p>"
    )
