"""Which MobileNet to take."""

import json
from pathlib import Path

import pytest

from mobilenet_np import choose as module, cost
from mobilenet_np.choose import choose, table
from mobilenet_np.costs.accuracies import accuracies

ROWS = json.loads((Path(__file__).parent / "data" / "published.json").read_text())
MODELS = {"MobileNetV1": "v1", "MobileNetV2": "v2", "MobileNet": "v1", "mobilenet_v2": "v2"}


@pytest.fixture
def times(monkeypatch):
    """A machine on which a million MACs take a tenth of a millisecond; the networks measured, in order."""
    measured = []

    def latency(model, width, convention, resolution):
        measured.append((model, width, convention, resolution))
        return cost(model, width, resolution, convention=convention).macs / 1e7

    monkeypatch.setattr(module, "_latency", latency)
    return measured


def _published():
    """Every accuracy of released float weights, as printed."""
    for row in ROWS:
        variant = row.get("variant") or ""
        if "quant" in variant or "8-bit" in variant or "quantized" in row["model"] or "top1" not in row:
            continue
        source = row["source"]
        if "slim/nets/mobilenet_v1.md" in source or source.endswith("slim/nets/mobilenet/README.md"):
            convention = "tf"
        elif "keras" in source:
            convention = "keras"
        elif "torchvision" in source:
            convention = "torchvision"
        else:
            continue
        model = MODELS.get(row["model"])
        if row["model"] == "MobileNetV3":
            size = variant.lower().replace(" ", "_").removesuffix("_float")
            model = "v3-" + size.replace("_", "-")
        elif row["model"].startswith("mobilenet_v3"):
            model = "v3-" + row["model"].rpartition("_")[2]
        if model is not None:
            yield convention, model, row["width"], row["resolution"], row["top1"]


def test_accuracies_are_those_that_are_published():
    ours = {(a.convention, a.model, a.width, a.resolution, float(a.top1)) for a in accuracies()}
    theirs = set(_published())
    copied = {row for row in theirs - ours if row[0] == "keras"}
    assert ours - theirs == set()
    assert theirs - ours == copied  # Keras' docstring repeats TF-slim's table for all but two networks
    assert {("tf", *row[1:]) for row in copied} <= ours
    assert len(list(accuracies())) == len(ours) == 53


def test_most_accurate_first(times):
    choices = choose(count=100)
    assert len(choices) == 53
    top1 = [float(choice.accuracy.top1) for choice in choices]
    assert top1 == sorted(top1, reverse=True)
    equal = [(float(c.accuracy.top1), c.cost.macs) for c in choices if c.accuracy.top1 == "65.4"]
    assert equal == sorted(equal, key=lambda pair: pair[1])
    assert len(equal) == 2


def test_limits(times):
    for limits, attribute in (
        (dict(max_macs=100e6), lambda c: c.cost.macs <= 100e6),
        (dict(max_params=2e6), lambda c: c.cost.params_trainable <= 2e6),
        (dict(max_ms=5), lambda c: c.milliseconds <= 5),
    ):
        within = choose(**limits, count=100)
        assert 0 < len(within) < 53
        assert all(attribute(choice) for choice in within)
        assert {choice.accuracy for choice in within} == {c.accuracy for c in choose(count=100) if attribute(c)}


def test_small_and_accurate(times):
    best = choose(100e6, 3e6)[0]
    assert (best.accuracy.model, best.accuracy.top1, best.cost.macs) == ("v3-small", "68.1", 56_510_400)


def test_only_what_may_be_chosen_is_measured(times):
    choose(max_macs=15e6, count=2)
    assert times == [("v2", 0.35, "tf", 96), ("v1", 0.25, "tf", 128)]


def test_nothing_within_the_limits(times):
    assert choose(max_macs=1e6) == []
    assert table([]).count("\n") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(max_macs=0), "choose: max_macs is 0"),
        (dict(max_params=-1), "choose: max_params is -1"),
        (dict(max_ms=float("nan")), "choose: max_ms is nan"),
        (dict(count=0), "choose: count is 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose(**arguments)


def test_table(times):
    header, first, *_ = table(choose(max_macs=60e6)).splitlines()
    assert header.split() == ["model", "width", "image", "top-1", "MACs", "parameters", "ms", "source"]
    assert first.split()[:7] == ["v3-small", "1", "224", "68.1%", "56,510,400", "2,542,856", "5.7"]
    assert all(len(line) <= 119 for line in table(choose(count=100)).splitlines())


def test_to_dict_survives_json(times):
    plain = choose(max_macs=60e6)[0].to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["macs"] == 56_510_400


def test_really_measured():
    (choice,) = choose(max_macs=15e6, count=1)
    assert 0 < choice.milliseconds < 1e4
