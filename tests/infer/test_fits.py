"""Networks that there is no plan for are folded and run op by op: slower, and never something else."""

from dataclasses import replace

import numpy as np
import pytest
from trained import as_trained

import mobilenet_np as mn
from mobilenet_np.infer import Compiled, Folded
from mobilenet_np.infer.fits import fits
from mobilenet_np.layers import Activation, BatchNorm, Layer, PointwiseConv2D
from mobilenet_np.models import Network


def _network(model="v2", width=0.35, architecture=None):
    rng = np.random.default_rng(0)
    architecture = architecture or mn.build(model, width, 7).architecture
    return as_trained(Network(architecture, "float32", rng), rng)


def _assert_folded_and_right(net):
    assert not fits(net)
    fast, x = mn.compile(net), np.random.default_rng(1).standard_normal((2, 40, 47, 3), np.float32)
    assert isinstance(fast, Folded)
    expected = net.astype("float64").forward(x.astype(float))
    theirs = np.abs(net.forward(x) - expected).max()
    assert np.abs(fast(x) - expected).max() <= 4 * theirs


@pytest.mark.parametrize("width", [0.35, 0.6, 1.4])
@pytest.mark.parametrize("convention", ["tf", "keras", "torchvision", "timm"])
@pytest.mark.parametrize("model", ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic"])
def test_everything_that_build_makes_fits(model, convention, width):
    if convention == "torchvision" and (model == "v1" or "minimal" in model):
        pytest.skip("torchvision has none")
    net = mn.build(model, width, 10, convention)
    assert fits(net)
    assert fits(net.exact())
    pytest.importorskip("numba")
    assert isinstance(mn.compile(net), Compiled)


def _rows(architecture, change):
    """The architecture with rows changed, where ``change`` returns one."""
    blocks = tuple(
        replace(block, rows=tuple(change(row) or row for row in block.rows)) for block in architecture.blocks
    )
    return replace(architecture, blocks=blocks, stem=change(architecture.stem) or architecture.stem)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: replace(row, kernel=7) if row.name == "block3.depthwise" else None,
        lambda row: replace(row, kernel=5) if row.name == "stem" else None,
        lambda row: replace(row, stride=1) if row.name == "stem" else None,
        lambda row: replace(row, act="hard_swish") if row.name == "block3.expand" else None,
        lambda row: replace(row, act="sigmoid") if row.name in ("block3.expand", "block3.depthwise") else None,
    ],
    ids=["window of 7x7", "stem of 5x5", "stem of stride 1", "two nonlinearities", "sigmoid"],
)
def test_other_architectures(change):
    _assert_folded_and_right(_network(architecture=_rows(mn.build("v2", 0.35, 7).architecture, change)))


def test_a_residual_around_the_last_block_of_v1():
    net = mn.build("v1", 0.25, 7).architecture
    blocks = (*net.blocks[:-1], replace(net.blocks[-1], residual=True))
    _assert_folded_and_right(_network(architecture=replace(net, blocks=blocks)))


class Double(Layer):
    """A learner's own."""

    def forward(self, x, train=False):
        return 2 * x


def _child(net, *names):
    for name in names:
        net = net.children[name]
    return net


def test_layers_of_somebody_s_own():
    net = _network()
    _child(net, "block3", "expand").children["act"] = Double()
    _assert_folded_and_right(net)

    net = _network()
    net.children = {"double": Double(), **net.children}
    _assert_folded_and_right(net)

    class Other(BatchNorm):
        def forward(self, x, train=False):
            return super().forward(x, train) + 1

    net = _network()
    children = _child(net, "block2", "depthwise").children
    children["bn"] = Other(children["bn"].params["gamma"].size)
    _assert_folded_and_right(net)


def test_layers_that_are_not_what_the_rows_say():
    net = _network()
    _child(net, "block3", "expand").children["act"] = Activation("relu")
    _assert_folded_and_right(net)

    net = _network()
    _child(net, "block5", "depthwise", "conv").stride = 2
    assert not fits(net)

    net = _network()
    wide = PointwiseConv2D(8, 16)
    _child(net, "block1", "project").children["conv"] = wide
    assert not fits(net)
