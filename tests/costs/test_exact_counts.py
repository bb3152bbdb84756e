"""Every count of exact_counts.json, by library, and every layer of arch.json, equals the closed forms."""

import json
from pathlib import Path

import pytest

from mobilenet_np.costs import cost

DATA = Path(__file__).parents[1] / "data"
COUNTS = json.loads((DATA / "exact_counts.json").read_text())
ARCHITECTURES = json.loads((DATA / "arch.json").read_text())["models"]

LIBRARIES = {"torchvision": "torchvision", "keras": "keras", "tensorflow/models slim (layer tables)": "tf"}
MODELS = {
    "mobilenet_v1": "v1",
    "mobilenet_v2": "v2",
    "mobilenet_v3_large": "v3-large",
    "mobilenet_v3_small": "v3-small",
    "mobilenet_v3_large_minimalistic": "v3-large-minimalistic",
    "mobilenet_v3_small_minimalistic": "v3-small-minimalistic",
    "MobileNet": "v1",
    "MobileNetV2": "v2",
    "MobileNetV3Large": "v3-large",
    "MobileNetV3Small": "v3-small",
    "MobileNetV3LargeMinimalistic": "v3-large-minimalistic",
    "MobileNetV3SmallMinimalistic": "v3-small-minimalistic",
}


def _binned(library, model, c):
    """Pointwise and linear MACs as the library's layers are named."""
    ops = c.macs_by_op
    if library == "keras" and model != "v2":  # gates and heads are 1x1 convolutions
        return ops["pointwise_conv2d"] + ops["squeeze_excite"] + ops["linear"], 0
    if library == "torchvision":  # gates are 1x1 convolutions
        return ops["pointwise_conv2d"] + ops["squeeze_excite"], ops["linear"]
    return ops["pointwise_conv2d"], ops["linear"]


def _outputs(library, c):
    """Sum of outputs, of the layers that the library calls a convolution (torchvision), or of all but the gates'."""
    if library != "torchvision":
        return c.activations
    gates = sum(row.c_in + row.squeeze for row in c.rows if row.op == "squeeze_excite")
    linears = sum(row.c_out for row in c.rows if row.op == "linear")
    return c.activations + gates - linears


def _label(row):
    return f"{LIBRARIES[row['library']]}-{row['model']}-{row['width']}-{row['resolution']}-{row['classes']}"


@pytest.mark.parametrize("row", COUNTS, ids=_label)
def test_every_count(row):
    library, model = LIBRARIES[row["library"]], MODELS[row["model"]]
    c = cost(model, row["width"], row["resolution"], row["classes"], library)
    pointwise, linear = _binned(library, model, c)
    ours = {
        "params_trainable": c.params_trainable,
        "params_total_incl_bn_stats": c.params_total,
        "params_bn_folded": c.params_folded,
        "conv_linear_weights": c.params_weights,
        "conv_linear_biases": c.biases,
        "bn_channels": c.bn_channels,
        "macs": c.macs,
        "macs_depthwise": c.macs_by_op["depthwise_conv2d"],
        "macs_pointwise": pointwise,
        "macs_kxk": c.macs_by_op["conv2d"],
        "macs_linear": linear,
        # torchvision's BatchNorms also count their batches, one number each.
        "state_dict_numel": c.params_total + sum(row.bn_channels > 0 for row in c.rows),
        "macs_se": c.macs_by_op["squeeze_excite"],
        "conv_out_activations": _outputs(library, c),
        "params_readme_v1_convention": c.params_weights + c.biases + 3 * c.bn_channels,
    }
    theirs = {key: row[key] for key in row.keys() - {"library", "version", "model", "width", "resolution", "classes"}}
    del theirs["note"]
    assert theirs == {key: ours[key] for key in theirs}


def test_all_counts_are_here():
    assert len(COUNTS) == 252
    assert {row["library"] for row in COUNTS} == set(LIBRARIES)
    assert {row["model"] for row in COUNTS} == set(MODELS)


OPS = {"conv": "conv2d", "dw": "depthwise_conv2d", "pw": "pointwise_conv2d", "se": "squeeze_excite", "fc": "linear"}
ACTS = {"relu6": "relu6", "RE": "relu", "HS": "hard_swish", "linear": "", None: "", "hsigmoid": ""}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_layer(name):
    model, _, width = name.rpartition("_")
    c = cost(model.replace("_", "-"), float(width))
    residual = {block.rows[-1].name: block.residual for block in c.architecture.blocks}
    rows = [row for row in c.rows if row.macs]
    assert len(rows) == len(ARCHITECTURES[name])
    for row, layer in zip(rows, ARCHITECTURES[name], strict=True):
        ours = dict(
            op=row.op, k=row.kernel, s=row.stride, cin=row.c_in, cout=row.c_out, hin=row.h_in, hout=row.h_out,
            weights=row.weights, bias=row.biases, bn=row.bn_channels, macs=row.macs, act=row.act,
            residual=residual.get(row.name, False), squeeze=row.squeeze,
        )  # fmt: skip
        theirs = layer | dict(op=OPS[layer["op"]], act=ACTS[layer["act"]])
        theirs.setdefault("residual", False)
        theirs.setdefault("squeeze", 0)
        del theirs["name"]
        assert ours == theirs, layer["name"]
        assert (row.w_in, row.w_out) == (row.h_in, row.h_out)


def test_all_architectures_are_here():
    assert len(ARCHITECTURES) == 18
