"""The drawing is to scale: heights, widths and hanging bars are the numbers of the ledger."""

import itertools
from math import sqrt

import matplotlib.pyplot as plt
import pytest

from mobilenet_np import cost, show
from mobilenet_np.show.style import OP_COLOURS

MODELS = ("v1", "v2", "v3-large", "v3-small")


def _patches(ax):
    return {patch.get_label(): patch for patch in ax.patches if patch.get_label()}


def _drawn(model, **options):
    net = cost(model, **options)
    return net, show.architecture(net, ax=plt.figure().add_subplot())


@pytest.mark.parametrize("model", MODELS)
def test_boxes_are_to_scale(model):
    net, ax = _drawn(model)
    patches = _patches(ax)
    for row in net.rows:
        if row.op != "dropout":
            box = patches[row.name]
            assert (box.get_height(), box.get_width()) == (row.h_out, sqrt(row.c_out)), row.name


@pytest.mark.parametrize("model", MODELS)
def test_what_hangs_down_are_macs(model):
    net, ax = _drawn(model, resolution=160)
    patches, rows = _patches(ax), [row for row in net.rows if row.macs]
    lengths = {row.name: -patches[f"{row.name} MACs"].get_height() for row in rows}
    for row in rows:
        assert lengths[row.name] / sum(lengths.values()) == pytest.approx(row.macs / net.macs), row.name


def test_boxes_do_not_overlap():
    for model in MODELS:
        net, ax = _drawn(model, width=0.35)
        patches = _patches(ax)
        boxes = [patches[row.name] for row in net.rows if row.op != "dropout"]
        for one, other in itertools.pairwise(boxes):
            assert one.get_x() + one.get_width() < other.get_x()


@pytest.mark.parametrize("model", MODELS)
def test_arcs_span_the_residual_blocks(model):
    net, ax = _drawn(model)
    patches = _patches(ax)
    residual = [block for block in net.architecture.blocks if block.residual]
    assert {b.name for b in net.architecture.blocks} & set(patches) == {b.name for b in residual}
    for block in residual:
        path = patches[block.name].get_path().vertices
        first, last = patches[block.rows[0].name], patches[block.rows[-1].name]
        assert path[:, 0].min() < first.get_x() < last.get_x() + last.get_width() < path[:, 0].max()


def test_linear_bottlenecks_are_pale():
    net, ax = _drawn("v2")
    patches, blue = _patches(ax), plt.matplotlib.colors.to_rgba(OP_COLOURS["pointwise_conv2d"])
    for row in net.rows:
        if row.op == "pointwise_conv2d":
            assert (patches[row.name].get_facecolor() == blue) == bool(row.act), row.name


def test_table_adds_up():
    net, ax = _drawn("v3-small")
    written = [text for text in ax.texts if text.get_text() == "million MACs"]
    y = written[0].get_position()[1]
    cells = [float(t.get_text()) for t in ax.texts if t.get_position()[1] == y and t is not written[0] and t.get_text()]
    assert sum(cells) == pytest.approx(net.macs / 1e6, abs=0.05 * len(cells))


def test_words_of_the_table_do_not_touch():
    """As they are drawn in the figure's own size."""
    for model in MODELS:
        ax = show.architecture(cost(model))
        ax.figure.canvas.draw()
        boxes = [t.get_window_extent() for t in ax.texts if t.get_text()]
        assert not [1 for i, one in enumerate(boxes) for other in boxes[:i] if one.overlaps(other)], model


def test_not_a_cost():
    with pytest.raises(TypeError, match="cost is a str; it must be a Cost"):
        show.architecture("v2")
