"""Eight real networks of torchvision, timm and Keras, run in float64: every number they gave, to 1e-8.

tests/data/golden: outputs of torchvision 0.28.0, timm 1.0.31 and keras 3.15.1 on weights drawn by the rule that each
.json states.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import mobilenet_np as mn

from golden_rule import draw, images_and_labels

FOLDER = Path(__file__).parent / "data" / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
TOLERANCE = 1e-8


def _relative(ours, reference):
    return np.abs(ours - reference).max() / np.abs(reference).max()


def _model(name):
    source, *model, width = name.split("_")
    return "-".join(model), int(width) / 100, source


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    info = json.loads((FOLDER / f"{request.param}.json").read_text())
    return request.param, info, np.load(FOLDER / f"{request.param}.npz")


def test_all_eight_are_here():
    assert len(NAMES) == 8


@pytest.mark.parametrize("form", ["numpy", "numba"])
def test_network_equals_the_framework(case, form):
    name, info, reference = case
    model, width, source = _model(name)
    net = mn.build(model, width, info["classes"], convention=source, dtype="float64", dropout=0)
    mn.load_state(net, draw(info["tensors"], info["seed"]), source=source)
    x, labels = images_and_labels(info["seed"], info["batch"], info["height"], info["width"], info["classes"])

    with mn.form(form):
        assert _relative(net.forward(x), reference["eval_logits"]) < TOLERANCE
        logits = net.forward(x, train=True)
        loss, cache = mn.ops.softmax_cross_entropy.softmax_cross_entropy_forward(logits, labels)
        dx = net.backward(mn.ops.softmax_cross_entropy.softmax_cross_entropy_backward(np.float64(1), cache))

    assert _relative(logits, reference["train_logits"]) < TOLERANCE
    assert abs(loss - reference["loss"]) < TOLERANCE * abs(reference["loss"])
    assert abs(np.linalg.norm(dx) - reference["dx_norm"]) < TOLERANCE * reference["dx_norm"]
    assert _relative(dx.ravel()[:64], reference["dx_head"]) < TOLERANCE

    gradients = mn.state_for(net, source, net.grads)
    statistics = mn.state_for(net, source, net.buffers)
    checked = 0
    for i, (tensor, _, role) in enumerate(info["tensors"]):
        if role in ("mean", "variance"):
            head = statistics[tensor].ravel()[:16]
            assert _relative(head, reference["stat_head"][i][: head.size]) < TOLERANCE, tensor
        else:
            gradient, norm = gradients[tensor], reference["grad_norm"][i]
            assert abs(np.linalg.norm(gradient) - norm) < TOLERANCE * norm, tensor
            head = gradient.ravel()[:16]
            # A head may hold small entries only, so its error is measured against the whole tensor's scale.
            scale = norm / np.sqrt(gradient.size)
            assert np.abs(head - reference["grad_head"][i][: head.size]).max() < TOLERANCE * max(
                scale, np.abs(head).max()
            ), tensor
        checked += 1
    assert checked == len(net.params) + len(net.buffers)
