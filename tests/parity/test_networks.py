"""Our networks against the real ones: names and shapes at many widths, and every number at some."""

import contextlib
import dataclasses

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.convention import convention

from frameworks import (
    keras_in_float64,
    keras_net,
    keras_tensors,
    run_keras,
    run_torch,
    timm_net,
    torch_tensors,
    torchvision_net,
)
from golden_rule import draw, images_and_labels

V3 = ["v3-large", "v3-small"]
MINIMALISTIC = ["v3-large-minimalistic", "v3-small-minimalistic"]
WIDTHS = [0.14, 0.25, 0.35, 0.5, 0.53, 0.6, 0.7, 0.75, 0.8, 1.0, 1.12, 1.3, 1.4, 1.67, 2.0]
TOLERANCE = 1e-8


def _tensors(source, model, width, classes, size=(224, 224)):
    if source == "keras":
        net = keras_net(model, width, classes, *size)
        return net, keras_tensors(net)
    net = (torchvision_net if source == "torchvision" else timm_net)(model, width, classes)
    return net, torch_tensors(net)


NETWORKS = [
    *[("torchvision", m, w) for m in ["v2", *V3] for w in WIDTHS],
    *[("timm", m, w) for m in ["v1", "v2", *V3, *MINIMALISTIC] for w in WIDTHS],
    # A third of the widths, since building a Keras network takes a second.
    *[("keras", m, w) for m in ["v1", "v2", *V3, *MINIMALISTIC] for w in WIDTHS[1::3]],
]


@pytest.mark.parametrize(("source", "model", "width"), NETWORKS)
def test_names_and_shapes(source, model, width):
    _, tensors = _tensors(source, model, width, 7)
    net = mn.build(model, width, 7, convention=source)
    ours = {name: array.shape for name, array in mn.state_for(net, source).items()}
    assert ours == {name: shape for name, shape, _ in tensors}


CASES = [
    ("torchvision", "v2", 0.35, (65, 96)),
    ("torchvision", "v3-large", 0.75, (64, 64)),
    ("torchvision", "v3-small", 0.6, (97, 70)),
    ("timm", "v1", 0.6, (64, 80)),
    ("timm", "v2", 1.4, (64, 64)),
    ("timm", "v3-small", 0.5, (75, 64)),
    ("timm", "v3-large", 0.75, (64, 64)),
    ("keras", "v1", 0.6, (97, 64)),
    ("keras", "v1", 0.25, (75, 97)),
    ("keras", "v2", 0.42, (97, 64)),
    ("keras", "v3-small", 0.75, (65, 64)),
    ("keras", "v3-large-minimalistic", 0.5, (64, 97)),
]


@pytest.mark.parametrize(("source", "model", "width", "size"), CASES)
def test_every_number(source, model, width, size):
    classes, batch, seed = 11, 3, 5
    with keras_in_float64() if source == "keras" else contextlib.nullcontext():
        real, tensors = _tensors(source, model, width, classes, size)
        state = draw(tensors, seed)
        x, labels = images_and_labels(seed, batch, *size, classes)
        reference = (run_keras if source == "keras" else run_torch)(real, state, x, labels)

    net = mn.build(model, width, classes, convention=source, dtype="float64", dropout=0)
    mn.load_state(net, state, source=source)
    _close(net.forward(x), reference["eval_logits"], "eval_logits")
    logits = net.forward(x, train=True)
    loss, cache = mn.ops.softmax_cross_entropy.softmax_cross_entropy_forward(logits, labels)
    dx = net.backward(mn.ops.softmax_cross_entropy.softmax_cross_entropy_backward(np.float64(1), cache))
    _close(logits, reference["train_logits"], "train_logits")
    _close(np.array(loss), np.array(reference["loss"]), "loss")
    _close(dx, reference["dx"], "dx")
    largest = max(np.abs(g).max() for g in reference["grads"].values())
    for ours, theirs in ((net.grads, reference["grads"]), (net.buffers, reference["stats"])):
        ours = mn.state_for(net, source, ours)
        assert ours.keys() == theirs.keys()
        for name in theirs:
            _close(ours[name], theirs[name], name, largest)


def test_keras_without_an_input_shape_pads_as_if_sizes_were_even():
    """V3's default; the convention that says so is `dataclasses.replace`d."""
    rules = dataclasses.replace(convention("keras", "v3"), depthwise_padding="tf-even")
    size, seed = (65, 97), 5
    with keras_in_float64():
        real = keras_net("v3-small-minimalistic", 0.75, 11, None, None)
        state = draw(keras_tensors(real), seed)
        x, labels = images_and_labels(seed, 2, *size, 11)
        reference = run_keras(real, state, x, labels)
    logits = {}
    for source in (rules, "keras"):
        net = mn.build("v3-small-minimalistic", 0.75, 11, source, dtype="float64", dropout=0)
        mn.load_state(net, state, "keras")
        logits[source] = net.forward(x)
    _close(logits[rules], reference["eval_logits"], "eval_logits")
    assert np.abs(logits["keras"] - reference["eval_logits"]).max() > 1e-3


def _close(ours, reference, name, largest=0.0):
    """``largest``: some gradients are exactly 0 in theory (a beta whose shift the next BatchNorm removes). Of those
    both sides hold rounding errors alone, which are small beside the largest gradient of the network."""
    assert ours.shape == reference.shape, name
    assert np.abs(ours - reference).max() <= TOLERANCE * np.abs(reference).max() + 1e-13 * largest, name
