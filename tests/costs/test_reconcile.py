"""Which number did you read? Totals recorded from the tools (tests/support/counters.py), rebuilt from the columns."""

import json
from pathlib import Path

import pytest

from mobilenet_np.architecture import architecture
from mobilenet_np.costs import cost
from mobilenet_np.costs.counters import VERSIONS, columns, rules
from mobilenet_np.costs.ledger import COUNTS, network_of
from mobilenet_np.costs.published import published
from mobilenet_np.costs.reconcile import _TERMS, Reading
from mobilenet_np.costs.variants import shallow
from mobilenet_np.counted import execute
from mobilenet_np.tables import TABLES

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "counters.json").read_text())
NETWORKS = sorted({(r["layers"], r["model"], r["width"], r["resolution"]) for r in RECORDED["readings"]})


@pytest.mark.parametrize(("layers", "model", "width", "resolution"), NETWORKS)
def test_every_tool(layers, model, width, resolution):
    where = dict(layers=layers, model=model, width=width, resolution=resolution)
    recorded = {
        (r["tool"], r["unit"]): r["value"] for r in RECORDED["readings"] if all(r[k] == v for k, v in where.items())
    }
    table = cost(model, width, resolution, convention=layers).reconcile()
    rebuilt = {(r.source, r.unit): r.value for r in table.readings if r.layers == layers}
    assert rebuilt == recorded
    assert len(recorded) == 13


def test_recorded_with_the_versions_that_the_rules_were_read_off():
    assert {name: version.partition("+")[0] for name, version in RECORDED["versions"].items()} == {
        name: version for name, version in VERSIONS.items() if name != "keras"
    }


def test_mobilenet_v2_is_many_numbers():
    table = cost("v2").reconcile()
    assert sorted({r.value for r in table.readings if r.layers == "torchvision" and r.unit != "parameters"}) == [
        300_774_272, 300_775_272, 300_809_384, 314_193_216, 320_300_008, 327_486_720, 601_548_544, 614_967_488,
    ]  # fmt: skip


@pytest.mark.parametrize("model", TABLES)
def test_a_reading_is_the_sum_of_its_terms(model):
    table = cost(model).reconcile()
    values = columns(table.cost)
    for reading in table.readings:
        assert reading.value == sum(times * value for times, value in reading.terms.values())
        assert all(value > 0 and times != 0 for times, value in reading.terms.values())
        if not reading.printed:
            assert all(values[name] == value for name, (_, value) in reading.terms.items())


def test_a_reading_in_words_and_in_numbers():
    (reading,) = cost("v3-small").reconcile().reads(55_515_200).readings
    assert (reading.source, reading.layers) == ("thop", "timm")
    assert reading.names == "MACs - MACs of the classifier + pool inputs + pool outputs"
    assert reading.numbers == "56,510,400 - 1,024,000 + 28,224 + 576"


@pytest.mark.parametrize("count", _TERMS)
def test_terms_say_what_the_ledger_counts(count):
    for number in published():
        if number.count == count:
            total = cost(network_of(number), resolution=number.resolution)
            assert COUNTS[count](total) == sum(n * columns(total)[name] for name, n in _TERMS[count].items())


def test_columns_agree_with_what_ran():
    """Sizes that the columns get from the table, from the arrays of a network that ran."""
    values = columns(cost("v3-small", 0.5, 64, convention="torchvision"))
    ran = execute(architecture("v3-small", 0.5, convention="torchvision"), 64)
    gates = [row for row in ran.rows if row.op == "squeeze_excite"]
    norms = [row for row in ran.rows if row.name.endswith(".conv")]
    assert values["MACs"] == ran.macs
    assert (values["biases"], values["BatchNorm channels"]) == (ran.biases, ran.bn_channels)
    assert values["BatchNorm outputs"] == sum(row.y_shape[1] * row.y_shape[2] * row.y_shape[3] for row in norms)
    sizes = [row.x_shape[1] * row.x_shape[2] * row.x_shape[3] for row in gates]
    assert values["gates' pool inputs"] == values["gates' multiplications"] == sum(sizes)
    assert values["gates' pool outputs"] == values["hard-sigmoid outputs"] == sum(row.x_shape[3] for row in gates)


def test_residual_additions():
    """Ten of V2's seventeen blocks: 1 of 24 channels at 56, 2 of 32, 3 of 64, 2 of 96, 2 of 160."""
    sizes = 24 * 56**2 + 2 * 32 * 28**2 + (3 * 64 + 2 * 96) * 14**2 + 2 * 160 * 7**2
    assert cost("v2").residual_additions == sizes == 216_384
    assert cost("v1").residual_additions == 0


