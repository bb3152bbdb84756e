"""The first wrong layer of a network is found, whatever it is and wherever it stands, and no other is blamed."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.layers import Activation, BatchNorm, DepthwiseConv2D, Linear, Residual, Sequential
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward

X = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 3))


class FlippedKernel(DepthwiseConv2D):
    def backward(self, dy):
        super().backward(dy)
        flipped = self._cached()._replace(w=np.ascontiguousarray(self.params["w"][::-1, ::-1]))
        return depthwise_conv2d_backward(dy, flipped)[0]


class DividedGradient(DepthwiseConv2D):
    def backward(self, dy):
        dx = super().backward(dy)
        self._grads["w"] = self._grads["w"] / len(dy)
        return dx


class WithoutMean(BatchNorm):
    def backward(self, dy):
        super().backward(dy)
        x, gamma, mean, _, inv_std = self._cached()
        xhat = (x - mean) * inv_std
        return gamma * inv_std * (dy - xhat * (dy * xhat).mean(axis=(0, 1, 2)))


class NoSkip(Residual):
    def backward(self, dy):
        return Sequential.backward(self, dy)


class SkipTwice(Residual):
    def backward(self, dy):
        return 2 * dy + Sequential.backward(self, dy)


class Doubled(Linear):
    def backward(self, dy):
        return 2 * super().backward(dy)


def short(model="v2", blocks=4):
    """The first blocks of a network, as a `Sequential`."""
    net = mn.build(model, width=0.25, classes=3, convention="keras", dtype="float64")
    children = list(net.children.items())[: 1 + blocks]
    return Sequential(**dict(children))


def spoil(net, name, kind):
    layer = net
    for part in name.split("."):
        layer = layer.children[part]
    layer.__class__ = kind
    return net


def test_a_right_network():
    net = short("v3-small", 3)
    report = mn.gradcheck.network(net, X)
    report.assert_ok()
    assert report.first is None
    assert not report.wrong
    leaves = [name for name, _ in net.walk()]
    checked = [layer.name for layer in report.layers if layer.report is not None]
    assert checked == leaves[::-1]  # from the loss to the input
    containers = [layer.name for layer in report.layers if layer.report is None]
    assert containers[-1] == ""
    assert "block1" in containers
    assert str(report).startswith(f"gradcheck.network Sequential: ok, {len(leaves)} layers checked")


@pytest.mark.parametrize(
    ("name", "kind", "cause", "passed_on"),
    [
        ("block2.depthwise.conv", FlippedKernel, "dx is computed with w rotated by 180 degrees", "is wrong, and"),
        ("block3.depthwise.conv", DividedGradient, "dw is divided by the batch size (N = 3)", "is right"),
        ("block1.project.bn", WithoutMean, "dx: without the mean term.", "is wrong, and"),
        ("block3", NoSkip, "dx lacks dy: the path that passes it on unchanged is missing", "is wrong, and"),
        ("block3", SkipTwice, "dx contains dy once too often: it is added twice", "is wrong, and"),
    ],
)
def test_the_wrong_layer_and_what_is_wrong(name, kind, cause, passed_on):
    net = spoil(short(), name, kind)
    report = mn.gradcheck.network(net, X)
    assert not report.ok
    assert report.first.name == name
    assert report.first.kind == kind.__name__
    assert [layer.name for layer in report.wrong] == [name]
    text = str(report)
    assert (
        f"first wrong layer, seen from the loss: {name} ({kind.__name__}); the dx that it passes on {passed_on}" in text
    )
    assert cause in text
    with pytest.raises(AssertionError, match="first wrong layer"):
        report.assert_ok()


def test_of_two_wrong_layers_the_one_nearer_to_the_loss_comes_first():
    net = spoil(spoil(short(), "block1.depthwise.conv", FlippedKernel), "block3.depthwise.bn", WithoutMean)
    report = mn.gradcheck.network(net, X)
    assert [layer.name for layer in report.wrong] == ["block3.depthwise.bn", "block1.depthwise.conv"]
    assert "also wrong: block1.depthwise.conv (FlippedKernel)" in str(report)


def test_a_whole_network_is_left_as_it_was():
    net = mn.build("v1", width=0.25, classes=3)
    before = {name: array.copy() for name, array in {**net.params, **net.buffers}.items()}
    x = X.astype(np.float32)
    report = mn.gradcheck.network(net, x, dy=np.random.default_rng(1).standard_normal((3, 3)), elements=1)
    report.assert_ok()
    for name, array in {**net.params, **net.buffers}.items():
        np.testing.assert_array_equal(array, before[name])
    assert not net.grads
    assert "forward" not in vars(net)
    np.testing.assert_array_equal(x, X.astype(np.float32))


def small(act="relu"):
    net = Sequential(first=Linear(4, 5), act=Activation(act), second=Linear(5, 3))
    for k, w in enumerate(net.params.values()):
        w[...] = np.random.default_rng(k).standard_normal(w.shape)
    return net


def test_mistakes_that_the_true_gradient_hides_are_found():
    """Where all units sleep, the gradient that arrives is zero, and all that is wrong with it is, too."""

    class Wrong(Linear):
        def backward(self, dy):
            dx = super().backward(dy)
            self._grads = {name: 3 * g for name, g in self._grads.items()}
            return dx

    net = spoil(small(), "first", Wrong)
    net.children["first"].params["b"] = np.full(5, -100.0)
    report = mn.gradcheck.network(net, np.random.default_rng(0).standard_normal((6, 4)))
    assert report.first.name == "first"
    (finding,) = report.first.report.diagnosis.findings
    assert (finding.gradients, finding.causes) == (("dw", "db"), ("is 3 times what it should be",))


def test_a_layer_that_cannot_do_complex_numbers():
    class Absolute(Activation):
        def forward(self, x, train=False):
            self._cache = x
            return np.abs(x)

        def backward(self, dy):
            return dy * np.sign(self._cache)

    net = spoil(small(), "act", Absolute)
    x = np.random.default_rng(0).standard_normal((6, 4))
    mn.gradcheck.network(net, x).assert_ok()
    assert mn.gradcheck.network(spoil(net, "second", Doubled), x).first.name == "second"


def test_a_layer_that_does_not_run_is_said_so():
    class SkipsSecond(Sequential):
        def forward(self, x, train=False):
            return self.children["first"].forward(x, train)

        def backward(self, dy):
            return self.children["first"].backward(dy)

    net = SkipsSecond(first=Linear(4, 4), second=Linear(4, 4))
    report = mn.gradcheck.network(net, np.ones((2, 4)) * [[1.0], [2.0]])
    assert "not checked: second (Linear): the network did not run it" in str(report)
    assert report.ok


def test_errors():
    with pytest.raises(TypeError, match="Linear has no children; use gradcheck for one layer"):
        mn.gradcheck.network(Linear(3, 3), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"dy has shape \(2, 2\), y has \(2, 3\)"):
        mn.gradcheck.network(small(), np.ones((2, 4)), dy=np.ones((2, 2)))
    with pytest.raises(ValueError, match="elements is 0"):
        mn.gradcheck.network(small(), np.ones((2, 4)), elements=0)
