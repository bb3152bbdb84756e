"""Layers keep what ops forget: parameters, gradients, buffers, caches."""

import copy
import pickle

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import layers, ops

RNG = np.random.default_rng(0)


def _filled(layer):
    for array in layer.params.values():
        array[...] = RNG.standard_normal(array.shape)
    return layer


LAYERS = {
    "conv": (lambda: layers.Conv2D(3, 4, 3, 2, "tf", "float64"), (2, 5, 6, 3)),
    "depthwise": (lambda: layers.DepthwiseConv2D(3, 5, 2, "torch", "float64"), (2, 5, 6, 3)),
    "pointwise": (lambda: layers.PointwiseConv2D(3, 4, "float64"), (2, 5, 6, 3)),
    "linear": (lambda: layers.Linear(3, 4, "float64"), (2, 3)),
    "squeeze_excite": (lambda: layers.SqueezeExcite(3, 2, dtype="float64"), (2, 5, 6, 3)),
    "batch_norm": (lambda: layers.BatchNorm(3, dtype="float64"), (2, 5, 6, 3)),
    "hard_swish": (lambda: layers.Activation("hard_swish"), (2, 5, 6, 3)),
    "pool": (lambda: layers.GlobalAveragePool(), (2, 5, 6, 3)),
    "residual": (lambda: layers.Residual(inner=layers.PointwiseConv2D(3, 3, "float64")), (2, 5, 6, 3)),
    "dropout": (lambda: layers.Dropout(0.5, np.random.default_rng(1)), (2, 3)),
}


@pytest.fixture(params=LAYERS)
def layer_and_x(request):
    make, shape = LAYERS[request.param]
    return _filled(make()), RNG.standard_normal(shape)


def test_gradients(layer_and_x):
    layer, x = layer_and_x
    mn.gradcheck(layer, x, rtol=1e-12).assert_ok()


def test_backward_before_forward(layer_and_x):
    layer, x = layer_and_x
    with pytest.raises(ValueError, match=r"backward before forward; call forward\(x, train=True\) first"):
        layer.backward(x)
    layer.forward(x)  # inference keeps no cache
    with pytest.raises(ValueError, match="backward before forward"):
        layer.backward(x)


def test_inference_forgets_the_training_cache(layer_and_x):
    layer, x = layer_and_x
    y = layer.forward(x, train=True)
    layer.backward(np.ones_like(y))
    layer.forward(x)
    with pytest.raises(ValueError, match="backward before forward"):
        layer.backward(np.ones_like(y))


def test_gradients_are_assigned_not_accumulated(layer_and_x):
    layer, x = layer_and_x
    dy = RNG.standard_normal(layer.forward(x, train=True).shape)
    dx = layer.backward(dy)
    first = {name: g.copy() for name, g in layer.grads.items()}
    again = layer.backward(dy)
    assert np.array_equal(dx, again)
    assert all(np.array_equal(first[name], layer.grads[name]) for name in first)
    assert first.keys() == layer.params.keys()


def test_astype_is_an_independent_copy(layer_and_x):
    layer, x = layer_and_x
    dy = np.ones_like(layer.forward(x, train=True))
    layer.backward(dy)
    clone = layer.astype("float32")
    assert clone.grads == {}
    with pytest.raises(ValueError, match="backward before forward"):
        clone.backward(dy.astype("float32"))
    for name, array in (clone.params | clone.buffers).items():
        assert array.dtype == np.float32
        assert not np.shares_memory(array, (layer.params | layer.buffers)[name])
    layer.backward(dy)  # the original kept its cache


def test_params_are_the_layers_own_arrays():
    layer = layers.Linear(2, 2, "float64")
    layer.params["w"] += 1
    assert np.array_equal(layer.forward(np.eye(2)), np.ones((2, 2)))


def test_setting_an_entry_copies_into_the_layer():
    layer = layers.Linear(2, 2, "float64")
    own = layer.params["w"]
    layer.params["w"] = np.full((2, 2), 3)
    assert layer.params["w"] is own
    assert own[0, 0] == 3


