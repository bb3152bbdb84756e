"""Objects with forward, backward, params, grads and astype: a toy of our own, and the package's layers."""

import copy

import numpy as np
import pytest

from mobilenet_np import layers
from mobilenet_np.check import gradcheck
from mobilenet_np.check.gradcheck import complex_refusal
from mobilenet_np.check.numerical import generator
from mobilenet_np.check.subjects import as_subject
from mobilenet_np.forms import form
from mobilenet_np.models import build


class Scale:
    """y = w * x + noise, with everything that can drift: a running mean, and a generator."""

    def __init__(self, w, dtype=np.float64):
        self.params, self.grads = {"w": np.asarray(w, dtype)}, {}
        self.running = np.zeros(1)
        self.rng = np.random.default_rng(0)
        self.calls = 0

    def forward(self, x, train=False):
        assert train
        self.calls += 1
        self.running[...] = self.calls
        self.x = x
        self.mask = self.rng.random(x.shape) > 0.3
        return x * self.params["w"] * self.mask

    def backward(self, dy):
        self.grads = {"w": np.sum(dy * self.mask * self.x, axis=0)}
        return dy * self.mask * self.params["w"]

    def astype(self, dtype):
        clone = copy.deepcopy(self)
        clone.params = {name: array.astype(dtype) for name, array in self.params.items()}
        return clone


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_a_layer_with_buffers_and_a_generator(method):
    layer = Scale(normal(3), np.float32)
    w, state = layer.params["w"].copy(), layer.rng.bit_generator.state
    report = gradcheck(layer, normal(5, 3, seed=1), method=method)
    report.assert_ok()
    assert report.subject == "Scale"
    assert [(r.name, r.checked) for r in report.rows] == [("x", 15), ("w", 3)]
    assert report.notes == ("cast to float64 for the check: w (float32)",)
    assert layer.calls == 0
    assert layer.rng.bit_generator.state == state
    np.testing.assert_array_equal(layer.params["w"], w)
    assert layer.grads == {}


class WrongGrad(Scale):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["w"] = np.sum(dy * self.x, axis=0)
        return dx


class SpoilsWeights(Scale):
    def backward(self, dy):
        dx = super().backward(dy)
        self.params["w"] -= 0.1
        return dx


class SpoilsCache(Scale):
    def backward(self, dy):
        dx = super().backward(dy)
        self.x[0] = 0
        return dx


class FillsGradsInPlace(Scale):
    def __init__(self, w, dtype=np.float64):
        super().__init__(w, dtype)
        self.kept = {"w": np.zeros_like(self.params["w"])}

    def backward(self, dy):
        dx = super().backward(dy)
        self.kept["w"][...] = self.grads["w"]
        self.grads = self.kept
        return dx


class ForgetsGrad(Scale):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {}
        return dx


def test_wrong_layers():
    w, x = normal(3), normal(5, 3, seed=1)
    report = gradcheck(WrongGrad(w), x)
    assert [r.name for r in report.rows if not r.ok] == ["w"]
    assert gradcheck(SpoilsWeights(w), x).problems == ("backward changed w",)
    assert gradcheck(SpoilsCache(w), x).problems == ("backward changed x",)
    gradcheck(FillsGradsInPlace(w), x).assert_ok()
    with pytest.raises(ValueError, match="grads has no w after backward"):
        gradcheck(ForgetsGrad(w), x)
    with pytest.raises(ValueError, match="takes x alone"):
        gradcheck(Scale(w), x, x)
    with pytest.raises(TypeError, match="x is int64"):
        gradcheck(Scale(w), np.arange(3))


def network():
    rng = np.random.default_rng(3)
    net = layers.Sequential(
        conv=layers.Conv2D(3, 4, stride=2),
        bn=layers.BatchNorm(4),
        act=layers.Activation("hard_swish"),
        residual=layers.Residual(
            depthwise=layers.DepthwiseConv2D(4), bn=layers.BatchNorm(4), squeeze_excite=layers.SqueezeExcite(4, 3)
        ),
        dropout=layers.Dropout(0.3, np.random.default_rng(0)),
    )
    for array in net.params.values():
        array[...] = rng.standard_normal(array.shape)
    return net


@pytest.mark.parametrize("elements", [None, 2])
@pytest.mark.parametrize("method", ["complex", "central"])
def test_a_small_network(method, elements):
    net = network()
    buffers = {name: array.copy() for name, array in net.buffers.items()}
    report = gradcheck(net, normal(2, 6, 5, 3), method=method, elements=elements)
    report.assert_ok()
    assert {r.name.split(",")[0] for r in report.rows} == {"x", *net.params}
    assert not report.kinks
    for name, array in net.buffers.items():
        np.testing.assert_array_equal(array, buffers[name])


@pytest.mark.parametrize(("seed", "width", "source"), [(0, 0.35, "tf"), (2, 0.35, "tf"), (1, 1.0, "torchvision")])
def test_the_complex_step_proves_itself_where_kinks_are_dense(seed, width, source):
    """Two of the smallest images leave V2's last BatchNorms two values a channel: all but step functions.

    At some places the slope is 1e11, and a step of 1e-12 too long; at others it is not.
    """
    net = build("v2", width, 10, source, rng=seed)
    x = np.random.default_rng(seed + 10).standard_normal((2, 32, 32, 3))
    subject = as_subject(net, x, (), {})
    with form("numpy"):
        dy = generator(0).standard_normal((2, 10))
        assert complex_refusal(subject.output, subject.tensors, dy, seed=0) is None


@pytest.mark.parametrize(("factor", "verdict"), [(1, "ok"), (1 + 1e-6, "CANNOT TELL"), (1.001, "FAILED")])
def test_errors_that_rounding_may_have_made_are_neither_right_nor_wrong(factor, verdict):
    """Two values that differ in their last digits, through a BatchNorm: what is left of them is rounding."""

    class Times(layers.BatchNorm):
        def backward(self, dy):
            return super().backward(dy) * factor

    difference = 1e-9 * np.arange(1.0, 9.0)
    report = gradcheck(Times(8, eps=1e-18), np.stack([1 + difference, 1 - difference]))
    assert report.verdict == verdict
    assert report.ok == (verdict == "ok")
    assert any("nobody can tell" in note for note in report.notes)


def test_a_residual_that_forgets_the_direct_path():
    class OnlyThrough(layers.Residual):
        def backward(self, dy):
            return super().backward(dy) - dy

    net = OnlyThrough(pointwise=layers.PointwiseConv2D(3, 3))
    net.params["pointwise.w"][...] = normal(3, 3)
    report = gradcheck(net, normal(2, 2, 2, 3))
    assert [r.name for r in report.rows if not r.ok] == ["x"]