# ---------------------------------------------------------------------------------------------------------------------
# What is published


def _published(total):
    return [(r.source, r.printed, r.value) for r in total.reconcile().readings if r.printed]


def test_published_beside_exact():
    assert ("arXiv:1801.04381 Table 4", "300", 300_774_272) in _published(cost("v2"))
    slim = "tensorflow/models research/slim/nets/mobilenet_v1.md"
    assert (slim, "317", 325_400_448 + 768 - 8_128_512) in _published(cost("v1", 0.75))  # 1001 classes, no stem
    small = _published(cost("v3-small"))
    assert ("arXiv:1905.02244 (ICCV text) Table 3", "66", 56_913_856) in small
    assert ("arXiv:1905.02244v5 Table 3", "56", 56_510_400) in small


def test_dogs_are_another_network():
    """V1's Table 10 has 120 classes."""
    assert not {printed for source, printed, _ in _published(cost("v1")) if "Table 10" in source and "." in printed}


@pytest.mark.parametrize(
    "total",
    [
        cost("v2", classes=10),
        cost("v2", 0.42),
        cost("v2", resolution=(224, 192)),
        cost("v3-large", 0.75, convention="torchvision"),  # another network than the one that is published
        cost(shallow(architecture("v1"))),
    ],
    ids=["classes", "width", "not square", "another 0.75", "shallow"],
)
def test_nothing_is_published_for_other_networks(total):
    assert _published(total) == []
    assert total.reconcile().readings


def test_the_same_network_by_another_convention():
    assert _published(cost("v2", convention="keras")) == _published(cost("v2"))


# ---------------------------------------------------------------------------------------------------------------------
# Looking up a number


@pytest.mark.parametrize(
    ("number", "value", "reads"),
    [
        (320_300_008, 320_300_008, True),
        ("320,300,008", 320_300_008, True),
        (320_300_009, 320_300_008, False),
        ("320.3M", 320_300_008, True),
        ("320M", 320_300_008, True),
        ("321M", 320_300_008, False),
        ("0.32G", 320_300_008, True),
        ("327M", 327_486_720, True),
        ("0.33 g", 327_486_720, True),  # rounded
        ("0.32G", 327_486_720, True),  # cut off
        ("0.34G", 327_486_720, False),
    ],
)
def test_reads(number, value, reads):
    assert Reading("a tool", "timm", "MACs", value, {}).reads(number) is reads


def test_reads_what_is_printed_though_wrong():
    sources = {reading.source for reading in cost("v3-small").reconcile().reads("66M").readings}
    assert "arXiv:1905.02244 (ICCV text) Table 3" in sources
    assert not cost("v2").reconcile().reads("66M").readings


@pytest.mark.parametrize("number", ["", "M", "-3M", "1.2.3G", "0", "0.0M", "3T", "1e9", None])
def test_not_a_number(number):
    with pytest.raises(ValueError, match=r"is not a positive number like 300774272, 301M or 0\.32G"):
        cost("v2").reconcile().reads(number)


# ---------------------------------------------------------------------------------------------------------------------
# Output


@pytest.mark.parametrize("model", TABLES)
def test_prints(model):
    table = cost(model).reconcile()
    lines = str(table).splitlines()
    assert lines[0] == f"{model}, width 1, 224 x 224, 1000 classes: which number did you read?"
    assert max(map(len, lines)) <= 119
    text = "\n".join(lines)
    for reading in table.readings:
        assert f"{reading.value:,}" in text
        assert reading.names in " ".join(text.split())


def test_prints_one_reading():
    assert str(cost("v1").reconcile().reads(573_884_392)).splitlines()[2:6] == [
        "Multiplications, as tools report them",
        "  573,884,392  MACs + biases + ReLU6 outputs + 2*pool inputs",
        "               = 568,740,352 + 1,000 + 5,042,688 + 2*50,176",
        "               ptflops, pytorch mode (timm): a layer and the function that it calls both count",
    ]
    assert "None that is known here." in str(cost("v1").reconcile().reads("7G"))


def test_to_dict_survives_json():
    plain = cost("v3-small").reconcile().to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["columns"]["MACs"] == 56_510_400
    fvcore = next(r for r in plain["readings"] if r["source"] == "fvcore" and r["layers"] == "timm")
    assert (fvcore["value"], fvcore["terms"]["BatchNorm outputs"]) == (59_364_160, [2, 1_412_768])


@pytest.mark.parametrize("model", TABLES)
def test_rules_name_columns(model):
    assert {name for rule in rules(model) for name in rule.terms} <= columns(cost(model)).keys()
