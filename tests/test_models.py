"""Whole networks: shapes, sizes, gradients, forms, errors."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward

MODELS = ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"]
RNG = np.random.default_rng(0)


def _images(*shape, dtype="float64"):
    return RNG.standard_normal((*shape, 3)).astype(dtype)


@pytest.mark.parametrize("source", ["tf", "keras", "torchvision", "timm"])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_runs_under_every_convention(model, source):
    if (model, source) == ("v1", "torchvision"):
        with pytest.raises(ValueError, match="torchvision has no MobilenetV1"):
            mn.build(model, convention=source)
        return
    net = mn.build(model, 0.25, 5, source)
    x = _images(2, 33, 40, dtype="float32")
    y = net.forward(x, train=True)
    assert y.shape == (2, 5)
    assert y.dtype == np.float32
    assert net.backward(y).shape == x.shape
    assert net.grads.keys() == net.params.keys()
    assert all(g.shape == net.params[n].shape and g.dtype == np.float32 for n, g in net.grads.items())
    assert all(np.isfinite(g).all() for g in net.grads.values())


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 35), (97, 160)])
@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_any_size_from_32_up_and_batch_1_in_training(model, size):
    for source in ("keras", "timm"):
        net = mn.build(model, 0.25, 3, source)
        x = _images(1, *size, dtype="float32")
        assert net.forward(x).shape == (1, 3)
        assert net.backward(net.forward(x, train=True)).shape == x.shape


def test_width_zero_point_six():
    net = mn.build("v1", 0.6, 10)
    assert net.params["stem.conv.w"].shape == (3, 3, 3, 19)
    assert net.forward(_images(1, 32, 32, dtype="float32")).shape == (1, 10)


@pytest.mark.parametrize("model", MODELS)
def test_forms_agree(model):
    net = mn.build(model, 0.25, 4, "timm", "float64", dropout=0)
    x, labels = _images(2, 35, 32), np.array([1, 3])
    results = []
    for form in ("numpy", "numba"):
        with mn.form(form):
            logits = net.forward(x, train=True)
            _, cache = softmax_cross_entropy_forward(logits, labels)
            dx = net.backward(softmax_cross_entropy_backward(np.float64(1), cache))
            results.append({"logits": logits, "dx": dx, **net.grads})
    largest = max(np.abs(g).max() for g in net.grads.values())
    for name, ours in results[0].items():
        # Thirty to a hundred layers of training-mode BatchNorm over few positions amplify each rounding error. Some
        # gradients are 0 in theory; there both forms hold rounding errors alone, small beside the largest gradient.
        assert np.abs(ours - results[1][name]).max() <= 1e-9 * np.abs(ours).max() + 1e-13 * largest, name


def test_loops_run_a_whole_model():
    net = mn.build("v3-small", 0.05, 2, dtype="float64")
    x = _images(1, 32, 32)
    expected = net.forward(x)
    with mn.form("loops"):
        np.testing.assert_allclose(net.forward(x), expected, rtol=1e-12)


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small", "v3-large-minimalistic"])
def test_gradients_of_a_whole_network(model):
    """Every parameter tensor by a random direction, and some entries one by one, through the complex step."""
    net = mn.build(model, 0.25, 3, "torchvision" if model == "v2" else "keras", "float64", dropout=0)
    # Eight images: BatchNorm over two values a channel, as the last blocks would have it, magnifies rounding errors.
    x = np.random.default_rng(1).standard_normal((8, 33, 32, 3))
    mn.gradcheck(net, x, elements=1, rtol=1e-12).assert_ok()


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_gradients_of_a_whole_network_by_differences(model):
    """One entry of every array. (A direction through a whole array would cross kinks of thousands of ReLUs.)"""
    net = mn.build(model, 0.25, 3, "torchvision" if model == "v2" else "keras", "float64", dropout=0)
    x = np.random.default_rng(1).standard_normal((8, 33, 32, 3))
    report = mn.gradcheck(net, x, elements=1, method="central", step=1e-6)
    entries = [row for row in report.rows if "direction" not in row.name]
    smooth = [row for row in entries if not row.kinks]
    assert len(entries) == len(net.params) + 1
    assert len(smooth) >= 0.9 * len(entries)
    assert max(row.error for row in smooth) < 1e-7


def test_same_seed_same_weights():
    a, b, c = (mn.build("v2", 0.35, 10, rng=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.params[n], b.params[n]) for n in a.params)
    assert not np.array_equal(a.params["stem.conv.w"], c.params["stem.conv.w"])


def test_dropout_argument():
    assert "dropout" in mn.build("v2", 0.35, 10).children
    assert "dropout" not in mn.build("v2", 0.35, 10, convention="keras").children
    assert mn.build("v2", 0.35, 10, convention="keras", dropout=0.3).children["dropout"].rate == 0.3
    assert "dropout" not in mn.build("v2", 0.35, 10, dropout=0).children


def test_inference_leaves_the_network_alone():
    net = mn.build("v3-small", 0.25, 3)
    before = {n: a.copy() for n, a in (net.params | net.buffers).items()}
    x = _images(2, 32, 32, dtype="float32")
    kept = x.copy()
    net.forward(x)
    assert all(np.array_equal(before[n], a) for n, a in (net.params | net.buffers).items())
    assert np.array_equal(x, kept)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (dict(model="v4"), "model 'v4' is unknown"),
        (dict(model="v2", convention="pytorch"), "source 'pytorch' is unknown"),
        (dict(model="v2", width=0), "width is 0"),
        (dict(model="v2", width=float("nan")), "width is nan"),
        (dict(model="v2", width="1"), "width is '1'"),
        (dict(model="v2", classes=0), "classes is 0"),
        (dict(model="v2", classes=2.5), r"classes is 2\.5"),
        (dict(model="v2", dropout=1), "dropout is 1"),
        (dict(model="v2", dropout=-0.1), r"dropout is -0\.1"),
        (dict(model="v2", dropout="0.2"), "dropout is '0.2'"),
        (dict(model="v2", dtype="float16"), "dtype 'float16' is unknown"),
        (dict(model="v2", dtype="single precision"), "dtype 'single precision' is unknown"),
        (dict(model="v1", width=0.01, convention="keras"), "leaves none of 32 channels"),
        (dict(model="v2", dtype=None), "dtype None is unknown"),
        (dict(model="v2", rng=-1), "rng is -1"),
        (dict(model="v2", rng=True), "rng is True"),
        (dict(model="v2", rng=None), "rng is None"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mn.build(**kwargs)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((32, 32, 3), np.float32), r"v2: x has shape \(32, 32, 3\); it must have 4 axes \(N, H, W, C\)"),
        (np.zeros((1, 3, 32, 32), np.float32), "v2: x has 32 channels .* images have 3, channels last"),
        (np.zeros((1, 31, 32, 3), np.float32), "v2: x is 31x32; images must be at least 32x32"),
        (np.zeros((1, 32, 32, 3)), "v2: x is float64, the network float32"),
        (np.zeros((1, 32, 32, 3), np.uint8), "v2: x is uint8; use preprocess"),
        ([[1.0]], "v2: x is a list"),
        (np.zeros((0, 32, 32, 3), np.float32), "no axis may be empty"),
    ],
)
def test_bad_images(x, message):
    with pytest.raises(ValueError, match=message):
        mn.build("v2", 0.35, 10).forward(x)


def test_backward_before_forward():
    net = mn.build("v2", 0.35, 10)
    dy = np.zeros((1, 10), np.float32)
    with pytest.raises(ValueError, match="classifier: backward before forward"):
        net.backward(dy)
    net.forward(_images(1, 32, 32, dtype="float32"), train=True)
    with pytest.raises(ValueError, match=r"dy has shape \(1, 9\), expected \(1, 10\)"):
        net.backward(dy[:, 1:].copy())


def test_preprocess():
    pixels = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1).repeat(3, 3)
    for source, low, high in (("tf", -1, 1), ("torchvision", (0 - 0.485) / 0.229, (1 - 0.485) / 0.229)):
        x = mn.preprocess(pixels, mn.build("v2", 0.35, 10, source, "float64"))
        np.testing.assert_allclose(x[0, 0, :, 0], [low, high], rtol=1e-14)
        np.testing.assert_array_equal(x, mn.preprocess(pixels / 255, mn.build("v2", 0.35, 10, source, "float64")))


@pytest.mark.parametrize(
    "images", [np.zeros((2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 2.0), np.zeros((1, 2, 2, 3), int)]
)
def test_preprocess_refuses(images):
    with pytest.raises(ValueError, match="preprocess: images"):
        mn.preprocess(images, mn.build("v2", 0.35, 10))


def test_repr_says_what_it_is():
    assert repr(mn.build("v1", 0.25, 10)) == "<v1 width 0.25, 10 classes, tf convention, float32, 215,642 parameters>"
