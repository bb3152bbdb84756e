"""`compile` is `net.forward`, only faster."""

import os
import threading
from dataclasses import replace

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.costs.variants import full_convolutions, shallow, with_hidden, with_stem, without_classifier
from mobilenet_np.models import Network

MODELS = ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"]
RNG = np.random.default_rng(0)
U = 2.0**-24


@pytest.fixture(autouse=True)
def default_threads():
    yield
    mn.set_threads(None)


def _network(model, width=1.0, classes=10, source="tf"):
    """With statistics as a trained network has them: neither 0 nor 1."""
    return _as_trained(mn.build(model, width, classes, source))


def _network_of(architecture):
    return _as_trained(Network(architecture, "float32", np.random.default_rng(0)))


def _as_trained(net):
    for name, array in (net.params | net.buffers).items():
        if name.endswith(("var", "gamma")):
            array[...] = RNG.uniform(0.5, 1.5, array.shape)
        elif name.endswith(("mean", "beta", ".b")):
            array[...] = 0.1 * RNG.standard_normal(array.shape)
    return net


def _images(*shape):
    return RNG.standard_normal((*shape, 3)).astype(np.float32)


def _exact_and_spread(net, x, samples=6):
    """Logits in float64, and by how much float32 rounding may be expected to move them.

    Each layer of length K rounds about K times, so its output is disturbed by sqrt(K) * u of its size (Higham and Mary
    2019: rounding errors add up like a random walk). Such disturbances, put into the float64 network layer by layer,
    show what the rest of the network makes of them.
    """
    exact = net.astype("float64")
    y = exact.forward(x.astype(float))
    for _, leaf in exact.walk():
        _disturb(leaf)
    moved = [np.abs(exact.forward(x.astype(float)) - y).max() for _ in range(samples)]
    return y, max(moved)


def _disturb(leaf):
    forward, rng = leaf.forward, np.random.default_rng(1)
    length = max([int(np.prod(p.shape[:-1])) for p in leaf.params.values()] + [1])

    def disturbed(x, train=False):
        y = forward(x, train)
        return y + np.sqrt(length) * U * np.sqrt(np.mean(y**2)) * rng.standard_normal(y.shape)

    leaf.forward = disturbed


def _assert_equal(net, x):
    exact, spread = _exact_and_spread(net, x)
    error = np.abs(mn.compile(net)(x) - exact).max()
    assert error <= 4 * spread
    assert spread <= 1e-4 * np.abs(exact).max()  # or the bound would say nothing


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 33, 47), (1, 97, 64), (3, 64, 160)])
@pytest.mark.parametrize("model", MODELS)
def test_equals_forward(model, shape):
    _assert_equal(_network(model, 0.5), _images(*shape))


@pytest.mark.parametrize("model", MODELS)
def test_equals_forward_at_224(model):
    _assert_equal(_network(model, 1.0, 1000), _images(1, 224, 224))


@pytest.mark.parametrize(
    ("model", "source"), [("v1", "keras"), ("v2", "keras"), ("v3-large", "timm"), ("v3-small", "torchvision")]
)
@pytest.mark.parametrize("width", [0.35, 0.6, 1.3])
def test_widths_and_conventions(model, source, width):
    """Keras V1 at 0.6 has 19, 38, 76 channels: no multiples of eight."""
    _assert_equal(_network(model, width, 7, source), _images(2, 65, 70))


@pytest.mark.parametrize("padding", ["tf", "tf-even"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 65, 70), (1, 128, 160)])
def test_standard_convolutions_in_the_blocks(shape, padding):
    """V1's full-convolution twin, of 19, 38 and 76 channels."""
    net = full_convolutions(mn.build("v1", 0.6, 7, "keras").architecture)
    blocks = tuple(replace(b, rows=tuple(replace(row, padding=padding) for row in b.rows)) for b in net.blocks)
    _assert_equal(_network_of(replace(net, blocks=blocks)), _images(*shape))


