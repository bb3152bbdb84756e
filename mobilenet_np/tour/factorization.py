"""Chapter 1 of the tour: one convolution in two halves, on a photograph, and what it saves."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..costs.formulas import conv2d_macs, separable_macs, separable_ratio
from ..counted import count_forward
from ..factorize import nearest_separable
from ..report import Section, chart, gallery, picture, table, verdict
from ..show import kernels_needed, saving
from ..show.factorization import tinted
from ..show.photograph import (
    CHANNELS,
    Approximated,
    Factorized,
    one_pattern_each,
    one_pattern_for_all,
    photograph,
)
from ..show.style import greys
from .result import Result

EQUAL = 1e-12  # relative, in float64: far above rounding, far below anything that could be seen
MEASURED_CHANNELS = (1, 4, 16, 64, 256, 1024)


class Measured(NamedTuple):
    """Products counted one by one for N output channels, beside the closed form."""

    N: int
    standard: int
    separable: int

    @property
    def ratio(self) -> Fraction:
        return Fraction(self.separable, self.standard)

    @property
    def ok(self) -> bool:
        return self.ratio == separable_ratio(3, self.N)


def measure(N: int, M: int = 4, size: int = 8) -> Measured:
    """Run both convolutions in loops with a counter in the innermost one.

    Parameters
    ----------
    N, M : int
        Channels out and in.
    size : int
        Height and width of the output; the image has its padding zeros already around it.

    Examples
    --------
    >>> measure(16).ratio
    Fraction(25, 144)
    """
    x = np.zeros((1, size + 2, size + 2, M), np.float32)
    _, standard = count_forward(x, np.zeros((3, 3, M, N), np.float32))
    filtered, depthwise = count_forward(x, np.zeros((3, 3, M), np.float32))
    _, pointwise = count_forward(filtered, np.zeros((M, N), np.float32))
    return Measured(N, standard, depthwise + pointwise)


def run(seed: int) -> Result:
    """Filter the photograph, count products, and write the chapter.

    Parameters
    ----------
    seed : int
        Of the random kernel whose nearest separable ones are computed.
    """
    photo = photograph()
    same, other = one_pattern_each(photo), one_pattern_for_all(photo)
    measured = [measure(N) for N in MEASURED_CHANNELS]
    w = np.random.default_rng(seed).standard_normal((3, 3, 16, 64))
    random_errors = [nearest_separable(w, kernels).error for kernels in range(1, 10)]
    reached = same.difference < EQUAL and other.errors[other.rank.max() - 1] < EQUAL
    ok = reached and all(point.ok for point in measured)
    parts = [
        _idea(measured),
        _separable(same),
        _not_separable(other),
        _kernels(other, random_errors, seed),
    ]
    return Result(
        ok=ok,
        summary=f"depthwise + pointwise = standard on a photograph, to {same.difference:.0e}; "
        f"{sum(p.ok for p in measured)} of {len(measured)} counted savings are 1/N + 1/k^2",
        fact=(
            "Standard = depthwise + pointwise",
            f"to {same.difference:.0e}",
            "largest relative difference on a photograph",
        ),
        section=Section("factorization", "One convolution in two halves", "\n".join(parts)),
    )


def _idea(measured: list[Measured]) -> str:
    rows = [
        (p.N, p.standard, p.separable, f"{float(p.ratio):.4f}", f"{float(1 / p.ratio):.2f} ×", verdict(p.ok))
        for p in measured
    ]
    return f"""
<p>A convolution does two jobs at once: it looks at a neighbourhood of pixels, and it mixes the channels. Each of its
<var>N</var> outputs has a weight for every pixel of the <var>k</var>&thinsp;×&thinsp;<var>k</var> window in every one
of the <var>M</var> input channels:</p>
<div class="formula"><span class="name">standard convolution</span>
<var>y</var><sub><var>i,j,n</var></sub> = Σ<sub><var>a,b,c</var></sub>
<var>w</var><sub><var>a,b,c,n</var></sub> · <var>x</var><sub><var>i+a, j+b, c</var></sub>
<span class="count"><var>H W k</var>² <var>M N</var> multiplications</span></div>
<p>MobileNet does one job after the other. The <em>depthwise</em> half looks at neighbourhoods, each channel with one
filter of its own. The <em>pointwise</em> half mixes the filtered channels, each pixel for itself:</p>
<div class="formula"><span class="name">depthwise, then pointwise</span>
<var>f</var><sub><var>i,j,c</var></sub> = Σ<sub><var>a,b</var></sub>
<var>d</var><sub><var>a,b,c</var></sub> · <var>x</var><sub><var>i+a, j+b, c</var></sub>
<br><var>y</var><sub><var>i,j,n</var></sub> = Σ<sub><var>c</var></sub>
<var>p</var><sub><var>c,n</var></sub> · <var>f</var><sub><var>i,j,c</var></sub>
<span class="count"><var>H W</var> (<var>k</var>² <var>M</var> + <var>M N</var>) multiplications</span></div>
<p>Divide the second count by the first, and almost everything cancels:</p>
<div class="formula"><span class="name">what is left of the work (Howard et al. 2017, section 3.1)</span>
1/<var>N</var> + 1/<var>k</var>²</div>
<p>With 3&thinsp;×&thinsp;3 windows and many channels this comes close to one ninth, and never reaches it. The dots in
the figure are not the formula: both convolutions were run in loops that count every multiplication.</p>
{
        gallery(
            chart(
                lambda ax: saving([(p.N, float(p.ratio)) for p in measured], ax=ax),
                "The ratio of multiplications falls with the number of output channels towards one ninth; six counted "
                "points lie on the curve",
                "Multiplications of depthwise + pointwise, relative to a standard 3×3 convolution.",
            ),
            table(
                ("N", "standard", "separable", "ratio", "saves", "formula"),
                rows,
                "rrrrrn",
            ),
        )
    }"""


def _separable(same: Factorized) -> str:
    (k, _, M), N = same.depthwise.shape, same.pointwise.shape[1]
    stages = []
    for c, name in enumerate(CHANNELS):
        stages.append(picture(tinted(same.photo, c), f"The {name} channel of the photograph", f"Input: {name}"))
    for c, name in enumerate(CHANNELS):
        stages.append(
            picture(
                greys(same.filtered[..., c]),
                f"The {name} channel after its own filter",
                f"Depthwise: {name}, {('vertical edges', 'horizontal edges', 'blurred')[c]}",
                greys(same.depthwise[..., c], float(same.depthwise[..., c].max())),
            )
        )
    for n, name in enumerate(same.names):
        stages.append(picture(greys(same.mixed[..., n]), f"Output {n + 1}: {name}", f"Pointwise: {name}"))
    for n in range(N):
        stages.append(
            picture(greys(same.standard[..., n]), f"Output {n + 1} of the standard convolution", "Standard: the same")
        )
    return f"""
