"""Histograms and shares are those of the numbers in the trace."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import show
from mobilenet_np.show.activations import FLAT, ROW, WHERE


@pytest.fixture(scope="module", params=["v2", "v3-small"])
def traced(request):
    net = mn.build(request.param, width=0.25, classes=4)
    for name, values in net.params.items():
        if name.endswith("bn.gamma"):
            values[...] = 4  # so that much is full, too
    return mn.trace(net, np.random.default_rng(0).standard_normal((4, 48, 48, 3), np.float32), np.arange(4))


def _draw(traced, names=None):
    return show.activations(traced, names, axes=plt.figure().subplots(1, 3))


def _records(traced):
    return [record for record in traced.records.values() if record.op in FLAT and not record.parts]


def test_shares(traced):
    shares = _draw(traced)[2]
    records = _records(traced)
    assert len(shares.patches) == 3 * len(records)
    for row, record in enumerate(records):
        x, (low, high) = record.forward.x, FLAT[record.op]
        expected = [np.mean(x <= low[0]), 0, np.mean(x >= high[0]) if high else 0]
        expected[1] = 1 - sum(expected)
        assert [bar.get_width() for bar in shares.patches[3 * row : 3 * row + 3]] == pytest.approx(expected), (
            record.name
        )


def test_dead_channels_are_counted(traced):
    lines = {round(ROW / 2 - text.get_position()[1]): text.get_text() for text in _draw(traced)[2].texts}
    for row, record in enumerate(_records(traced)):
        if record.op != "hard_sigmoid":
            x = record.forward.x.reshape(-1, record.forward.x.shape[-1])
            dead = int((x <= FLAT[record.op][0][0]).all(axis=0).sum())
            assert lines.get(row, "") == (f"{dead} of {x.shape[1]} channels dead" if dead else "")


def test_histograms_before(traced):
    """All pieces of a row together are NumPy's histogram, up to the row's scale."""
    (name, *_) = [record.name for record in _records(traced)]
    before, after, _ = _draw(traced, [name])
    pieces = [patch.get_data() for patch in before.patches]
    heights, edges = np.concatenate([p.values for p in pieces]), np.unique(np.concatenate([p.edges for p in pieces]))
    counts, _ = np.histogram(traced[name].forward.x, edges)
    np.testing.assert_allclose(heights, counts * ROW / counts.max())
    (passed,) = [patch.get_data() for patch in after.patches]
    assert passed.values.max() <= ROW


def test_pieces_end_where_the_nonlinearity_does(traced):
    names = [record.name for record in _records(traced) if record.op in ("relu6", "relu")][:1]
    before = _draw(traced, names)[0]
    colours = [plt.matplotlib.colors.to_hex(patch.get_facecolor()) for patch in before.patches]
    assert colours[:2] == [WHERE["zero"], WHERE["between"].lower()]
    assert before.patches[0].get_data().edges[-1] == before.patches[1].get_data().edges[0] == 0


def test_of_a_block(traced):
    axes = _draw(traced, ["block2"])
    labels = [label.get_text().partition(",")[0] for label in axes[0].get_yticklabels()]
    assert labels[0] == "block2.expand"
    assert all(label.startswith("block2.") for label in labels)


def test_nothing_to_show(traced):
    with pytest.raises(ValueError, match=r"no nonlinearity in block2\.project"):
        show.activations(traced, ["block2.project"])
    with pytest.raises(ValueError, match="did you mean"):
        show.activations(traced, ["blok2"])