def test_standard_convolutions_with_a_shortcut_around_them():
    """No paper has them, but an `Architecture` can say so."""
    net = full_convolutions(mn.build("v1", 0.25, 10).architecture)
    assert net.blocks[6].rows[0].c_in == net.blocks[6].rows[0].c_out
    blocks = tuple(replace(block, residual=i == 6) for i, block in enumerate(net.blocks))
    _assert_equal(_network_of(replace(net, blocks=blocks)), _images(2, 64, 64))


@pytest.mark.parametrize(
    ("variant", "model"),
    [
        (shallow, "v1"),
        (lambda net: with_hidden(net, 1280), "v3-small"),
        (lambda net: with_stem(net, 32), "v3-large"),
        (without_classifier, "v1"),
        (without_classifier, "v2"),
        (without_classifier, "v3-small"),
    ],
)
def test_other_variants(variant, model):
    net = variant(mn.build(model, 0.5, 10).architecture)
    _assert_equal(_network_of(net), _images(2, 64, 64))


def test_real_image():
    import matplotlib.cbook
    import matplotlib.image

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        photograph = matplotlib.image.imread(file)
    net = _network("v2")
    _assert_equal(net, mn.preprocess(photograph[None, :224, :224].copy(), net))


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
@pytest.mark.parametrize("N", [1, 2, 3, 8])
def test_same_bits_for_any_number_of_threads(model, N):
    net = _network(model, 0.5)
    fast, x = mn.compile(net), _images(N, 96, 80)
    results = []
    for threads in (1, 2, 4):
        mn.set_threads(threads)
        results.append(fast(x))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_same_bits_in_any_batch():
    pytest.importorskip("numba")  # without it a BLAS multiplies, and adds in another order for another batch
    fast, x = mn.compile(_network("v3-small", 0.5)), _images(5, 64, 64)
    together = fast(x)
    for n in range(5):
        assert np.array_equal(fast(x[n : n + 1])[0], together[n])


def test_several_python_threads_at_once():
    fast = mn.compile(_network("v2", 0.35))
    inputs = [_images(1, 64 + 8 * i, 64) for i in range(6)]
    alone = [fast(x) for x in inputs]
    wrong = []

    def work(i):
        for _ in range(10):
            if not np.array_equal(fast(inputs[i]), alone[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_fork():
    mn.set_threads(2)
    fast, x = mn.compile(_network("v2", 0.35)), _images(2, 64, 64)
    expected = fast(x)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(fast(x), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_input_is_left_alone_and_output_is_the_callers_own():
    fast, x = mn.compile(_network("v1", 0.25)), _images(1, 40, 40)
    kept = x.copy()
    y = fast(x)
    first = y.copy()
    fast(_images(1, 40, 40))
    assert np.array_equal(x, kept)
    assert np.array_equal(y, first)


def test_inputs_in_any_memory_order():
    fast, x = mn.compile(_network("v1", 0.25)), _images(2, 40, 40)
    assert np.array_equal(fast(np.asfortranarray(x)), fast(x))


def test_weights_are_those_at_compile_time():
    net = _network("v1", 0.25)
    fast, x = mn.compile(net), _images(1, 32, 32)
    before = fast(x)
    net.params["classifier.b"] += 1
    assert np.array_equal(fast(x), before)
    assert not np.array_equal(mn.compile(net)(x), before)


def test_nan_is_not_hidden():
    fast, x = mn.compile(_network("v3-small", 0.5)), _images(1, 64, 64)
    x[0, 30, 30] = np.nan
    assert np.isnan(fast(x)).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 31, 32, 3), np.float32), "v1: x is 31x32; images must be at least 32x32"),
        (np.zeros((1, 32, 32, 3)), "v1: x is float64, the network float32"),
        (np.zeros((1, 3, 32, 32), np.float32), "images have 3, channels last"),
        (np.zeros((32, 32, 3), np.float32), "must have 4 axes"),
    ],
)
def test_bad_images(x, message):
    with pytest.raises(ValueError, match=message):
        mn.compile(_network("v1", 0.25))(x)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_set_threads_refuses(count):
    with pytest.raises(ValueError, match="set_threads: count is"):
        mn.set_threads(count)
