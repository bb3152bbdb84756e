"""Plots of the ledger show its numbers."""

from fractions import Fraction

import numpy as np
import pytest

from mobilenet_np import cost, show
from mobilenet_np.costs.accuracies import accuracies
from mobilenet_np.measured import Machine
from mobilenet_np.show.style import OP_NAMES

MACHINE = Machine(2, macs_per_second=50e9, cache_bytes_per_second=100e9, memory_bytes_per_second=20e9)
MODELS = ["v1", "v2", "v3-large", "v3-small"]


def _points(ax):
    """What is drawn, by the beginning of its label up to a comma."""
    return {line.get_label().partition(",")[0]: line.get_xydata() for line in ax.lines}


def test_width_law_of_v1_is_exact():
    """These widths leave every channel count whole. One side of the stem and of the classifier stays as it is."""
    points = _points(show.width_law("v1", (0.25, 0.5, 0.75, 1.0)))
    for op, power in (("pointwise", 2), ("depthwise", 1), ("standard", 1)):
        a, relative = points[f"{op} convolution"].T
        np.testing.assert_allclose(relative, a**power, rtol=1e-12)
    np.testing.assert_allclose(points["a²"], [[0.25, 1 / 16], [1, 1]])
    np.testing.assert_allclose(points["a"], [[0.25, 1 / 4], [1, 1]])


def test_width_law_where_channels_are_rounded():
    a, relative = _points(show.width_law("v3-large", (0.35, 1.0)))["fully connected"].T
    exact = Fraction(cost("v3-large", 0.35).macs_by_op["linear"], cost("v3-large").macs_by_op["linear"])
    assert relative[0] == pytest.approx(float(exact)) != a[0]


@pytest.mark.parametrize("model", MODELS)
def test_resolution_law(model):
    points = _points(show.resolution_law(model, (96, 160, 224)))
    for op in ("standard convolution", "depthwise convolution", "pointwise convolution"):
        rho, relative = points[op].T
        np.testing.assert_allclose(relative, rho**2, rtol=1e-12)
    np.testing.assert_array_equal(points["fully connected"][:, 1], 1)
    np.testing.assert_allclose(points["all"][0, 1], cost(model, resolution=96).macs / cost(model).macs)


def test_what_a_model_has_not_is_not_drawn():
    assert OP_NAMES["squeeze_excite"] not in _points(show.width_law("v2"))


@pytest.mark.parametrize("of", ["macs", "weights"])
def test_shares(of):
    ax = show.share_by_op({model: cost(model) for model in MODELS}, of)
    widths = {bars.get_label(): [patch.get_width() for patch in bars.patches] for bars in ax.containers}
    np.testing.assert_allclose(sum(np.array(w) for w in widths.values()), 1)
    for position, model in enumerate(MODELS):
        counts = getattr(cost(model), f"{of}_by_op")
        for op, count in counts.items():
            assert widths[OP_NAMES[op]][position] == pytest.approx(count / sum(counts.values()))
    assert [label.get_text() for label in ax.get_yticklabels()] == MODELS


def test_shares_of_something_else():
    with pytest.raises(ValueError, match=r"of 'weight' is unknown \(did you mean 'weights'"):
        show.share_by_op({"v1": cost("v1")}, "weight")


def test_every_accuracy_is_drawn_once():
    ax = show.accuracy_against_macs()
    drawn = np.concatenate([line.get_xydata() for line in ax.lines if line.get_linestyle() == "None"])
    expected = [
        (cost(a.model, a.width, a.resolution, convention=a.convention).macs / 1e6, float(a.top1)) for a in accuracies()
    ]
    assert sorted(map(tuple, drawn.tolist())) == sorted(expected)


def test_front():
    """Nothing is cheaper and as accurate as a point of the front, and each point off it is beaten by one on it."""
    ax = show.accuracy_against_macs()
    (front,) = (line.get_xydata() for line in ax.lines if line.get_label().startswith("front"))
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_linestyle() == "None"])
    for macs, top1 in points:
        better = (front[:, 0] <= macs) & (front[:, 1] >= top1)
        assert better.any()
        if not (front == (macs, top1)).all(axis=1).any():
            continue
        assert not ((points[:, 0] < macs) & (points[:, 1] >= top1)).any()
    assert 5 < len(front) < 20


def _scattered(ax):
    return {c.get_label(): np.asarray(c.get_offsets()) for c in ax.collections}


def test_roofline_with_measured_layers():
    total = cost("v3-small")
    seconds = {row.name: (1 + i) * 1e-4 for i, row in enumerate(total.rows)}
    points = _scattered(show.roofline(total, MACHINE, seconds))
    gates = [row for row in total.rows if row.op == "squeeze_excite"]
    expected = [(row.macs / total.explain(row.name).bytes_moved, row.macs / seconds[row.name] / 1e9) for row in gates]
    np.testing.assert_allclose(points["squeeze-and-excite"], expected)
    assert sum(len(p) for p in points.values()) == sum(row.macs > 0 for row in total.rows)


def test_roofline_without_measurements_lies_on_the_roof():
    ax = show.roofline(cost("v2"), MACHINE)
    for points in _scattered(ax).values():
        np.testing.assert_allclose(points[:, 1], np.minimum(points[:, 0] * 20, 50))
    roofs = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert {label: y.max() for label, y in roofs.items()} == {
        "roof: 20 GB/s from memory": 50,
        "roof: 100 GB/s from the cache": 50,
    }
    assert "2 threads" in ax.get_title("left") + ax.get_title()


def test_roofline_of_another_network():
    with pytest.raises(ValueError, match=r"show\.roofline: seconds has no stem, .*; it must be of the same network"):
        show.roofline(cost("v1"), MACHINE, {})
