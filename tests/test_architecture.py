"""Table, convention and width together: channel counts, blocks, and where the sources part."""

import dataclasses
import itertools

import pytest

from mobilenet_np.architecture import architecture
from mobilenet_np.convention import convention
from mobilenet_np.costs import cost
from mobilenet_np.tables import TABLES


def _channels(net):
    """Stem, last layer of every block, layer before the pool."""
    return [net.stem.c_out, *(block.rows[-1].c_out for block in net.blocks)]


def _expanded(net):
    return [block.rows[0].c_out if len(block.rows) > 2 else block.rows[0].c_in for block in net.blocks]


def _gates(net):
    return [row.squeeze for row in net.rows if row.op == "squeeze_excite"]


def _tail(net, name):
    return next(row.c_out for row in net.tail if row.name == name)


@pytest.mark.parametrize("model", TABLES)
def test_rows_fit_together(model):
    """Each layer takes what the one before it gives; names are unique; every convolution is normalized."""
    for width in (0.35, 1.0, 1.4):
        net = architecture(model, width, classes=10)
        rows = list(net.rows)
        assert rows[0].c_in == 3
        assert rows[-1].c_out == 10
        for before, after in itertools.pairwise(rows):
            assert before.c_out == after.c_in
        assert len({row.name for row in rows}) == len(rows)
        for row in rows:
            assert row.batch_norm == row.op.endswith("conv2d")
            assert row.bias == (row.op in ("linear", "squeeze_excite"))
            assert bool(row.padding) == (row.op in ("conv2d", "depthwise_conv2d"))
        for block in net.blocks:
            same = block.rows[0].c_in == block.rows[-1].c_out and all(row.stride == 1 for row in block.rows)
            assert block.residual == (same and net.convention.version != "v1")
        assert sum(row.stride == 2 for row in rows) == 5


@pytest.mark.parametrize(
    ("model", "layers", "residuals", "gates"),
    [("v1", 27, 0, 0), ("v2", 52, 10, 0), ("v3-large", 46, 10, 8), ("v3-small", 34, 6, 9)],
)
def test_layer_counts(model, layers, residuals, gates):
    net = architecture(model)
    assert sum(row.batch_norm for row in net.rows) == layers
    assert sum(block.residual for block in net.blocks) == residuals
    assert len(_gates(net)) == gates


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        (0.35, [16, 8, 8, 16, 24, 32, 56, 112, 1280]),
        (0.5, [16, 8, 16, 16, 32, 48, 80, 160, 1280]),
        (0.75, [24, 16, 24, 24, 48, 72, 120, 240, 1280]),
        (1.0, [32, 16, 24, 32, 64, 96, 160, 320, 1280]),
        (1.3, [40, 24, 32, 40, 80, 128, 208, 416, 1664]),
        (1.4, [48, 24, 32, 48, 88, 136, 224, 448, 1792]),
    ],
)
@pytest.mark.parametrize("source", ["tf", "keras", "torchvision", "timm"])
def test_v2_widths(width, channels, source):
    net = architecture("v2", width, convention=source)
    stages = [_channels(net)[1:][first] for first in (0, 1, 3, 6, 10, 13, 16)]
    assert [net.stem.c_out, *stages, _tail(net, "head")] == channels


def test_keras_v2_differs_at_these_widths_alone():
    """It truncates channels * width before rounding to multiples of 8."""
    steps = [n / 100 for n in range(5, 251)]
    different = {
        width
        for width in steps
        if _channels(architecture("v2", width, convention="keras")) != _channels(architecture("v2", width))
    }
    assert different == {0.14, 0.28, 0.42, 0.56, 0.84, 1.12, 1.49, 1.67, 1.68, 2.23, 2.24}
    for source in ("torchvision", "timm"):
        assert all(
            _channels(architecture("v2", width, convention=source)) == _channels(architecture("v2", width))
            for width in steps
        )


def test_v1_widths():
    """Truncated in slim (at least 8) and Keras, rounded to multiples of 8 in timm: equal at the published widths."""
    for width in (1.0, 0.75, 0.5, 0.25):
        widths = {tuple(_channels(architecture("v1", width, convention=s))) for s in ("tf", "keras", "timm")}
        assert len(widths) == 1
    stems = {source: architecture("v1", 0.6, convention=source).stem.c_out for source in ("tf", "keras", "timm")}
    assert stems == {"tf": 19, "keras": 19, "timm": 24}
    assert architecture("v1", 0.1).stem.c_out == 8
    assert architecture("v1", 0.1, convention="keras").stem.c_out == 3


