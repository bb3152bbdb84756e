"""`Folded` is `net.forward` without BatchNorm: what `compile` makes where Numba is not installed."""

import numpy as np
import pytest
from trained import as_trained

import mobilenet_np as mn
from mobilenet_np.infer import Folded

NETWORKS = [
    ("v1", 0.6, "keras"),
    ("v2", 0.35, "torchvision"),
    ("v3-large", 0.35, "timm"),
    ("v3-small", 0.5, "tf"),
    ("v3-large-minimalistic", 0.35, "keras"),
    ("v3-small-minimalistic", 0.5, "tf"),
]


def _network(model, width, source, dtype="float32"):
    return as_trained(mn.build(model, width, 7, source, dtype), np.random.default_rng(0))


def _images(*shape, dtype="float32"):
    return np.random.default_rng(1).standard_normal((*shape, 3)).astype(dtype)


def _error(y, exact):
    return np.linalg.norm(y - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize(("model", "width", "source"), NETWORKS)
def test_equals_forward_up_to_rounding(model, width, source):
    """No further from the float64 network than a few times what the unfolded float32 network is."""
    net, x = _network(model, width, source), _images(4, 65, 70)
    with mn.form("numpy"):
        exact = net.astype("float64").forward(x.astype(float))
        y = Folded(net)(x)
        assert y.dtype == np.float32
        assert _error(y, exact) <= 4 * _error(net.forward(x), exact)


def test_no_batch_norm_is_left_and_every_convolution_changes():
    net = _network("v3-small", 0.5, "tf")
    folded = dict(Folded(net)._net.walk())
    assert not any(leaf.op == "batch_norm" for leaf in folded.values())
    convolutions = [name for name in folded if name.endswith(".conv")]
    assert len(convolutions) == sum(leaf.op == "batch_norm" for _, leaf in net.walk())
    for name in convolutions:
        assert not np.array_equal(folded[name].params["w"], net.params[f"{name}.w"])


def test_the_network_and_the_images_stay_as_they_are():
    net, x = _network("v1", 0.25, "tf"), _images(1, 32, 32)
    arrays = {name: array.copy() for name, array in (net.params | net.buffers).items()}
    kept, fast = x.copy(), Folded(net)
    before = fast(x)
    assert np.array_equal(x, kept)
    assert all(np.array_equal(array, arrays[name]) for name, array in (net.params | net.buffers).items())
    net.params["classifier.b"] += 1
    assert np.array_equal(fast(x), before)


def test_a_float64_network_becomes_float32():
    net = _network("v2", 0.35, "tf", "float64")
    x = _images(1, 32, 32, dtype="float64")
    y = Folded(net)(x.astype(np.float32))
    assert y.dtype == np.float32
    assert _error(y, net.forward(x)) < 1e-4
    with pytest.raises(ValueError, match="v2: x is float64, the network float32"):
        Folded(net)(x)


def test_says_what_it_is():
    assert repr(Folded(mn.build("v1", 0.25, 10))) == "<folded v1 width 0.25, 10 classes, tf convention>"
