"""Real networks of torchvision, timm and Keras, run in float64: every number that they gave, to 1e-8.

tests/data/golden holds outputs of torchvision 0.28.0, timm 1.0.31 and keras 3.15.1 on weights drawn by the rule that
each .json states. Keras' own vectors (keras_*.npz) are good to about five digits: on every backend but TensorFlow its
BatchNormalization computes in float32 even in a float64 network. They are tested for what they are, with that rounding
put in; beside them stand the same networks without it (keras_*_float64.npz, made by support/make_golden.py), which are
tested like all others.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.ops import batch_norm, batch_norm_inference, global_average_pool
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward

from golden_rule import draw, images_and_labels

FOLDER = Path(__file__).parent / "data" / "golden"
KERAS = sorted(path.stem for path in FOLDER.glob("keras_*.json"))
TRUE = sorted(path.stem for path in FOLDER.glob("t*.json")) + [f"{name}_float64" for name in KERAS]
TOLERANCE = 1e-8


def _load(name):
    info = json.loads((FOLDER / f"{name.removesuffix('_float64')}.json").read_text())
    return info, np.load(FOLDER / f"{name}.npz")


def _network(name, info):
    source, *model, width = name.removesuffix("_float64").split("_")
    net = mn.build("-".join(model), int(width) / 100, info["classes"], source, dtype="float64", dropout=0)
    mn.load_state(net, draw(info["tensors"], info["seed"]), source)
    return net, source


def _run(net, source, info):
    """All that the vectors hold: outputs, and gradients and statistics under the framework's names."""
    x, labels = images_and_labels(info["seed"], info["batch"], info["height"], info["width"], info["classes"])
    result = {"eval_logits": net.forward(x), "train_logits": net.forward(x, train=True)}
    result["loss"], cache = softmax_cross_entropy_forward(result["train_logits"], labels)
    result["dx"] = net.backward(softmax_cross_entropy_backward(np.float64(1), cache))
    result["grads"] = mn.state_for(net, source, net.grads)
    result["stats"] = mn.state_for(net, source, net.buffers)
    return result


def _errors(result, reference, info, largest):
    """(what, error, scale) of every number; ``largest`` is the network's largest gradient."""
    for name in ("eval_logits", "train_logits", "loss"):
        yield name, np.abs(result[name] - reference[name]).max(), np.abs(reference[name]).max()
    dx = result["dx"]
    yield "dx norm", abs(np.linalg.norm(dx) - reference["dx_norm"]), reference["dx_norm"]
    yield "dx", np.abs(dx.ravel()[:64] - reference["dx_head"]).max(), np.abs(reference["dx_head"]).max()
    for i, (name, _, role) in enumerate(info["tensors"]):
        statistic = role in ("mean", "variance")
        ours = result["stats" if statistic else "grads"][name]
        head = reference["stat_head" if statistic else "grad_head"][i][: ours.size]
        # Some gradients are 0 in theory (a beta whose shift the next BatchNorm takes out again). There both sides hold
        # rounding errors alone, which are measured against the network's largest gradient.
        floor = 0 if statistic else 1e-5 * largest
        yield name, np.abs(ours.ravel()[:16] - head).max(), max(np.abs(head).max(), floor)
        if not statistic:
            norm = reference["grad_norm"][i]
            yield f"{name} norm", abs(np.linalg.norm(ours) - norm), max(norm, floor)


def _largest(reference):
    return np.nanmax(np.abs(reference["grad_head"]))


def test_all_are_here():
    assert len(KERAS) == 4
    assert len(TRUE) == 8


@pytest.mark.parametrize("form", ["numpy", "numba"])
@pytest.mark.parametrize("name", TRUE)
def test_network_equals_the_framework(name, form):
    info, reference = _load(name)
    net, source = _network(name, info)
    with mn.form(form):
        result = _run(net, source, info)
    assert result["grads"].keys() | result["stats"].keys() == {tensor for tensor, _, _ in info["tensors"]}
    errors = list(_errors(result, reference, info, _largest(reference)))
    assert [(what, error / scale) for what, error, scale in errors if not error <= TOLERANCE * scale] == []


# ---------------------------------------------------------------------------------------------------------------------
# Keras' own vectors, which carry float32 rounding


def _keras_normalize(x, gamma, beta, mean, var, eps):
    """Keras' BatchNormalization of a float64 network: the same steps in the same order, in float32."""
    x, gamma, beta, mean, var = (np.float32(array) for array in (x, gamma, beta, mean, var))
    return ((x - mean) * (1 / np.sqrt(var + np.float32(eps)) * gamma) + beta).astype(np.float64)


@pytest.fixture
def keras_rounding(monkeypatch):
    """Put Keras' rounding into our BatchNorm and pool."""
    train, pool = batch_norm.batch_norm_train_forward, global_average_pool.global_average_pool_forward

    def train_forward(x, gamma, beta, eps):
        _, cache = train(x, gamma, beta, eps)
        rows = np.float32(x).reshape(-1, x.shape[-1])
        return _keras_normalize(x, gamma, beta, rows.mean(axis=0), rows.var(axis=0), eps), cache

    def inference_forward(x, gamma, beta, mean, var, eps):
        return _keras_normalize(x, gamma, beta, mean, var, eps), None

    def pool_forward(x):
        _, cache = pool(x)
        return np.float32(x).reshape(x.shape[0], -1, x.shape[3]).mean(axis=1).astype(np.float64), cache

    monkeypatch.setattr(batch_norm, "batch_norm_train_forward", train_forward)
    monkeypatch.setattr(batch_norm_inference, "batch_norm_inference_forward", inference_forward)
    monkeypatch.setattr(global_average_pool, "global_average_pool_forward", pool_forward)


# The other two also round in their gates (V3) and in their last layer, a Dense and no convolution (V2).
@pytest.mark.parametrize("name", ["keras_v1_100", "keras_v3_large_minimalistic_100"])
def test_keras_own_vectors_in_inference(name, keras_rounding):
    """With the float32 steps put in, its inference is met as well: nothing else differs."""
    info, reference = _load(name)
    net, _ = _network(name, info)
    x, _ = images_and_labels(info["seed"], info["batch"], info["height"], info["width"], info["classes"])
    ours = net.forward(x)
    assert np.abs(ours - reference["eval_logits"]).max() <= TOLERANCE * np.abs(reference["eval_logits"]).max()


@pytest.mark.parametrize("name", KERAS)
def test_keras_own_vectors_in_training(name, request):
    """The order in which Keras adds up its float32 statistics is not ours to repeat. Its vectors are met as closely as
    its own rounding lets them be: within ten times what such rounding changes in our network at its worst."""
    info, reference = _load(name)

    def relative(result, other):
        errors = _errors(result, other, info, 1e3 * _largest(reference))
        return {what: error / scale for what, error, scale in errors}

    exact = _run(*_network(name, info), info)
    request.getfixturevalue("keras_rounding")
    rounded = _run(*_network(name, info), info)
    change = max(relative(exact, _as_reference(rounded, info)).values())
    assert 1e-8 < change < 0.1
    assert max(relative(exact, reference).values()) <= 10 * change


def _as_reference(result, info):
    """A result of ours in the vectors' own form."""
    arrays = [result["grads"].get(name, result["stats"].get(name)) for name, _, _ in info["tensors"]]
    heads = [np.resize(a.ravel()[:16], 16) for a in arrays]
    return result | {
        "dx_norm": np.linalg.norm(result["dx"]),
        "dx_head": result["dx"].ravel()[:64],
        "grad_norm": [np.linalg.norm(a) for a in arrays],
        "grad_head": heads,
        "stat_head": heads,
    }
