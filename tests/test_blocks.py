"""The papers' blocks: what they are made of, and that their gradients are right."""

import dataclasses

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.architecture import architecture
from mobilenet_np.blocks import ConvBNAct, Dense, block_of, layer_of
from mobilenet_np.layers import Activation, Residual, Sequential

RNG = np.random.default_rng(0)


def _block(model, number, stride=None, kernel=None, width=0.25, source="keras"):
    """One block of a network in float64, with BatchNorms that are neither 0 nor 1."""
    net = architecture(model, width, 5, source, dropout=0)
    block = net.blocks[number - 1]
    if stride or kernel:
        change = {k: v for k, v in (("stride", stride), ("kernel", kernel)) if v}
        rows = tuple(dataclasses.replace(r, **change) if r.op == "depthwise_conv2d" else r for r in block.rows)
        block = dataclasses.replace(block, rows=rows, residual=block.residual and stride != 2)
    layer = block_of(block, net, "float64", np.random.default_rng(0))
    for name, array in layer.params.items():
        array[...] = RNG.uniform(0.5, 1.5, array.shape) if name.endswith("gamma") else RNG.standard_normal(array.shape)
    return layer, block.rows[0].c_in


BLOCKS = {
    "separable": ("v1", 2),
    "inverted residual without expansion": ("v2", 1),
    "inverted residual": ("v2", 2),
    "inverted residual with skip": ("v2", 3),
    "with squeeze-excite": ("v3-small", 4),
    "with squeeze-excite and skip": ("v3-small", 5),
    "hard swish without gate": ("v3-large", 8),
    "minimalistic": ("v3-small-minimalistic", 3),
}


@pytest.mark.parametrize("size", [(4, 6), (5, 7)], ids=["even", "odd"])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", BLOCKS)
def test_gradients(name, stride, kernel, size):
    """Some entries of every array and a random direction through all of them; by complex step, which has no step and so
    no kinks, to 1e-12, and by differences to 1e-7."""
    for batch in (1, 3):
        layer, c_in = _block(*BLOCKS[name], stride, kernel)
        x = RNG.standard_normal((batch, *size, c_in))
        mn.gradcheck(layer, x, elements=2, method="complex", rtol=1e-12).assert_ok()
    mn.gradcheck(layer, x, elements=2, method="central").assert_ok()


@pytest.mark.parametrize("form", ["loops", "numpy", "numba"])
def test_gradients_in_every_form(form):
    layer, c_in = _block("v3-small", 4)
    with mn.form(form):
        mn.gradcheck(layer, RNG.standard_normal((2, 5, 4, c_in)), elements=2, rtol=1e-12).assert_ok()


def test_separable_block():
    layer, _ = _block("v1", 2)
    assert type(layer) is Sequential
    assert [leaf.op for _, leaf in layer.walk()] == [
        *("depthwise_conv2d", "batch_norm", "relu6"),
        *("pointwise_conv2d", "batch_norm", "relu6"),
    ]


def test_inverted_residual_ends_linear():
    layer, _ = _block("v2", 3)
    assert type(layer) is Residual
    assert list(layer.children) == ["expand", "depthwise", "project"]
    assert list(layer.children["project"].children) == ["conv", "bn"]


def test_gate_sits_between_depthwise_and_projection():
    layer, _ = _block("v3-small", 4)
    assert list(layer.children) == ["expand", "depthwise", "squeeze_excite", "project"]


def test_residual_only_where_input_and_output_agree():
    kinds = [block.residual for block in architecture("v2").blocks]
    assert sum(kinds) == 10
    assert len(kinds) == 17


def test_layer_of_every_row():
    net = architecture("v3-small", 0.5, 7, "tf")
    for row in net.rows:
        layer = layer_of(row, net, "float32", np.random.default_rng(0))
        if row.batch_norm:
            assert isinstance(layer, ConvBNAct)
        elif row.name == "hidden":
            assert isinstance(layer, Dense)
            assert isinstance(layer.children["act"], Activation)
        else:
            assert layer.op == row.op


def test_conventions_reach_the_layers():
    for source, eps, unbiased, slope in (
        ("tf", 1e-3, True, 0.16667),
        ("keras", 1e-3, False, 1 / 6),
        ("timm", 1e-5, True, 1 / 6),
    ):
        net = mn.build("v3-small", 0.5, 5, source)
        bn, gate = net.children["stem"].children["bn"], net.children["block1"].children["squeeze_excite"]
        assert (bn.eps, bn.unbiased, gate.slope) == (eps, unbiased, slope)
        assert bn.decay == net.architecture.convention.bn_decay
