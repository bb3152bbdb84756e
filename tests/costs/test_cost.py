"""`cost`: totals of the standard networks, memory, what it accepts and refuses, how it prints."""

import ast
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import mobilenet_np.costs
from mobilenet_np.architecture import architecture
from mobilenet_np.convention import convention
from mobilenet_np.costs import cost

TOTALS = {  # trainable, total, folded, weights, MACs at 224 and by op (conv2d, depthwise, pointwise, gates, linear)
    "v1": (4231976, 4253864, 4221032, 4209088, 568740352, (10838016, 17385984, 539492352, 0, 1024000)),
    "v2": (3504872, 3538984, 3487816, 3469760, 300774272, (10838016, 20716416, 267939840, 0, 1280000)),
    "v3-large": (5483032, 5507432, 5470832, 5451272, 216589760, (5419008, 18392640, 188762112, 1507200, 2508800)),
    "v3-small": (2542856, 2554968, 2536800, 2525832, 56510400, (5419008, 7460544, 41558272, 458752, 1613824)),
    "v3-large-minimalistic": (
        3924288, 3948688, 3912088, 3897608, 209136704, (5419008, 12446784, 188762112, 0, 2508800),
    ),
    "v3-small-minimalistic": (
        2044736, 2056848, 2038680, 2030600, 52288448, (5419008, 3697344, 41558272, 0, 1613824),
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", TOTALS)
def test_totals(model):
    c = cost(model)
    ours = (c.params_trainable, c.params_total, c.params_folded, c.params_weights, c.macs, tuple(c.macs_by_op.values()))
    assert ours == TOTALS[model]
    assert sum(c.macs_by_op.values()) == c.macs
    assert sum(c.weights_by_op.values()) == c.params_weights
    assert sum(c.params_by_kind.values()) == c.params_total


MILLIONS = {  # trainable parameters; millions of MACs at 224, 192, 160, 128, 96
    ("v1", 1.0): (4231976, "568.740 418.122 290.675 186.401"),
    ("v1", 0.75): (2585560, "325.400 239.273 166.397 106.770"),
    ("v1", 0.5): (1331592, "149.497 109.970 76.525 49.160"),
    ("v1", 0.25): (470072, "41.030 30.213 21.059 13.570"),
    ("v2", 1.4): (6108776, "582.196 428.211 297.916 191.312 108.397"),
    ("v2", 1.3): (5386792, "509.375 374.676 260.700 167.447 94.917"),
    ("v2", 1.0): (3504872, "300.774 221.317 154.083 99.074 56.289"),
    ("v2", 0.75): (2636424, "209.070 153.942 107.295 69.130 39.445"),
    ("v2", 0.5): (1968680, "97.132 71.702 50.184 32.579 18.885"),
    ("v2", 0.35): (1677128, "59.286 43.897 30.875 20.221 11.934"),
    ("v3-large", 1.0): (5483032, "216.590 160.193 112.472 73.428 43.060"),
    ("v3-small", 1.0): (2542856, "56.510 42.068 29.847 19.848 12.071"),
    ("v3-large", 0.75): (3993528, "154.561"),
    ("v3-small", 0.75): (2041872, "43.399"),
}


@pytest.mark.parametrize("model", MILLIONS, ids=str)
def test_widths_and_resolutions(model):
    params, macs = MILLIONS[model]
    costs = [cost(*model, resolution) for resolution, _ in zip((224, 192, 160, 128, 96), macs.split(), strict=False)]
    assert {c.params_trainable for c in costs} == {params}
    assert " ".join(f"{c.macs / 1e6:.3f}" for c in costs) == macs


def test_resolution_256():
    assert [round(cost(model, resolution=256).macs / 1e6, 3) for model in ("v3-large", "v3-small")] == [281.663, 73.175]


def test_smallest_published_v2():
    """V2's paper says that its MACs range from 7 million; the smallest in its own table has 11.9."""
    assert cost("v2", 0.35, 96).macs == 11_934_128


@pytest.mark.parametrize(
    ("model", "trainable"), [("v1", 4233001), ("v2", 3506153), ("v3-large", 5484313), ("v3-small", 2543881)]
)
def test_1001_classes(model, trainable):
    assert cost(model, classes=1001).params_trainable == trainable


def test_torchvisions_075_is_another_network():
    ours = {
        (model, source): (c.params_trainable, round(c.macs / 1e6, 2))
        for model in ("v3-large", "v3-small")
        for source in ("torchvision", "keras", "timm", "tf")
        for c in [cost(model, 0.75, convention=source)]
    }
    assert {(model, source): counts for (model, source), counts in ours.items() if source == "torchvision"} == {
        ("v3-large", "torchvision"): (3377576, 140.03),
        ("v3-small", "torchvision"): (1653920, 39.12),
    }
    for source in ("keras", "timm", "tf"):
        assert ours["v3-large", source] == (3993528, 154.56)
        assert ours["v3-small", source] == (2041872, 43.4)


def test_the_gate_that_only_the_paper_has():
    """V3's Table 2 ticks a gate on the last 1x1 convolution, 576 channels; no implementation has it."""
    v3 = architecture("v3-small")
    gate = dataclasses.replace(v3.blocks[-1].rows[2], name="gate")
    assert (gate.op, gate.c_in, gate.squeeze) == ("squeeze_excite", 576, 144)
    with_gate = dataclasses.replace(v3, tail=(v3.tail[0], gate, *v3.tail[1:]))
    assert cost(with_gate).params_trainable - cost(v3).params_trainable == 166_608


# ---------------------------------------------------------------------------------------------------------------------
# Training


@pytest.mark.parametrize(
    ("model", "step"), [("v1", 1695383040), ("v2", 891484800), ("v3-large", 644350272), ("v3-small", 164112192)]
)
def test_training_step(model, step):
    """Three times the forward pass; the first layer needs no gradient of its input."""
    c = cost(model)
    assert c.macs_train_step == step == 3 * c.macs - c["stem"].macs
    assert (c.macs_dx, c.macs_dw) == (c.macs - c["stem"].macs, c.macs)


@pytest.mark.parametrize("style", ["tf", "torch"])
@pytest.mark.parametrize(
    ("model", "macs"), [("v1", 567875744), ("v2", 299676304), ("v3-large", 214837832), ("v3-small", 55293704)]
)
def test_without_products_with_padding_zeros(model, macs, style):
    """The same for both styles of padding at 224."""
    rules = dataclasses.replace(convention("tf", model[:2]), padding=style, depthwise_padding=style)
    assert cost(model, convention=rules).macs_in_bounds == macs


# ---------------------------------------------------------------------------------------------------------------------
# Memory


@pytest.mark.parametrize(
    ("model", "peak", "by_block", "outputs", "in_and_out"),
    [
        ("v1", 1204224, 1204224, 5043688, 10187753),
        ("v2", 1505280, 602112, 6679112, 13446313),
        ("v3-large", 1003520, 401408, 4402088, 8917785),
        ("v3-small", 351232, 351232, 1414792, 2957241),
    ],
)
def test_activations(model, peak, by_block, outputs, in_and_out):
    c = cost(model)
    assert (c.peak_activations, c.peak_activations_by_block, c.activations) == (peak, by_block, outputs)
    assert cost(model, classes=1001).activations_in_and_out == in_and_out
    assert 2.8 < c.kept_for_backward / c.activations < 3.3


def test_bn_channels():
    channels = {model: cost(model).bn_channels for model in ("v1", "v2", "v3-large", "v3-small")}
    assert channels == {"v1": 10944, "v2": 17056, "v3-large": 12200, "v3-small": 6056}


def test_bytes():
    c = cost("v1")
    single, half = c.bytes("float32"), c.bytes("float16")
    assert single["params_total"] == 4 * 4253864 == 2 * half["params_total"]
    assert single["params_folded"] == 4 * 4221032
    assert single["peak_activations"] == 4 * 1204224
    double = c.bytes("float32", batch=2)
    assert double["params_total"] == single["params_total"]
    assert double["peak_activations"] == 2 * single["peak_activations"]
    # Statistics come once a batch, dropout's mask with every image and at one byte an element.
    assert single["kept_for_backward"] == 4 * (c.kept_for_backward + 3 * 10944) + 1024
    with pytest.raises(ValueError, match=r"Cost\.bytes: batch is 0"):
        c.bytes(batch=0)


# ---------------------------------------------------------------------------------------------------------------------
# Scaling laws of the multipliers


def test_width_is_quadratic_in_pointwise_and_linear_in_depthwise():
    one, half = cost("v1").macs_by_op, cost("v1", 0.5).macs_by_op
    assert one["pointwise_conv2d"] == 4 * half["pointwise_conv2d"]
    assert one["depthwise_conv2d"] == 2 * half["depthwise_conv2d"]


@pytest.mark.parametrize("model", ["v1", "v2", "v3-large", "v3-small"])
def test_resolution_is_quadratic_in_convolutions_alone(model):
    large, small = cost(model, resolution=192).macs_by_op, cost(model, resolution=96).macs_by_op
    for op in ("conv2d", "depthwise_conv2d", "pointwise_conv2d"):
        assert large[op] == 4 * small[op]
    assert (large["linear"], large["squeeze_excite"]) == (small["linear"], small["squeeze_excite"])


@pytest.mark.parametrize(("source", "sizes"), [("keras", [113, 56, 28, 14, 7]), ("tf", [113, 57, 29, 15, 8])])
def test_keras_v1_rounds_odd_sizes_down(source, sizes):
    rows = cost("v1", resolution=225, convention=source).rows
    assert [row.h_out for row in rows if row.stride == 2] == sizes
    assert [row.w_out for row in rows if row.stride == 2] == sizes


def test_height_and_width_are_told_apart():
    tall, wide = cost("v2", resolution=(97, 160)), cost("v2", resolution=(160, 97))
    assert (tall["stem"].h_out, tall["stem"].w_out) == (49, 80) == (wide["stem"].w_out, wide["stem"].h_out)
    assert tall.macs == wide.macs
    assert cost("v2", resolution=(224, 224)) == cost("v2", resolution=224) == cost("v2", resolution=np.int64(224))


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


def test_takes_an_architecture_or_anything_with_one():
    net = architecture("v3-small", 0.5, classes=10, convention="keras")

    class Network:
        architecture = net

    assert cost(net) == cost(Network()) == cost("v3-small", 0.5, classes=10, convention="keras")


@pytest.mark.parametrize("argument", [dict(width=1.0), dict(classes=1000), dict(convention="tf")])
def test_an_architecture_settles_the_rest(argument):
    with pytest.raises(ValueError, match="cost: width, classes and convention are settled by the architecture"):
        cost(architecture("v1"), **argument)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(network="v4"), "architecture: model 'v4' is unknown"),
        (dict(network=None), "cost: None is neither a model's name nor an architecture"),
        (dict(network="v1", width=float("nan")), "architecture: width is nan"),
        (dict(network="v1", width=-1.0), "architecture: width is -1.0"),
        (dict(network="v1", width=0.01, convention="keras"), "width 0.01 leaves none of 32 channels"),
        (dict(network="v1", classes=0), "architecture: classes is 0"),
        (dict(network="v1", convention="caffe"), "convention: source 'caffe' is unknown"),
        (dict(network="v1", convention="torchvision"), "torchvision has no MobilenetV1"),
        (dict(network="v1", resolution=0), "cost: resolution is 0; it must be a positive integer"),
        (dict(network="v1", resolution=-224), "cost: resolution is -224"),
        (dict(network="v1", resolution=224.0), "cost: resolution is 224.0"),
        (dict(network="v1", resolution=True), "cost: resolution is True"),
        (dict(network="v1", resolution=float("nan")), "cost: resolution is nan"),
        (dict(network="v1", resolution="224"), "cost: resolution is '224'"),
        (dict(network="v1", resolution=(224, 0)), "cost: resolution is 0"),
        (dict(network="v1", resolution=(224, 224, 3)), r"cost: resolution is \(224, 224, 3\); it must be one side"),
        (
            dict(network="v1", resolution=9, convention="keras"),
            "cost: the resolution is too small: height 1 is left at block6.depthwise, whose window of 3 does not fit",
        ),
        (dict(network="v1", resolution=(224, 9), convention="keras"), "cost: the resolution is too small: width 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        cost(**arguments)


def test_every_other_convention_runs_down_to_one_pixel():
    assert cost("v2", resolution=1).macs == cost("v2", resolution=1, convention="torchvision").macs > 0


# ---------------------------------------------------------------------------------------------------------------------
# Output


def test_prints_a_line_a_layer():
    c = cost("v3-small")
    lines = str(c).splitlines()
    assert lines[0] == "v3-small, width 1, 224 x 224, 1000 classes, tf convention"
    table = lines[3 : 3 + len(c.rows)]
    assert [line.split()[0] for line in table] == [row.name for row in c.rows]
    assert table[1].endswith("451,584  Ho*Wo*k^2*C = 56*56*3^2*16")
    total = next(line for line in lines if line.startswith("total"))
    assert total.split()[1:] == ["2,542,856", "56,510,400"]
    assert len({line.rindex("  ") for line in table if " = " in line}) == 1  # the columns line up
    assert max(map(len, lines)) <= 120


def test_to_dict_survives_json():
    c = cost("v2", 0.35, (96, 128), 10, "torchvision")
    plain = json.loads(json.dumps(c.to_dict()))
    assert plain == c.to_dict()
    assert plain["resolution"] == [96, 128]
    assert plain["macs"] == c.macs == sum(layer["macs"] for layer in plain["layers"])
    assert {"macs_by_op", "macs_train_step", "params_trainable", "params_total", "params_weights", "params_folded"} <= (
        plain.keys()
    )


def test_every_total_is_an_integer():
    def leaves(value):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item) if isinstance(item, (dict, list)) else [item]

    plain = cost("v3-large", resolution=np.int32(97)).to_dict()
    del plain["width"]  # the one fraction
    assert {type(leaf) for leaf in leaves(plain)} == {int, str}


def test_layer_by_name():
    assert cost("v1")["stem"].macs == 10_838_016
    with pytest.raises(KeyError, match=r"v1 has no layer 'stem\.conv'"):
        cost("v1")["stem.conv"]


def test_sees_no_layer():
    """The closed forms read the tables and nothing that computes."""
    allowed = {"geometry", "errors", "tables", "convention", "architecture", "receptive_field"}
    for path in Path(mobilenet_np.costs.__file__).parent.glob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert {node.module for node in imports if node.level == 2} <= allowed
        assert not any((node.module or "").startswith("mobilenet_np") for node in imports)
