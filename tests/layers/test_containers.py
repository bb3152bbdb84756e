"""What does not fit together is refused with a sentence, in a chain as one by one, before anything is written."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.architecture import Row
from mobilenet_np.blocks import ConvBNAct
from mobilenet_np.layers import BatchNorm, Residual, Sequential

RULES = mn.build("v1", 0.25).architecture.convention


def _link(op, c_in, c_out, stride=1, kernel=3):
    kernel = 1 if op == "pointwise_conv2d" else kernel
    return ConvBNAct(Row("link", op, c_in, c_out, kernel, stride, "tf", batch_norm=True, act="relu6"), RULES, "float32")


def _images(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def form(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    with mn.form(request.param):
        yield


@pytest.mark.parametrize("second", ["pointwise_conv2d", "depthwise_conv2d", "conv2d"])
@pytest.mark.parametrize(("made", "wanted"), [(32, 16), (16, 32)])
def test_a_layer_that_takes_other_channels_than_the_one_before_makes(second, made, wanted):
    net = Sequential(first=_link("pointwise_conv2d", 8, made), second=_link(second, wanted, wanted))
    with pytest.raises(ValueError, match=f"{second}: x has {made} channels"):
        net.forward(_images(4, 20, 20, 8), train=True)


@pytest.mark.parametrize(("channels", "normalized"), [(32, 16), (16, 32)])
@pytest.mark.parametrize("train", [True, False])
def test_a_batch_norm_of_other_channels(channels, normalized, train):
    link = _link("pointwise_conv2d", 8, channels)
    link.children["bn"] = BatchNorm(normalized)
    with pytest.raises(ValueError, match="batch_norm"):
        link.forward(_images(2, 20, 20, 8), train)


def test_a_batch_norm_of_another_dtype():
    link = _link("pointwise_conv2d", 8, 16)
    link.children["bn"] = BatchNorm(16, dtype="float64")
    with pytest.raises(TypeError, match="dtypes differ"):
        link.forward(_images(2, 20, 20, 8), train=True)


@pytest.mark.parametrize(("c_out", "stride"), [(8, 2), (16, 1)])
@pytest.mark.parametrize("train", [True, False])
def test_a_shortcut_around_what_changes_the_shape(c_out, stride, train):
    """A classic: y = x + F(x) with an F of stride 2, or of other channels."""
    net = Residual(depthwise=_link("depthwise_conv2d", 8, 8, stride), project=_link("pointwise_conv2d", 8, c_out))
    with pytest.raises(ValueError, match=r"residual: x has shape .*; what is added to F"):
        net.forward(_images(2, 20, 20, 8), train)


def test_a_variance_that_has_no_root():
    link = _link("pointwise_conv2d", 8, 16)
    link.children["bn"].buffers["var"][0] = -1
    with pytest.raises(ValueError, match=r"var \+ eps must be positive"):
        link.forward(_images(2, 20, 20, 8))
