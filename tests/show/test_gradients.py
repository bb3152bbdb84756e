"""Dots are the norms of the gradients, and zeros are told apart."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import show
from mobilenet_np.show.style import OP_NAMES


def _net(model):
    net = mn.build(model, width=0.25, classes=4, dtype="float64")
    net.backward(net.forward(np.random.default_rng(0).standard_normal((2, 48, 48, 3)), train=True))
    return net


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_every_weight_has_its_dot(model):
    net = _net(model)
    ax = show.gradient_norms(net, ax=plt.figure().add_subplot())
    drawn = np.concatenate([line.get_ydata() for line in ax.lines])
    weights = [grad for name, grad in net.grads.items() if name.endswith((".w", ".w1", ".w2"))]
    np.testing.assert_allclose(sorted(drawn), sorted(np.linalg.norm(grad) for grad in weights))


def test_position_and_colour():
    net = _net("v3-small")
    ax = show.gradient_norms(net, ax=plt.figure().add_subplot())
    rows = [row for row in net.architecture.rows if row.op in OP_NAMES]
    for line in ax.lines:
        for position, norm in line.get_xydata():
            row = rows[int(position)]
            assert OP_NAMES[row.op] == line.get_label()
            assert any(
                np.isclose(np.linalg.norm(grad), norm)
                for name, grad in net.grads.items()
                if name.startswith(f"{row.name}.")
            )


def test_zeros_are_open_circles():
    net = mn.build("v2", width=0.25, classes=4)
    net.params["block3.project.bn.gamma"][...] = 0
    t = mn.trace(net, np.random.default_rng(0).standard_normal((2, 48, 48, 3), np.float32), np.array([0, 1]))
    ax = show.gradient_norms(t, ax=plt.figure().add_subplot())
    zeros = [line for line in ax.lines if line.get_markerfacecolor() == "none" and len(line.get_xdata())]
    assert sum(len(line.get_xdata()) for line in zeros) == 3  # expand, depthwise, project of block 3
    assert "exactly 0" in [text.get_text() for text in ax.get_legend().texts]


def test_without_a_backward_pass():
    with pytest.raises(ValueError, match="there are no gradients yet"):
        show.gradient_norms(mn.build("v1", width=0.25))