def test_gates():
    """A quarter of the expanded channels, to a multiple of 8."""
    assert _gates(architecture("v3-large")) == [24, 32, 32, 120, 168, 168, 240, 240]
    assert _gates(architecture("v3-small")) == [8, 24, 64, 64, 32, 40, 72, 144, 144]
    assert _gates(architecture("v3-large-minimalistic")) == []


def test_v3_expansion_below_width_1():
    """slim scales the table's ratio, torchvision the table's size: another network under the same name."""
    assert _expanded(architecture("v3-large", 0.75)) == [
        16, 64, 72, 72, 96, 96, 192, 160, 144, 144, 384, 528, 528, 720, 720,
    ]  # fmt: skip
    assert _expanded(architecture("v3-large", 0.75, convention="torchvision")) == [
        16, 48, 56, 56, 88, 88, 184, 152, 136, 136, 360, 504, 504, 720, 720,
    ]  # fmt: skip
    for source in ("keras", "timm"):
        assert _expanded(architecture("v3-large", 0.75, convention=source)) == _expanded(architecture("v3-large", 0.75))


@pytest.mark.parametrize("model", TABLES)
def test_sources_agree_at_width_1(model):
    sources = ("tf", "keras", "timm") if model == "v1" else ("tf", "keras", "torchvision", "timm")
    sizes = {(c.params_trainable, c.macs) for c in (cost(model, convention=source) for source in sources)}
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("source", "width", "stem", "hidden"),
    [
        ("tf", 0.5, 8, 1280), ("keras", 0.5, 16, 1280), ("torchvision", 0.5, 8, 640), ("timm", 0.5, 16, 1280),
        ("timm", 0.75, 16, 1280), ("torchvision", 0.75, 16, 960),
        ("tf", 1.25, 24, 1600), ("keras", 1.25, 16, 1600), ("torchvision", 1.25, 24, 1600), ("timm", 1.25, 24, 1280),
    ],
)  # fmt: skip
def test_v3_stem_and_head(source, width, stem, hidden):
    net = architecture("v3-large", width, convention=source)
    assert (net.stem.c_out, _tail(net, "hidden")) == (stem, hidden)


def test_last_layer_grows_but_does_not_shrink():
    assert [_tail(architecture("v2", width), "head") for width in (0.35, 1.0, 1.4)] == [1280, 1280, 1792]


def test_nonlinearities():
    v2, v3 = architecture("v2"), architecture("v3-large")
    assert {block.rows[-1].act for net in (v2, v3) for block in net.blocks} == {""}  # linear bottlenecks
    assert {row.act for row in v2.rows if row.name.endswith("expand")} == {"relu6"}
    assert [block.rows[0].act for block in v3.blocks] == ["relu"] * 6 + ["hard_swish"] * 9
    assert {row.act for row in architecture("v3-small-minimalistic").rows} == {"relu", ""}
    assert {row.act for row in architecture("v1").rows} == {"relu6", ""}


def test_keras_v1_pads_depthwise_layers_of_stride_2_its_own_way():
    rows = list(architecture("v1", convention="keras").rows)
    assert {row.padding for row in rows if row.stride == 2 and row.op == "depthwise_conv2d"} == {"tf-even"}
    assert {row.padding for row in rows if row.stride == 1 and row.op == "depthwise_conv2d"} == {"tf"}
    assert rows[0].padding == "tf"


def test_dropout():
    assert architecture("v2").dropout == 0.2
    assert [row.op for row in architecture("v2").tail][-2] == "dropout"
    assert "dropout" not in [row.op for row in architecture("v2", convention="keras").tail]
    assert architecture("v2", dropout=0.5).dropout == 0.5


def test_takes_a_convention_of_ones_own():
    rules = dataclasses.replace(convention("tf", "v2"), padding="torch")
    assert architecture("v2", convention=rules).stem.padding == "torch"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(model="v2-large"), "architecture: model 'v2-large' is unknown"),
        (dict(model="v3"), "choose one of v1, v2, v3-large"),
        (dict(model="v2", width=0), "architecture: width is 0"),
        (dict(model="v2", width=float("inf")), "architecture: width is inf"),
        (dict(model="v2", width="1"), "architecture: width is '1'"),
        (dict(model="v2", classes=10.0), "architecture: classes is 10.0"),
        (dict(model="v1", width=0.02, convention="keras"), "width 0.02 leaves none of 32 channels"),
        (dict(model="v2", convention=convention("tf", "v1")), "is not one for v2"),
        (dict(model="v2", dropout=1.0), "architecture: dropout is 1.0; it must be at least 0 and below 1"),
        (dict(model="v2", dropout=-0.1), "architecture: dropout is -0.1"),
        (dict(model="v2", dropout=float("nan")), "architecture: dropout is nan"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        architecture(**arguments)
