"""One layer or block explained: each number by another way."""

import json
from fractions import Fraction

import numpy as np
import pytest

from mobilenet_np.architecture import architecture
from mobilenet_np.costs import cost
from mobilenet_np.costs.variants import full_convolutions
from mobilenet_np.counted import executed
from mobilenet_np.measured import Machine
from mobilenet_np.models import build
from mobilenet_np.tables import TABLES

MACHINE = Machine(2, macs_per_second=1e10, cache_bytes_per_second=1e9, memory_bytes_per_second=1e8)


def _names(total):
    return [*(row.name for row in total.rows), *(block.name for block in total.architecture.blocks)]


@pytest.mark.parametrize("model", TABLES)
@pytest.mark.parametrize("resolution", [224, (97, 64)])
def test_a_blocks_closed_form_is_the_sum_of_its_layers(model, resolution):
    total = cost(model, resolution=resolution)
    for block in total.architecture.blocks:
        rows = [total[row.name] for row in block.rows]
        what = total.explain(block.name)
        assert what.macs == sum(row.macs for row in rows)
        assert eval(what.formula.numbers.replace("^", "**")) == what.macs
        assert list(what.rows) == rows
        for name in ("macs_in_bounds", "macs_dx", "macs_dw"):
            assert getattr(what, name) == sum(getattr(row, name) for row in rows)


@pytest.mark.parametrize("model", TABLES)
def test_what_runs_is_what_is_explained(model):
    net = build(model, 0.35, 10)
    total = cost(net, resolution=(65, 96))
    ran = executed(net, np.zeros((2, 65, 96, 3), np.float32), backward=True)  # two images, counts of one
    for name in _names(total):
        what = total.explain(name, ran)
        assert what.agrees, name
        assert what.ran == (what.macs, what.macs_in_bounds, what.macs_dx, what.macs_dw)
    assert "as the formulas say" in str(total.explain("block3", ran))


def test_what_does_not_run_as_the_formulas_say():
    """The network of another width."""
    ran = executed(build("v1", 0.5, 10), np.zeros((1, 64, 64, 3), np.float32), backward=True)
    what = cost("v1", 0.75, 64, 10).explain("block2", ran)
    assert not what.agrees
    assert "NOT what the formulas say" in str(what)
    assert what.agrees == what.to_dict()["agrees"]


@pytest.mark.parametrize("model", ["v1", "v2", "v3-large"])
def test_everything_that_is_kept(model):
    total = cost(model)
    for name in _names(total):
        what = total.explain(name)
        assert sum(what.kept.values()) == sum(row.kept for row in what.rows)


def test_kept_by_what_it_is():
    assert cost("v3-small").explain("block1").kept == {
        "block1.depthwise: x": 112 * 112 * 16,
        "block1.depthwise: x of BatchNorm": 56 * 56 * 16,
        "block1.depthwise: x of relu": 56 * 56 * 16,
        "block1.squeeze_excite: x": 56 * 56 * 16,
        "block1.squeeze_excite: pooled channels, x and y of relu and hard_sigmoid": 3 * 16 + 2 * 8,
        "block1.project: x": 56 * 56 * 16,
        "block1.project: x of BatchNorm": 56 * 56 * 16,
    }


def test_bytes():
    """V2's third block: expand 24 -> 144 with 144 biases of the folded BatchNorm, and so on; four bytes each."""
    what = cost("v2").explain("block3")
    pixels, weights = 56 * 56, 24 * 144 + 144 + 9 * 144 + 144 + 144 * 24 + 24
    assert what.bytes_moved == 4 * (pixels * (24 + 144 + 144 + 144 + 144 + 24) + weights)
    assert what.bytes_moved_as_one == 4 * (pixels * (24 + 24) + weights)
    assert what.intensity == Fraction(25_740_288, what.bytes_moved)
    one = cost("v2").explain("block3.depthwise")
    assert one.bytes_moved == one.bytes_moved_as_one == 4 * (2 * pixels * 144 + 9 * 144 + 144)


