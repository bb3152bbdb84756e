"""The figures of the course for slides: each as SVG, which stays sharp, and as PNG of 1920 x 1080 pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import check as checks, ops, show
from ..architecture import architecture
from ..costs import cost
from ..factorize import compose
from ..files import write
from ..receptive_field import receptive_fields
from ..show.photograph import photograph
from ..tour.factorization import MEASURED_CHANNELS, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 1920, 1080
MODELS = ("v1", "v2", "v3-large", "v3-small")


class Slide(NamedTuple):
    """One figure."""

    draw: Callable[[Figure], object]
    width: float = 7.2
    """Inches. Letters have a size in points: the fewer inches, the larger they are on the slide."""


def _factorization(figure):
    left, right = figure.subfigures(1, 2, wspace=0.04)
    show.factorization(np.concatenate([half.subplots(3, 3) for half in (left, right)], axis=1))
    left.suptitle("One pattern for each input channel:\ndepthwise + pointwise = standard", weight="bold")
    right.suptitle("More patterns than one:\nno depthwise + pointwise can do it", weight="bold")


def _saving(figure):
    points = [measure(N) for N in MEASURED_CHANNELS]
    show.saving([(point.N, float(point.ratio)) for point in points], ax=figure.subplots())


def _macs_by_block(model):
    return lambda figure: show.macs_by_block(cost(model), figure.subplots())


def _share_by_op(figure):
    macs, weights = figure.subplots(2, 1)
    costs = {model: cost(model) for model in MODELS}
    show.share_by_op(costs, "macs", macs)
    show.share_by_op(costs, "weights", weights).get_legend().remove()


def _architecture(model):
    return lambda figure: show.architecture(cost(model), figure.subplots())


def _manifold(figure):
    show.manifold(axes=figure.subplots(2, 3).ravel())


def _nonlinearities(figure):
    show.nonlinearities(axes=figure.subplots(2, 2).ravel())


def _multipliers(figure):
    width, resolution = figure.subplots(1, 2)
    show.width_law("v1", ax=width)
    show.resolution_law("v1", ax=resolution).set_ylabel("")


def _step_sizes(figure):
    x = np.random.default_rng(0).standard_normal((4, 10))
    checks.sweep_h(ops.sigmoid, x).plot(figure.subplots())


def _receptive_field(figure):
    photo = photograph()
    fields = receptive_fields(architecture("v2"), photo.shape[:2])
    wanted = ("stem", "block1", "block3", "block6", "block10", "block17")
    show.receptive_field({name: fields[name] for name in wanted}, photo, ax=figure.subplots())


def _kernel(M=8, N=5):
    """From separable, in the first input channel, to random in the last."""
    rng = np.random.default_rng(0)
    separable = compose(rng.standard_normal((3, 3, M)), rng.standard_normal((M, N)))
    share = np.linspace(0, 1, M)[:, None]
    return (1 - share) * separable + share * rng.standard_normal(separable.shape)


def _separable_rank(figure):
    show.separable_rank(_kernel(M=12, N=32), figure.subplots())


def _nearest_separable(figure):
    show.nearest_separable(_kernel(), axes=figure.subplots(1, 3))


FIGURES = {
    "factorization": Slide(_factorization, 13.0),
    "saving": Slide(_saving, 6.4),
    "macs_by_block_v1": Slide(_macs_by_block("v1")),
    "macs_by_block_v2": Slide(_macs_by_block("v2")),
    "macs_by_block_v3": Slide(_macs_by_block("v3-large")),
    "share_by_op": Slide(_share_by_op),
    "architecture_v1": Slide(_architecture("v1"), 12.0),
    "architecture_v2": Slide(_architecture("v2"), 14.0),
    "architecture_v3": Slide(_architecture("v3-large"), 14.0),
    "manifold": Slide(_manifold, 8.0),
    "manifold_errors": Slide(lambda figure: show.manifold_errors(ax=figure.subplots()), 6.4),
    "multipliers": Slide(_multipliers, 9.0),
    "accuracy_against_macs": Slide(lambda figure: show.accuracy_against_macs(figure.subplots()), 8.4),
    "nonlinearities": Slide(_nonlinearities, 8.0),
    "step_sizes": Slide(_step_sizes),
    "receptive_field": Slide(_receptive_field),
    "separable_rank": Slide(_separable_rank),
    "nearest_separable": Slide(_nearest_separable, 9.0),
}


def figures(out: str | Path) -> list[Path]:
    """Draw all figures.

    Parameters
    ----------
    out : path
        The folder to write into; made if it is not there.

    Returns
    -------
    list of Path
        Of the files, two a figure.
    """
    from tqdm import tqdm

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, slide in tqdm(FIGURES.items(), desc="figures", unit="figure", disable=None):
        for kind, content in images(slide).items():
            written.append(write("course figures", content, out / f"{name}.{kind}"))
    return written


def images(slide: Slide) -> dict[str, bytes]:
    """One figure as files: "svg" and "png"."""
    import matplotlib as mpl

    # A fixed salt and no date: the same numbers give the same file.
    with show.style(), mpl.rc_context({"svg.hashsalt": "mobilenet_np"}):
        figure, result = draw(slide), {}
        for kind, about in (("svg", {"Date": None}), ("png", None)):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi="figure", facecolor="white", metadata=about)
            result[kind] = buffer.getvalue()
    return result


def draw(slide: Slide) -> Figure:
    """One figure, of the shape of a slide."""
    from matplotlib.figure import Figure

    across, down = PIXELS
    size = slide.width, slide.width * down / across
    with show.style():
        figure = Figure(size, dpi=across / slide.width, layout="constrained", facecolor="white")
        margin = 0.015 * slide.width
        figure.get_layout_engine().set(w_pad=margin, h_pad=margin)
        slide.draw(figure)
    return figure