@pytest.mark.parametrize("kind", ["params", "grads", "buffers"])
def test_setting_several_entries_copies_into_the_layer(kind):
    """A dict's own ways of setting several would change a dict that nobody looks at again."""
    layer = layers.BatchNorm(2, dtype="float64")
    layer.forward(RNG.standard_normal((4, 2)), train=True)
    layer.backward(RNG.standard_normal((4, 2)))
    arrays = getattr(layer, kind)
    arrays.update({name: np.full(2, 3.0) for name in arrays})
    assert all((array == 3).all() for array in getattr(layer, kind).values())
    arrays.update(zip(arrays, np.full((2, 2), 4.0), strict=True))
    assert all((array == 4).all() for array in getattr(layer, kind).values())
    arrays |= {name: np.full(2, 5.0) for name in arrays}
    assert all((array == 5).all() for array in getattr(layer, kind).values())
    for name in arrays:
        getattr(layer, kind)[name] *= 2  # as one clips gradients
    assert all((array == 10).all() for array in getattr(layer, kind).values())
    first, *_ = arrays
    with pytest.raises(ValueError, match="'w' is not one of its arrays"):
        arrays.update({first: np.zeros(2), "w": np.zeros(2)})
    assert all((array == 10).all() for array in getattr(layer, kind).values())  # not the first alone


@pytest.mark.parametrize("kind", ["params", "grads", "buffers"])
def test_setting_several_entries_through_the_layer(kind):
    layer = layers.BatchNorm(2, dtype="float64")
    layer.forward(RNG.standard_normal((4, 2)), train=True)
    layer.backward(RNG.standard_normal((4, 2)))
    own = list(getattr(layer, kind).values())
    exec(f"layer.{kind} |= {{name: np.full(2, 6.0) for name in layer.{kind}}}")
    assert all((array == 6).all() for array in own)
    assert all(a is b for a, b in zip(own, getattr(layer, kind).values(), strict=True))


def test_copies_of_a_layers_arrays_are_plain_and_independent():
    layer = layers.Linear(2, 2, "float64")
    for other in (copy.deepcopy(layer.params), pickle.loads(pickle.dumps(layer.params))):
        assert type(other) is dict
        other["w"] += 1
        other["more"] = 0
    assert not layer.params["w"].any()


def test_setting_an_unknown_or_misshapen_entry():
    layer = layers.Linear(2, 2)
    with pytest.raises(ValueError, match=r"'v' is not one of its arrays \(w, b\)"):
        layer.params["v"] = np.zeros(2)
    with pytest.raises(ValueError, match=r"w has shape \(2, 2\), got \(3,\)"):
        layer.params["w"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"w is to be complex128; it must be real numbers"):
        layer.params["w"] = np.zeros((2, 2), complex)
    with pytest.raises(ValueError, match=r"'v' is not one of its arrays \(w, b\); a layer's names are fixed"):
        layer.params.setdefault("v", np.zeros(2))
    with pytest.raises(ValueError, match=r"'w' is not one of its arrays \(it has none\)"):
        layers.Activation("relu").params["w"] = np.zeros(3)


@pytest.mark.parametrize("unbiased", [True, False])
def test_running_statistics(unbiased):
    layer = layers.BatchNorm(2, decay=0.75, unbiased=unbiased, dtype="float64")
    x = RNG.standard_normal((3, 4, 5, 2))
    layer.forward(x, train=True)
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2), ddof=int(unbiased))
    np.testing.assert_allclose(layer.buffers["mean"], 0.25 * mean, rtol=1e-13)
    np.testing.assert_allclose(layer.buffers["var"], 0.75 + 0.25 * var, rtol=1e-13)
    before = layer.buffers["mean"].copy()
    layer.forward(x)
    assert np.array_equal(before, layer.buffers["mean"])