<h3>Where the two are the same</h3>
<p>A photograph of Rear Admiral Grace Hopper, who wrote the first linker. Its red channel gets a filter for vertical
edges, green one for horizontal edges, blue is blurred; that is the depthwise half. The pointwise half adds and
subtracts: red plus green shows edges that rise like /, red minus green edges that fall like \\, although no filter
for slanted edges was ever used. (Where a map has negative values, middle grey is 0 and black is negative. The
corner shows the filter.)</p>
{gallery(*stages, columns=3)}
<p>The last row is one standard convolution whose kernel is <var>w</var><sub><var>a,b,c,n</var></sub> =
<var>d</var><sub><var>a,b,c</var></sub> · <var>p</var><sub><var>c,n</var></sub>. It gives the same images: the largest
difference is {same.difference:.1e} of the largest value, which is rounding
({verdict(same.difference < EQUAL)}). The two halves needed {separable_macs(1, 1, k, M, N)} multiplications a pixel, the
standard convolution {conv2d_macs(1, 1, k, M, N)}.</p>"""


def _not_separable(other: Approximated) -> str:
    limit = 2 * float(np.abs(other.standard).std())
    stages = []
    green, largest = 1, float(np.abs(other.w[:, :, 1]).max())
    for title, maps, w in (
        ("Standard", other.standard, other.w),
        ("Nearest separable", other.nearest, other.best),
        ("Missing", other.standard - other.nearest, other.w - other.best),
    ):
        for n, name in enumerate(other.names):
            text = f"{title}: edges at {name}"
            stages.append(picture(greys(maps[..., n], limit), text, text, greys(w[:, :, green, n], largest)))
    missing = np.linalg.norm(other.standard - other.nearest, axis=(0, 1)) / np.linalg.norm(other.standard, axis=(0, 1))
    return f"""
<h3>Where they cannot be</h3>
<p>Each channel is filtered <em>once</em>, and all outputs have to share the filtered image. So a standard convolution
whose outputs want to see different patterns in the <em>same</em> channel cannot be split. Here the outputs want edges
at {", ".join(other.names)}. Written as a matrix with one row for each pixel of the window and one column for each
output, the slice of the kernel that belongs to one input channel has rank {other.rank.max()}; depthwise + pointwise can
only make matrices of rank 1.</p>
<div class="formula"><span class="name">the rule</span>
a standard kernel splits exactly if, for every input channel <var>c</var>, the matrix
<var>w</var><sub>(<var>a,b</var>),&thinsp;<var>n</var></sub> has rank 1</div>
<p>The singular value decomposition finds the nearest kernel that does split. It makes of each channel the one pattern
that serves all outputs best, and every output gets it, only in another strength: the three images of the second row are
one image. The kernel is off by {other.errors[0]:.1%}; in the images
{", ".join(f"{m:.0%}" for m in missing)} are missing.</p>
{gallery(*stages, columns=3)}"""


def _kernels(other: Approximated, random_errors: list[float], seed: int) -> str:
    series = {"turned edges, 3×3, 3 to 3 channels": other.errors, "random numbers, 3×3, 16 to 64": random_errors}
    return f"""
<h3>More filters for each channel</h3>
<p>With as many depthwise filters for each channel as the rank says, nothing is missing: two for the turned edges, all
nine for a kernel of random numbers (seed {seed}). A MobileNet does not split a given kernel, it learns both halves; but
the figure says what it gives up, and why V2 first <em>expands</em> its channels: more channels are more filters.</p>
{
        chart(
            lambda ax: kernels_needed(series, ax),
            "The error of the nearest separable kernel falls to zero when there are as many filters as the rank",
            "Relative error (Frobenius norm) of the best approximation.",
        )
    }"""