def test_milliseconds():
    what = cost("v2").explain("block3", machine=MACHINE)
    assert what.milliseconds == pytest.approx(
        {
            "multiply": 2.5740288,
            "cache": what.bytes_moved / 1e6,
            "memory": what.bytes_moved / 1e5,
            "cache as one op": what.bytes_moved_as_one / 1e6,
            "memory as one op": what.bytes_moved_as_one / 1e5,
        }
    )
    assert "at least    2.574 ms to multiply\n" in str(what)
    assert "roof        0.3 * 10^9 MACs a second from memory, 3.3 within the cache\n" in str(what)
    assert cost("v2").explain("block3").milliseconds is None


# ---------------------------------------------------------------------------------------------------------------------
# Ratios to a standard convolution


@pytest.mark.parametrize("block", range(1, 14))
def test_separable_blocks_save_what_the_paper_says(block):
    total = cost("v1")
    (standard,) = total.explain(f"block{block}").standard
    assert standard.ratio == Fraction(1, total[f"block{block}.pointwise"].c_out) + Fraction(1, 9)
    merged = cost(full_convolutions(architecture("v1")))
    assert standard.formula.value == merged.explain(f"block{block}").macs


def test_inverted_residual():
    whole, pair = cost("v2").explain("block4").standard  # 24 -> 144 -> 32, stride 2
    assert whole.formula.value == 28 * 28 * 9 * 24 * 32
    assert whole.ratio == Fraction(56 * 56 * 24 * 144 + 28 * 28 * 144 * (9 + 32), whole.formula.value)
    assert pair.formula.value == 28 * 28 * 9 * 144 * 32
    assert (pair.ratio, pair.law) == (Fraction(1, 32) + Fraction(1, 9), "1/N + 1/k^2 = 1/32 + 1/9")


def test_inverted_residual_with_a_gate():
    """The gate's MACs belong to the block, not to the pair that a standard convolution would replace."""
    whole, pair = cost("v3-large").explain("block4").standard  # 5x5, 24 -> 72 -> 40, 24 hidden units
    assert whole.ratio * whole.formula.value == cost("v3-large").explain("block4").macs
    assert pair.ratio == Fraction(1, 40) + Fraction(1, 25)


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("block4.depthwise", Fraction(1, 72)),
        ("block4.expand", Fraction(1, 25)),
        ("block4.project", Fraction(1, 25)),
        ("stem", None),  # is one
        ("head", None),  # nothing to compare with outside of blocks
        ("block4.squeeze_excite", None),
        ("pool", None),
        ("classifier", None),
    ],
)
def test_single_layers(name, ratio):
    assert [standard.ratio for standard in cost("v3-large").explain(name).standard] == ([ratio] if ratio else [])


# ---------------------------------------------------------------------------------------------------------------------
# Names and output


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("blok3", "explain: name 'blok3' is unknown .did you mean 'block3'"),
        ("block99", "explain: name 'block99' is unknown"),
        ("block3.depthwis", "did you mean 'block3.depthwise'.*; choose one of block3.expand, block3.depthwise, block3"),
        (None, "explain: name None is unknown"),
        ("block3.depthwise.conv", "explain: name 'block3.depthwise.conv' is unknown"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError, match=message):
        cost("v2").explain(name)


@pytest.mark.parametrize("model", TABLES)
def test_prints_everything(model):
    total = cost(model)
    for name in _names(total):
        what = total.explain(name, machine=MACHINE)
        text = str(what)
        assert text.startswith(f"{model}, width 1, 224 x 224: {name}\n")
        assert max(map(len, text.splitlines())) <= 119
        assert f"{what.macs:,} MACs" in text or "nothing is multiplied" in text
        assert all(str(standard.ratio) in text for standard in what.standard)


def test_prints_the_receptive_field():
    assert "sees        27 x 27 pixels of the image, 8 from one output to the next\n" in str(
        cost("v2").explain("block4")
    )
    assert "a gate on the way looks at the whole image" in str(cost("v3-large").explain("block5"))
    assert "gate" not in str(cost("v3-large").explain("block3"))


def test_the_images_gradient_is_not_needed():
    assert "none for dx, the image's gradient; 10,838,016 MACs for dw" in str(cost("v2").explain("stem"))


def test_to_dict_survives_json():
    plain = cost("v2").explain("block3", machine=MACHINE).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["macs"], plain["receptive_field"], plain["receptive_field_jump"]) == (25_740_288, [19, 19], 4)
    assert plain["standard"][1]["ratio"] == "11/72"
    assert plain["ran"] is None
