"""`compile` is `net.forward`, only faster."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from trained import as_trained

import mobilenet_np as mn
from mobilenet_np.costs.variants import full_convolutions, shallow, with_hidden, with_stem, without_classifier
from mobilenet_np.infer import compiled, plan
from mobilenet_np.models import Network

MODELS = ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"]
RNG = np.random.default_rng(0)
U = 2.0**-24


def _network(model, width=1.0, classes=10, source="tf"):
    return as_trained(mn.build(model, width, classes, source), RNG)


def _network_of(architecture):
    return as_trained(Network(architecture, "float32", np.random.default_rng(0)), RNG)


def _images(*shape):
    return RNG.standard_normal((*shape, 3)).astype(np.float32)


def _exact_and_spread(net, x, samples=6):
    """Logits in float64, and by how much float32 rounding may be expected to move them.

    Each layer of length K rounds about K times, so its output is disturbed by sqrt(K) * u of its size (Higham and Mary
    2019: rounding errors add up like a random walk). Such disturbances, put into the float64 network layer by layer,
    each of its own, show what the rest of the network makes of them.
    """
    exact = net.astype("float64")
    y = exact.forward(x.astype(float))
    for number, (_, leaf) in enumerate(exact.walk()):
        if leaf.op not in ("relu", "relu6", "dropout"):  # which round nothing
            _disturb(leaf, np.random.default_rng([1, number]))
    moved = [np.abs(exact.forward(x.astype(float)) - y).max() for _ in range(samples)]
    return y, max(moved)


def _disturb(leaf, rng):
    forward = leaf.forward
    length = max([int(np.prod(p.shape[:-1])) for p in leaf.params.values()] + [1])

    def disturbed(x, train=False):
        y = forward(x, train)
        return y + np.sqrt(length) * U * np.sqrt(np.mean(y**2)) * rng.standard_normal(y.shape)

    leaf.forward = disturbed


def _assert_equal(net, x):
    exact, spread = _exact_and_spread(net, x)
    error = np.abs(mn.compile(net)(x) - exact).max()
    assert error <= spread
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


@pytest.mark.parametrize("model", MODELS)
def test_real_image(model):
    import matplotlib.cbook
    import matplotlib.image

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        photograph = matplotlib.image.imread(file)
    net = _network(model, 0.75)
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


@pytest.mark.parametrize("classes", [10, 40, 1000])
@pytest.mark.parametrize("model", ["v1", "v3-small"])
@pytest.mark.parametrize("N", [191, 192, 200])
def test_large_batches(model, classes, N):
    """From 192 images on the fully connected layers are cut by images, not by classes."""
    fast, x = mn.compile(_network(model, 0.25, classes)), _images(N, 32, 32)
    y, some = fast(x), [0, 1, N // 2, N - 1]
    if mn.forms.HAVE_NUMBA:  # see test_same_bits_in_any_batch
        assert np.array_equal(y[some], fast(x[some]))
    else:
        np.testing.assert_allclose(y[some], fast(x[some]), atol=1e-5)


def test_large_batches_equal_forward():
    _assert_equal(_network("v3-small", 0.25, 40), _images(192, 32, 32))


def test_several_python_threads_at_once():
    """On images of one shape, who need working space of their own; the very first calls, too."""
    net, inputs = _network("v2", 0.35), [_images(2, 64, 64) for _ in range(6)]
    alone = [mn.compile(net)(x) for x in inputs]
    fast, together = mn.compile(net), threading.Barrier(6, timeout=60)
    wrong = []

    def work(i):
        for _ in range(10):
            together.wait()
            if not np.array_equal(fast(inputs[i]), alone[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_working_space_of_few_shapes_is_kept():
    """A loop over photographs of all sizes must not fill the memory."""
    pytest.importorskip("numba")
    fast = mn.compile(_network("v1", 0.25))
    inputs = [_images(1, 32 + side, 40) for side in range(2 * compiled._KEPT)]
    first = [fast(x) for x in inputs]
    assert fast._plan.cache_info().currsize == fast._rooms.cache_info().currsize == compiled._KEPT
    for x, y in zip(inputs, first, strict=True):
        assert np.array_equal(fast(x), y)


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_the_cache_s_size_decides_the_tiles_and_not_the_result(model, monkeypatch):
    pytest.importorskip("numba")
    net, x = _network(model), _images(1, 97, 64)
    results, plans = [], set()
    for size in (2**15, 2**18, 2**20, 2**24):
        monkeypatch.setattr(plan, "CACHE", size)
        fast = mn.compile(net)
        results.append(fast(x))
        plans.add(str(fast._plan(1, 97, 64).steps[["kind", "tile"]].tolist()))
    assert len(plans) > 1
    assert all(np.array_equal(y, results[0]) for y in results)


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


@pytest.mark.parametrize("N", [3, 8])
def test_nan_stays_with_its_image(N):
    """In the same batch, and in the next one, which is given the same working space."""
    fast, x = mn.compile(_network("v3-small", 0.5)), _images(N, 64, 64)
    y, broken = fast(x), x.copy()
    broken[1, 30, 30] = np.nan
    found = fast(broken)
    assert np.isnan(found[1]).all()
    assert np.array_equal(np.delete(found, 1, axis=0), np.delete(y, 1, axis=0))
    assert np.array_equal(fast(x), y)


def test_a_float64_network_is_rounded_once():
    net = _network("v2", 0.35)
    y = mn.compile(net.astype("float64"))(x := _images(1, 48, 48))
    assert y.dtype == np.float32
    assert np.array_equal(y, mn.compile(net)(x))


def test_says_what_it_is():
    pytest.importorskip("numba")
    assert repr(mn.compile(mn.build("v1", 0.25, 10))) == "<compiled v1 width 0.25, 10 classes, tf convention>"


@pytest.mark.parametrize("net", ["v2", None, np.zeros(3)])
def test_what_is_no_network_is_refused(net):
    with pytest.raises(TypeError, match=r"compile: net is a .*; it must be a Network, as build makes them"):
        mn.compile(net)


def test_a_variance_that_has_no_root_is_refused():
    net = mn.build("v1", 0.25)
    net.buffers["block2.pointwise.bn.var"][3] = -1
    with pytest.raises(ValueError, match=r"block2.pointwise.bn: var is -1.0 at its least; var \+ eps must be positive"):
        mn.compile(net)


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


def test_set_threads_takes_numpy_s_integers():
    fast, x = mn.compile(_network("v1", 0.25)), _images(2, 40, 40)
    expected = fast(x)
    for count in np.arange(1, 4):
        mn.set_threads(count)
        assert mn.get_threads() == count
        assert np.array_equal(fast(x), expected)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_set_threads_refuses(count):
    with pytest.raises(ValueError, match="set_threads: count is"):
        mn.set_threads(count)
