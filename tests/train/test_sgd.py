"""SGD's formulas, by hand and against PyTorch; what decays and what does not; nothing half done."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.train import SGD
from mobilenet_np.train.sgd import decays


def test_two_steps_by_hand():
    """v = 1 + 0.1 * 2 = 1.2, w = 2 - 0.5 * 1.2 = 1.4; then v = 0.5 * 1.2 - 1 + 0.1 * 1.4 = -0.26, w = 1.4 + 0.026."""
    params, sgd = {"conv.w": np.array([2.0])}, SGD(momentum=0.5, weight_decay=0.1)
    sgd.step(params, {"conv.w": np.array([1.0])}, lr=0.5)
    assert params["conv.w"] == pytest.approx(1.4, rel=1e-15)
    sgd.step(params, {"conv.w": np.array([-1.0])}, lr=0.1)
    assert params["conv.w"] == pytest.approx(1.426, rel=1e-15)


def test_without_momentum_and_decay_it_is_gradient_descent():
    w, g = np.arange(6.0).reshape(2, 3), np.linspace(-1, 1, 6).reshape(2, 3)
    params = {"conv.w": w.copy()}
    SGD(momentum=0, weight_decay=0).step(params, {"conv.w": g}, lr=0.25)
    assert (params["conv.w"] == w - 0.25 * g).all()


def test_a_constant_gradient_goes_ten_times_as_far_with_momentum():
    params, sgd = {"conv.w": np.zeros(1)}, SGD(momentum=0.9, weight_decay=0)
    for _ in range(300):
        before = params["conv.w"].copy()
        sgd.step(params, {"conv.w": np.ones(1)}, lr=0.01)
    assert before - params["conv.w"] == pytest.approx(0.1, rel=1e-9)


def test_like_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    w, gradients, rates = rng.normal(size=(3, 4)), rng.normal(size=(5, 3, 4)), (0.1, 0.2, 0.3, 0.2, 0.05)
    theirs = torch.nn.Parameter(torch.tensor(w))
    optimizer = torch.optim.SGD([theirs], lr=1, momentum=0.9, weight_decay=0.01)
    params, sgd = {"conv.w": w.copy()}, SGD(momentum=0.9, weight_decay=0.01)
    for g, lr in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        theirs.grad = torch.tensor(g)
        optimizer.step()
        sgd.step(params, {"conv.w": g}, lr)
    assert np.abs(params["conv.w"] - theirs.detach().numpy()).max() < 1e-14


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_weight_decay_moves_convolutions_and_classifiers_only(model):
    """With no gradient at all, weight decay is the only thing that moves anything."""
    net = mn.build(model, width=0.25, classes=10)
    for array in net.params.values():
        array += 0.5  # so that biases and beta, which begin at 0, would move
    before = {name: array.copy() for name, array in net.params.items()}
    SGD(momentum=0, weight_decay=0.1).step(net.params, {n: np.zeros_like(a) for n, a in before.items()}, lr=1.0)
    moved = {name for name, array in net.params.items() if (array != before[name]).any()}
    expected = {
        f"{name}.{key}"
        for name, leaf in net.walk()
        for key in leaf.params
        if leaf.op in ("conv2d", "pointwise_conv2d", "linear", "squeeze_excite") and key in ("w", "w1", "w2")
    }
    assert moved == expected
    for name in moved:
        np.testing.assert_allclose(net.params[name], 0.9 * before[name], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("stem.conv.w", True),
        ("block2.pointwise.conv.w", True),
        ("block3.squeeze_excite.w2", True),
        ("classifier.w", True),
        ("block3.depthwise.conv.w", False),
        ("block3.squeeze_excite.b2", False),
        ("block2.pointwise.bn.gamma", False),
        ("block2.pointwise.bn.beta", False),
        ("classifier.b", False),
    ],
)
def test_decays(name, answer):
    assert decays(name) is answer


def test_updates_in_place_and_keeps_the_dtype():
    w, g = np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)
    SGD().step({"conv.w": w}, {"conv.w": g}, lr=np.float64(0.1))
    assert w.dtype == np.float32
    assert (w < 1).all()
    assert (g == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(momentum=1.0), "momentum is 1.0; it must be at least 0 and below 1"),
        (dict(momentum=-0.1), "momentum is -0.1"),
        (dict(momentum="0.9"), "momentum is '0.9'"),
        (dict(weight_decay=-1e-4), "weight_decay is -0.0001"),
        (dict(weight_decay=float("nan")), "weight_decay is nan"),
        (dict(weight_decay=float("inf")), "weight_decay is inf"),
    ],
)
def test_errors_in_the_options(options, message):
    with pytest.raises(ValueError, match=message):
        SGD(**options)


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({}, "2 parameters, 0 gradients.*differing: a.w, b.w"),
        ({"a.w": np.ones(2), "c.w": np.ones(2)}, "differing: b.w, c.w"),
        ({"a.w": np.ones(2), "b.w": np.ones(3)}, r"the gradient of b.w has shape \(3,\), expected \(2,\)"),
    ],
)
def test_gradients_that_do_not_fit_change_nothing(grads, message):
    params = {"a.w": np.ones(2), "b.w": np.ones(2)}
    with pytest.raises(ValueError, match=message):
        SGD().step(params, grads, lr=0.1)
    assert all((array == 1).all() for array in params.values())
