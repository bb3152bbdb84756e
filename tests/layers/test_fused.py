"""BatchNorm and nonlinearity as one layer: the same bits, and nothing kept between them."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.layers import Activation, BatchNorm, fused

pytest.importorskip("numba")


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small", "v3-large-minimalistic"])
def test_a_network_has_the_same_bits_with_its_layers_apart(model):
    x = np.random.default_rng(0).standard_normal((3, 64, 48, 3), np.float32)
    results = []
    for separately in (False, True):
        net = mn.build(model, 0.5, 8, rng=1)
        if separately:
            with fused.apart(net):
                y = net.forward(x, train=True)
                dx = net.backward(y)
                z = net.forward(x)
        else:
            y = net.forward(x, train=True)
            dx = net.backward(y)
            z = net.forward(x)
        results.append({"y": y, "dx": dx, "z": z, **net.grads, **net.buffers})
    for name, one in results[0].items():
        np.testing.assert_array_equal(one, results[1][name], err_msg=name)


def test_what_is_between_is_not_kept():
    net = mn.build("v1", 0.25, 8)
    net.forward(np.zeros((1, 32, 32, 3), np.float32), train=True)
    block = net.children["block1"].children["pointwise"]
    assert block.children["act"]._cache is None
    assert block.children["bn"]._cache is not None
    with fused.apart(net):
        net.forward(np.zeros((1, 32, 32, 3), np.float32), train=True)
    assert block.children["act"]._cache is not None


def test_backward_goes_the_way_that_forward_went():
    net = mn.build("v1", 0.25, 8)
    x = np.random.default_rng(0).standard_normal((2, 32, 32, 3), np.float32)
    with fused.apart(net):
        y = net.forward(x, train=True)
    dx = net.backward(y)  # not apart any more
    y = net.forward(x, train=True)
    with fused.apart(net):
        np.testing.assert_array_equal(net.backward(y), dx)


def test_backward_before_forward():
    net = mn.build("v1", 0.25, 8)
    x = np.zeros((1, 32, 32, 3), np.float32)
    net.forward(x, train=True)
    y = net.forward(x)  # inference keeps nothing
    with pytest.raises(ValueError, match="backward before forward"):
        net.backward(y)


@pytest.mark.parametrize(
    ("act", "channels", "dtype", "form", "can"),
    [
        ("relu6", 16, "float32", "numba", True),
        ("hard_swish", 8, "float32", "numba", True),
        ("sigmoid", 16, "float32", "numba", False),
        ("relu6", 12, "float32", "numba", False),
        ("relu6", 16, "float64", "numba", False),
        ("relu6", 16, "float32", "numpy", False),
        (None, 16, "float32", "numba", False),
    ],
)
def test_where_there_are_kernels(act, channels, dtype, form, can):
    bn = BatchNorm(channels, dtype=dtype)
    with mn.form(form):
        assert fused.can_fuse(bn, act and Activation(act), np.dtype(dtype)) is can


def test_a_layer_of_ones_own_is_called():
    class Loud(BatchNorm):
        pass

    assert not fused.can_fuse(Loud(16), Activation("relu"), np.dtype(np.float32))
    assert not fused.can_fuse(None, Activation("relu"), np.dtype(np.float32))