def test_batch_norm_inference_uses_the_running_statistics():
    layer = _filled(layers.BatchNorm(2, eps=1e-3, dtype="float64"))
    layer.buffers["mean"] = np.array([1.0, 2.0])
    layer.buffers["var"] = np.array([3.0, 4.0])
    x = RNG.standard_normal((2, 3, 3, 2))
    gamma, beta = layer.params.values()
    expected = (x - [1, 2]) / np.sqrt(np.array([3, 4]) + 1e-3) * gamma + beta
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-12)


def test_dropout_is_the_identity_in_inference_and_drops_in_training():
    layer = layers.Dropout(0.5, np.random.default_rng(0))
    x = np.ones((4, 100))
    assert layer.forward(x) is x
    y = layer.forward(x, train=True)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert not np.array_equal(y, layer.forward(x, train=True))  # a fresh mask every time


def test_residual_adds_both_gradients():
    inner = layers.PointwiseConv2D(2, 2, "float64")
    inner.params["w"] = np.array([[1.0, 2.0], [3.0, 4.0]])
    layer = layers.Residual(inner=inner)
    x = np.ones((1, 1, 1, 2))
    assert layer.forward(x, train=True).ravel().tolist() == [1 + 4, 1 + 6]
    assert layer.backward(np.ones_like(x)).ravel().tolist() == [1 + 3, 1 + 7]


def test_walk_names_leaves_in_order():
    net = layers.Sequential(a=layers.Linear(2, 3), b=layers.Sequential(c=layers.Activation("relu")))
    assert [(name, leaf.op) for name, leaf in net.walk()] == [("a", "linear"), ("b.c", "relu")]
    assert list(net.params) == ["a.w", "a.b"]


def test_window_needs_an_image():
    with pytest.raises(ValueError, match=r"Conv2D: x has shape \(2, 3\); it must have 4 axes"):
        layers.Conv2D(3, 4).forward(np.zeros((2, 3), np.float32))


def test_layers_run_the_ops_themselves():
    layer = _filled(layers.DepthwiseConv2D(3, 3, 2, "tf", "float64"))
    x = RNG.standard_normal((1, 6, 6, 3))
    y, _ = ops.depthwise_conv2d.depthwise_conv2d_forward(x, layer.params["w"], 2, ((0, 1), (0, 1)))
    assert np.array_equal(layer.forward(x), y)


def test_activations_are_known_by_name():
    with pytest.raises(ValueError, match=r"Activation: op 'hardswish' is unknown \(did you mean 'hard_swish'"):
        layers.Activation("hardswish")


def test_a_conventions_slope_is_a_deviation_and_not_a_mistake():
    """PyTorch rounds the slope of the hard sigmoid to float32 in its backward pass; so do networks like its own."""
    layer = layers.SqueezeExcite(4, 2, gradient_slope=float(np.float32(1 / 6)), dtype="float64")
    rng = np.random.default_rng(0)
    for array in layer.params.values():
        array[...] = 0.3 * rng.standard_normal(array.shape)  # gates between closed and open
    x = rng.standard_normal((2, 3, 3, 4))
    report = mn.gradcheck(layer, x)
    report.assert_ok()
    assert "3e-08 off" in report.notes[0]
    assert layer.gradient_slope != layer.slope

    dy, dx = rng.standard_normal(x.shape), []
    for one in (layer, layer.exact()):
        one.forward(x, train=True)
        dx.append(one.backward(dy))
    difference = np.abs(dx[1] - dx[0]).max() / np.abs(dx[1]).max()
    assert 1e-10 < difference < 3e-8
    assert layer.exact().deviations == []
    assert layers.SqueezeExcite(4, 2).deviations == []


def test_a_network_says_where_it_deviates():
    net = mn.build("v3-small", 0.05, 2, "torchvision", "float64")
    assert len(net.deviations) == 1
    assert "slope of the hard sigmoid that is 3e-08 off" in net.deviations[0]
    assert net.exact().deviations == []
    assert mn.build("v3-small", 0.05, 2, "keras").deviations == []
    mn.gradcheck(net, RNG.standard_normal((4, 32, 32, 3))).assert_ok()
