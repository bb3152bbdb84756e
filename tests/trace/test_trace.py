"""A trace holds what the network itself computes, bit for bit, and leaves the network as it was."""

import copy
import itertools
from pathlib import Path

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import ops
from mobilenet_np.costs import cost
from mobilenet_np.counted import executed
from mobilenet_np.forms import form
from mobilenet_np.layers import chain
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from mobilenet_np.trace import Record, Trace

MODELS = ("v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic")
LABELS = np.array([3, 7])
ROOT = Path(mn.__file__).parents[1]


def _net(model="v3-small", dtype="float64", **options):
    return mn.build(model, width=0.35, classes=10, dtype=dtype, dropout=0.5, **options)


def _images(dtype="float64", shape=(2, 64, 48, 3)):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def _leaves(t):
    return [record for record in t.records.values() if not record.parts]


# ---------------------------------------------------------------------------------------------------------------------
# The same bits


@pytest.mark.parametrize("name", ["numba", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_as_the_network_computes(model, dtype, name):
    """The network afterwards draws the very dropout mask that was traced."""
    net, x = _net(model, dtype), _images(dtype)
    with form(name):
        t = mn.trace(net, x, LABELS)
        with chain.apart(net):  # a trace shows what is between layers, which chains never write
            logits = net.forward(x, train=True)
            loss, cache = softmax_cross_entropy_forward(logits, LABELS)
            dy = softmax_cross_entropy_backward(1.0, cache)
            dx = net.backward(dy)
    np.testing.assert_array_equal(t.logits, logits)
    assert t.loss == loss
    assert t.form == name
    np.testing.assert_array_equal(t.dy, dy)
    np.testing.assert_array_equal(t.dx, dx)
    assert list(t.grads) == list(net.grads)
    for param, grad in net.grads.items():
        np.testing.assert_array_equal(t.grads[param], grad)
        child, _, rest = param.partition(".")
        np.testing.assert_array_equal(t[child].backward.grads[rest], grad)


def test_in_loops():
    net, x = mn.build("v1", width=0.05, classes=3, dtype="float64"), _images(shape=(1, 32, 32, 3))
    with form("loops"):
        t = mn.trace(net, x, dy=np.ones((1, 3)))
    np.testing.assert_array_equal(t.logits, net.forward(x, train=True))
    np.testing.assert_array_equal(t.dx, net.backward(np.ones((1, 3))))
    assert t.form == "loops"


def test_a_gradient_of_ones_or_of_ones_own():
    net, x = _net(), _images()
    dy = np.random.default_rng(1).normal(size=(2, 10))
    ones, own = mn.trace(net, x), mn.trace(net, x, dy=dy)
    assert ones.loss is None
    assert own.loss is None
    for t, given in ((ones, np.ones((2, 10))), (own, dy)):
        expected = copy.deepcopy(net)
        expected.forward(x, train=True)
        np.testing.assert_array_equal(t.dy, given)
        np.testing.assert_array_equal(t.dx, expected.backward(given))


def _state(net):
    """Everything that a layer could remember."""
    return [(name, layer._cache, layer._grads, sorted(vars(layer))) for name, layer in net.walk()]


@pytest.mark.parametrize("trained_before", [False, True])
def test_the_network_stays_as_it_was(trained_before):
    net, x = _net(), _images()
    if trained_before:
        net.forward(x[::-1].copy(), train=True)
        net.backward(np.ones((2, 10)))
    before = {kind: {k: v.copy() for k, v in getattr(net, kind).items()} for kind in ("params", "buffers", "grads")}
    state, rng = _state(net), copy.deepcopy(net.children["dropout"].rng.bit_generator.state)
    x_before = x.copy()
    mn.trace(net, x, LABELS)
    for kind, arrays in before.items():
        now = getattr(net, kind)
        assert list(now) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(now[name], array)
    for (name, cache, grads, attributes), (_, cache_now, grads_now, attributes_now) in zip(
        state, _state(net), strict=True
    ):
        assert (cache is cache_now, grads is grads_now, attributes) == (True, True, attributes_now), name
    assert net.children["dropout"].rng.bit_generator.state == rng
    np.testing.assert_array_equal(x, x_before)


def test_what_was_traced_stays_as_it_was():
    """Neither later training nor an overwritten batch reaches into a trace."""
    net, x, dy = _net(), _images(), np.ones((2, 10))
    t = mn.trace(net, x, dy=dy)
    image, given, w = t["stem"].forward.x.copy(), t.dy.copy(), t["stem.conv"].params["w"].copy()
    x[...], dy[...] = 0, 0
    for array in net.params.values():
        array += 1
    np.testing.assert_array_equal(t["stem"].forward.x, image)
    np.testing.assert_array_equal(t["classifier"].backward.dy, given)
    np.testing.assert_array_equal(t["stem.conv"].params["w"], w)


# ---------------------------------------------------------------------------------------------------------------------
# The records hang together


@pytest.mark.parametrize("model", MODELS)
def test_names(traced, model):
    t = traced(model)
    net = t.architecture
    expected = {row.name for row in net.rows} | {block.name for block in net.blocks}
    expected |= {name for name, _ in mn.build(model, width=0.35, classes=10, dropout=0.5).walk()}
    inner = {f"{r.name}.{p}" for r in net.rows if r.squeeze for p in
             ("pool", "reduce", "relu", "expand", "hard_sigmoid", "gate")}  # fmt: skip
    assert set(t) == set(t.names) == expected | inner
    assert len(t) == len(t.names)
    assert "stem.conv" in t
    assert "stem.cnv" not in t
    for name, record in t.records.items():
        assert record.name == name
        assert all(part.name.rpartition(".")[0] == name and t[part.name] is part for part in record.parts)


@pytest.mark.parametrize("model", MODELS)
def test_what_one_gives_is_what_the_next_gets(traced, model):
    t = traced(model)
    tops = [t[name] for name in t if "." not in name]
    assert tops[0].forward.x is t.x
    assert tops[-1].forward.y is t.logits
    assert tops[0].backward.dx is t.dx
    assert tops[-1].backward.dy is t.dy
    chains = [tops] + [record.parts for record in t.records.values() if record.parts and record.op != "squeeze_excite"]
    for parts in chains:
        for before, after in itertools.pairwise(parts):
            assert before.forward.y is after.forward.x
            assert before.backward.dy is after.backward.dx
    for record in t.records.values():
        if record.parts and record.op not in ("squeeze_excite", "residual"):
            first, last = record.parts[0], record.parts[-1]
            assert record.forward.x is first.forward.x
            assert record.forward.y is last.forward.y
            assert record.backward.dx is first.backward.dx
            assert record.backward.dy is last.backward.dy


@pytest.mark.parametrize("model", ["v2", "v3-large"])
def test_shortcuts(traced, model):
    t = traced(model)
    residual = [block.name for block in t.architecture.blocks if block.residual]
    assert residual
    assert residual == [name for name in t if t[name].op == "residual"]
    for name in residual:
        first, last = t[name].parts[0], t[name].parts[-1]
        np.testing.assert_array_equal(t[name].forward.y, t[name].forward.x + last.forward.y)
        np.testing.assert_array_equal(t[name].backward.dx, t[name].backward.dy + first.backward.dx)


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_every_record_is_its_op(traced, model):
    """Run again from x, params and options alone, an op gives y; from dy and the cache, dx and the gradients."""
    seen = set()
    for record in _leaves(traced(model)):
        seen.add(record.op)
        if record.op in ("batch_norm", "dropout", "gate"):
            continue
        module, options = getattr(ops, record.op), dict(record.options)
        gradient_slope = options.pop("gradient_slope", None)
        y, cache = getattr(module, f"{record.op}_forward")(record.forward.x, *record.params.values(), **options)
        np.testing.assert_array_equal(y, record.forward.y)
        if gradient_slope:
            cache = cache._replace(slope=gradient_slope)
        gradients = getattr(module, f"{record.op}_backward")(record.backward.dy, cache)
        dx, *others = gradients if record.params else (gradients,)
        np.testing.assert_array_equal(dx, record.backward.dx)
        for other, grad in zip(others, record.backward.grads.values(), strict=True):
            np.testing.assert_array_equal(other, grad)
    assert {"conv2d", "depthwise_conv2d", "pointwise_conv2d", "linear", "batch_norm", "dropout"} <= seen


@pytest.mark.parametrize("convention", ["tf", "torchvision"])
def test_a_gate_is_its_parts(convention):
    """torchvision's gates have one slope forward and another one backward."""
    net, x = _net("v3-small", convention=convention), _images()
    for name, array in net.params.items():
        if name.endswith("b2"):
            array += np.linspace(-5, 5, array.size)
    t = mn.trace(net, x, LABELS)
    gates = [record for record in t.records.values() if record.op == "squeeze_excite"]
    assert len(gates) == 9
    for gate in gates:
        pool, reduce, relu, expand, hard_sigmoid, product = gate.parts
        for before, after in zip(gate.parts[:4], gate.parts[1:5], strict=True):
            assert before.forward.y is after.forward.x
            assert before.backward.dy is after.backward.dx
        np.testing.assert_array_equal(product.backward.grads["g"], hard_sigmoid.backward.dy)
        np.testing.assert_array_equal(product.forward.x * hard_sigmoid.forward.y[:, None, None], gate.forward.y)
        np.testing.assert_array_equal(product.backward.dx + pool.backward.dx, gate.backward.dx)
        parts = (reduce.backward.grads["w"], reduce.backward.grads["b"])
        parts += (expand.backward.grads["w"], expand.backward.grads["b"])
        for part, grad in zip(parts, gate.backward.grads.values(), strict=True):
            np.testing.assert_array_equal(part, grad)
        assert gate.macs == reduce.macs + expand.macs == reduce.macs_dx + expand.macs_dw
        for part in gate.parts[:-1]:
            if part.op != "global_average_pool":
                params = [*part.params.values()]
                options = {k: v for k, v in part.options.items() if k == "slope"}
                y, _ = getattr(getattr(ops, part.op), f"{part.op}_forward")(part.forward.x, *params, **options)
                np.testing.assert_array_equal(y, part.forward.y)


def test_options_and_params(traced):
    t = traced("v3-small")
    assert t["block2.depthwise.conv"].options == t["block2.depthwise"].options
    assert t["block2.depthwise"].options == dict(stride=2, padding=((0, 1), (0, 1)))
    assert t["block2"].options == t["block2.expand"].options == {}
    assert t["stem.bn"].options == dict(eps=1e-3)
    assert t["dropout"].options == dict(rate=0.5)
    assert t["block1.squeeze_excite"].options == dict(slope=0.16667, gradient_slope=0.16667)
    assert list(t["block2.depthwise"].params) == ["conv.w", "bn.gamma", "bn.beta"]
    assert t["stem"].shapes == {
        "x": (2, 64, 48, 3), "y": (2, 32, 24, 8), "conv.w": (3, 3, 3, 8), "bn.gamma": (8,), "bn.beta": (8,)
    }  # fmt: skip
    assert set(t["stem"].dtypes.values()) == {np.dtype("float64")}


# ---------------------------------------------------------------------------------------------------------------------
# What it cost


@pytest.mark.parametrize("model", MODELS)
def test_macs_are_those_of_the_closed_forms(traced, model):
    t = traced(model)
    closed = cost(t.architecture, resolution=(64, 48))
    for row in closed.rows:
        record = t[row.name]
        assert record.macs == 2 * row.macs
        assert record.macs_in_bounds == 2 * row.macs_in_bounds
        assert record.macs_dw == 2 * row.macs_dw
        assert row.first or record.macs_dx == 2 * row.macs_dx
    tops = [t[name] for name in t if "." not in name]
    assert sum(record.macs for record in tops) == 2 * closed.macs
    assert all(r.macs == sum(part.macs for part in r.parts) for r in t.records.values() if r.parts)


@pytest.mark.parametrize("model", MODELS)
def test_bytes(traced, model):
    t = traced(model)
    net = mn.build(model, width=0.35, classes=10, dtype="float64", dropout=0.5)
    kept = sum(t[name].bytes["kept"] for name in t if "." not in name)
    assert kept == executed(net, _images(), backward=True).kept_bytes
    assert kept == cost(net, resolution=(64, 48)).bytes("float64", batch=2)["kept_for_backward"]
    C = t["stem"].forward.y.shape[3]
    stem = dict(x=8 * 2 * 64 * 48 * 3, y=8 * 2 * 32 * 24 * C, params=8 * (3 * 3 * 3 * C + 2 * C))
    assert stem.items() < t["stem"].bytes.items()
    for record in t.records.values():
        if record.parts and record.op != "squeeze_excite":
            assert record.bytes["kept"] == sum(part.bytes["kept"] for part in record.parts)


def test_seconds(traced):
    for record in traced("v3-small").records.values():
        for one in ("forward", "backward"):
            mine = getattr(record, one).seconds
            if record.name.count("squeeze_excite.") == 1:
                assert mine is None
            else:
                inside = [getattr(part, one).seconds for part in record.parts if record.op != "squeeze_excite"]
                assert mine >= sum(inside)
                assert mine > 0


@pytest.mark.parametrize("model", MODELS)
def test_sources_point_at_definitions(traced, model):
    for record in traced(model).records.values():
        for one, word in ((record.forward, "forward"), (record.backward, "backward")):
            line = (ROOT / one.source.path).read_text().splitlines()[one.source.line - 1].strip()
            inside = {"batch_norm": "_normalize_loops(" if word == "forward" else "_train_dx_loops("}
            assert line.startswith("def ")
            assert inside.get(record.op, word) in line
            if not record.parts and record.op != "gate":
                assert "_loops(" in line
                assert Path(one.source.path).stem.startswith(record.op)  # batch_norm shares lines with its inference
            assert str(one.source) == f"{one.source.path}:{one.source.line}"


# ---------------------------------------------------------------------------------------------------------------------
# Statistics


def test_statistics_of_an_output(traced):
    record = traced("v2")["block3"]
    y = record.forward.y
    found = record.statistics
    np.testing.assert_allclose(found[:4], (y.mean(), y.std(), y.min(), y.max()), rtol=1e-12)


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_shares_are_counted(traced, model):
    """Against the outputs themselves: in these batches no x lies so near a kink that y alone would not tell."""
    t, kinds = traced(model), set()
    for record in t.records.values():
        found, y = record.statistics, record.forward.y
        flat = (found.zero, found.dead, found.saturated, found.closed, found.open)
        kinds.add(record.op)
        if record.op in ("relu", "relu6", "hard_swish"):
            zero = y == 0
            axes = tuple(range(y.ndim - 1))
            assert found.zero == zero.mean()
            assert found.dead == zero.all(axis=axes).mean()
            assert found.saturated == ((y == 6).mean() if record.op == "relu6" else None)
            assert (found.closed, found.open) == (None, None)
        elif record.op == "hard_sigmoid":
            assert (found.closed, found.open) == ((y == 0).mean(), (y == 6 * record.options["slope"]).mean())
            assert (found.zero, found.dead, found.saturated) == (None, None, None)
        elif not record.parts:
            assert flat == (None,) * 5


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_dead_and_saturated_channels(model):
    """With gamma 0, BatchNorm gives beta everywhere: it decides which channels are dead and which are full."""
    net = _net(model)
    gamma, beta = (net.params[f"block1.depthwise.bn.{name}"] for name in ("gamma", "beta"))
    C = gamma.size
    gamma[...], beta[...] = 0, 3
    beta[: C // 4], beta[C // 4 : C // 2] = -1, 7
    found = mn.trace(net, _images(), LABELS)["block1.depthwise"].statistics
    assert (found.zero, found.dead, found.saturated) == (C // 4 / C, C // 4 / C, (C // 2 - C // 4) / C)
    assert (found.minimum, found.maximum) == (0, 6)


def test_a_channel_that_lives_once_is_not_dead():
    net = _net("v1")
    beta = net.params["block1.depthwise.bn.beta"]
    beta[...] = -1.5  # of 2 * 32 * 24 normalized numbers some exceed 1.5
    found = mn.trace(net, _images(), LABELS)["block1.depthwise.act"].statistics
    assert found.dead == 0
    assert 0.5 < found.zero < 1


def test_closed_and_open_gates():
    net = _net("v3-small")
    w2, b2 = (net.params[f"block1.squeeze_excite.{name}"] for name in ("w2", "b2"))
    w2[...], b2[...] = 0, 0
    b2[0], b2[1:3] = -3, 3  # the kinks themselves are flat
    t = mn.trace(net, _images(), LABELS)
    for name in ("block1.squeeze_excite", "block1.squeeze_excite.hard_sigmoid"):
        found = t[name].statistics
        assert (found.closed, found.open) == (1 / b2.size, 2 / b2.size)


def test_a_network_that_diverged_has_statistics():
    net = _net("v1")
    net.params["stem.bn.beta"][0] = np.inf
    record = mn.trace(net, _images())["stem.bn"]
    assert record.statistics.maximum == np.inf
    assert np.isnan(record.statistics.std)


# ---------------------------------------------------------------------------------------------------------------------
# Words


def test_it_prints_shapes_not_numbers(traced):
    t = traced("v2")
    assert repr(t).startswith("<trace of v2 width 0.35 on x float64 (2, 64, 48, 3), loss ")
    assert repr(t["block2"]).startswith("<block2: sequential, float64 (2, 32, 24, 8) -> float64 (2, 16, 12, 8), ")
    record = t["stem.conv"]
    assert repr(record.forward).startswith("Forward(x=float64 (2, 64, 48, 3), y=float64 (2, 32, 24, 16), mobilenet_np/")
    assert "w: float64 (3, 3, 3, 16)" in repr(record.backward)
    assert isinstance(t, Trace)
    assert isinstance(record, Record)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block3.depthwis", r"v2 has no 'block3.depthwis' \(did you mean 'block3.depthwise'\?\); names are blocks"),
        ("Stem", r"'Stem' \(did you mean 'stem'\?\)"),
        ("nothing like it", r"v2 has no 'nothing like it'; names are"),
        (3, "v2 has no 3; names are"),
    ],
)
@pytest.mark.parametrize("error", [KeyError, ValueError])
def test_unknown_names(traced, name, message, error):
    with pytest.raises(error, match=message):
        traced("v2")[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(x=_images("float32")), "x is float32, the network float64"),
        (dict(x=np.zeros((2, 64, 48, 3), np.uint8)), "trace: x is uint8"),
        (dict(x=_images(shape=(2, 64, 48, 1))), "trace: x has 1 channels"),
        (dict(labels=LABELS, dy=np.ones((2, 10))), "labels and dy are both given"),
        (dict(labels=np.array([3, 10])), "labels reach from 3 to 10"),
        (dict(labels=np.array([3])), r"labels has shape \(1,\), expected \(2,\)"),
        (dict(labels=[3, 7]), "labels is a list"),
        (dict(dy=np.ones((2, 9))), r"dy has shape \(2, 9\), expected \(2, 10\); it must have the shape of the logits"),
        (dict(dy=np.ones((2, 10), np.float32)), "dtypes differ"),
        (dict(dy=[[1.0] * 10] * 2), "dy is a list"),
        (dict(net="v2"), "net is a str; it must be a network, made by build"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mn.trace(**(dict(net=_net(), x=_images()) | arguments))
