"""The multiplications that ran, counted without a formula, equal the closed forms, integer for integer."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from op_checks import FORMS

from mobilenet_np import ops
from mobilenet_np.architecture import Row, architecture
from mobilenet_np.costs import cost, formulas
from mobilenet_np.costs.claims import CLAIMS
from mobilenet_np.costs.rows import cost_row
from mobilenet_np.counted import count_backward, count_forward, execute, executed, multiplications
from mobilenet_np.forms import form as in_form
from mobilenet_np.geometry import same_padding
from mobilenet_np.models import build

NETWORKS = ("v1", "v2", "v3-large", "v3-small")
NO_PADDING = ((0, 0), (0, 0))
TOTALS = (
    "macs", "macs_in_bounds", "params_trainable", "params_total", "params_weights", "biases", "bn_channels",
    "activations", "activations_in_and_out", "peak_activations",
)  # fmt: skip
RELEASED = [
    (model, source)
    for model in (*NETWORKS, "v3-large-minimalistic", "v3-small-minimalistic")
    for source in ("tf", "keras", "torchvision", "timm")
    if (model, source) != ("v1", "torchvision")  # which does not exist
]


def _padded(x, padding):
    return np.pad(x, ((0, 0), *padding, (0, 0)))


# ---------------------------------------------------------------------------------------------------------------------
# Definitions on numbers that count


def _windowed(op, M, N, k):
    return (k, k, M) if op == "depthwise_conv2d" else (k, k, M, N)


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
@pytest.mark.parametrize(
    ("k", "stride", "style", "H", "W"),
    [(3, 1, "tf", 4, 5), (3, 2, "tf", 5, 6), (3, 2, "torch", 6, 4), (5, 2, "tf", 6, 3), (1, 2, "torch", 5, 4),
     (3, 2, "tf-even", 5, 5)],
)  # fmt: skip
def test_definitions_of_convolutions(op, k, stride, style, H, W):
    """The definitions skip padding zeros; given an image with the zeros around it, they are dense."""
    M, N = 2, (2 if op == "depthwise_conv2d" else 3)
    row = cost_row(Row("layer", op, M, N, k, stride, style), H, W, first=False)
    module, padding = getattr(ops, op), same_padding(H, W, k, stride, style)
    x, w = np.ones((1, H, W, M)), np.ones(_windowed(op, M, N, k))
    dy = np.ones((1, row.h_out, row.w_out, N))

    run = dict(x=x, w=w, stride=stride, padding=padding)
    assert multiplications(module._forward_loops, **run) == {"x*w": row.macs_in_bounds}
    both = {"dy*w": row.macs_in_bounds, "dy*x": row.macs_in_bounds}
    assert multiplications(module._backward_loops, dy=dy, **run) == both

    dense = dict(x=_padded(x, padding), w=w, stride=stride, padding=NO_PADDING)
    assert multiplications(module._forward_loops, **dense) == {"x*w": row.macs}
    assert multiplications(module._backward_loops, dy=dy, **dense) == {"dy*w": row.macs_dx, "dy*x": row.macs_dw}


def test_definition_of_pointwise_convolution():
    row = cost_row(Row("layer", "pointwise_conv2d", 3, 4), 2, 5, first=False)
    x, w, dy = np.ones((1, 2, 5, 3)), np.ones((3, 4)), np.ones((1, 2, 5, 4))
    assert multiplications(ops.pointwise_conv2d._forward_loops, x=x, w=w) == {"x*w": row.macs}
    both = {"dy*w": row.macs_dx, "dy*x": row.macs_dw}
    assert multiplications(ops.pointwise_conv2d._backward_loops, dy=dy, x=x, w=w) == both


def test_definition_of_linear():
    row = cost_row(Row("layer", "linear", 7, 4, bias=True), 1, 1, first=False)
    x, w, b, dy = np.ones((1, 7)), np.ones((7, 4)), np.ones(4), np.ones((1, 4))
    assert multiplications(ops.linear._forward_loops, x=x, w=w, b=b) == {"x*w": row.macs}
    both = {"dy*w": row.macs_dx, "dy*x": row.macs_dw}
    assert multiplications(ops.linear._backward_loops, dy=dy, x=x, w=w) == both


def test_definition_of_squeeze_excite():
    """Two fully connected layers are counted; the gate's one multiplication an element is not, and is shown here."""
    H, W, C, S = 3, 4, 8, 2
    row = cost_row(Row("layer", "squeeze_excite", C, C, bias=True, squeeze=S), H, W, first=False)
    pooled, hidden = np.ones((1, C)), np.ones((1, S))
    reduce = multiplications(ops.linear._forward_loops, x=pooled, w=np.ones((C, S)), b=np.ones(S))
    expand = multiplications(ops.linear._forward_loops, x=hidden, w=np.ones((S, C)), b=np.ones(C))
    assert reduce["x*w"] + expand["x*w"] == row.macs
    gate = multiplications(ops.squeeze_excite._gate_forward_loops, x=np.ones((1, H, W, C)), g=np.ones((1, C)))
    assert gate == {"x*g": H * W * C}


def test_counting_numbers_still_compute():
    """A definition run on them gives the op's result, so that what was counted is the op."""
    results = []

    def definition(x, w, stride, padding):
        results.append(ops.depthwise_conv2d._forward_loops(x, w, stride, padding))

    rng = np.random.default_rng(0)
    x, w, padding = rng.normal(size=(1, 4, 5, 2)), rng.normal(size=(3, 3, 2)), ((1, 1), (0, 1))
    multiplications(definition, x=x, w=w, stride=1, padding=padding)
    np.testing.assert_array_equal(
        results[0].astype(float), ops.depthwise_conv2d.depthwise_conv2d_forward(x, w, 1, padding)[0]
    )


# ---------------------------------------------------------------------------------------------------------------------
# Compiled loops with a counter


@settings(max_examples=80, deadline=None)
@given(
    op=st.sampled_from(["conv2d", "depthwise_conv2d"]),
    k=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    style=st.sampled_from(["tf", "torch", "tf-even"]),
    H=st.integers(1, 12),
    W=st.integers(1, 12),
    M=st.integers(1, 5),
    N=st.integers(1, 5),
    form=st.sampled_from(FORMS),
)
def test_formula_equals_brute_force(op, k, stride, style, H, W, M, N, form):
    padding = same_padding(H, W, k, stride, style)
    assume(all(size + sum(pad) >= k for size, pad in zip((H, W), padding, strict=True)))
    N = M if op == "depthwise_conv2d" else N
    row = cost_row(Row("layer", op, M, N, k, stride, style), H, W, first=False)
    x, w = np.ones((1, H, W, M)), np.ones(_windowed(op, M, N, k))

    with in_form(form):
        y, in_bounds = count_forward(x, w, stride, padding)
        assert y.shape == (1, row.h_out, row.w_out, row.c_out)
        assert in_bounds == row.macs_in_bounds
        assert count_backward(y, x, w, stride, padding)[2:] == (row.macs_in_bounds, row.macs_in_bounds)
        assert count_forward(_padded(x, padding), w, stride)[1] == row.macs
        assert count_backward(y, _padded(x, padding), w, stride)[2:] == (row.macs_dx, row.macs_dw)


@settings(max_examples=20, deadline=None)
@given(H=st.integers(1, 9), W=st.integers(1, 9), M=st.integers(1, 9), N=st.integers(1, 9))
def test_pointwise_formula_equals_brute_force(H, W, M, N):
    macs = formulas.pointwise_macs(H, W, M, N)
    x, w, dy = np.ones((1, H, W, M)), np.ones((M, N)), np.ones((1, H, W, N))
    assert count_forward(x, w)[1] == macs
    assert count_backward(dy, x, w)[2:] == (macs, macs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("op", "x_shape", "w_shape", "options"),
    [
        ("conv2d", (2, 5, 6, 3), (3, 3, 3, 4), dict(stride=2, padding=((0, 1), (1, 1)))),
        ("depthwise_conv2d", (2, 5, 6, 3), (5, 5, 3), dict(stride=1, padding=((2, 2), (1, 2)))),
        ("pointwise_conv2d", (2, 3, 4, 3), (3, 5), {}),
        ("linear", (2, 3), (3, 5), {}),
    ],
)
def test_what_was_counted_is_the_op(op, x_shape, w_shape, options, form):
    """The counting loops give the op's own result and gradients."""
    rng = np.random.default_rng(0)
    x, w, bias = rng.normal(size=x_shape), rng.normal(size=w_shape), np.zeros(w_shape[-1])
    module = getattr(ops, op)
    reference, cache = getattr(module, f"{op}_forward")(x, w, *([bias] if op == "linear" else []), **options)
    with in_form(form):
        y, _ = count_forward(x, w, **options)
        np.testing.assert_allclose(y, reference, rtol=0, atol=1e-13)
        dy = rng.normal(size=y.shape)
        gradients = count_backward(dy, x, w, **options)[:2]
    reference = getattr(module, f"{op}_backward")(dy, cache)
    for ours, theirs in zip(gradients, reference[:2], strict=True):  # linear: db too
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.fixture(scope="module", params=NETWORKS)
def at_224(request):
    """A network that ran forward and backward on one image."""
    net = build(request.param)
    image = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
    return net, executed(net, image, backward=True)


def _layers(row):
    """The convolutions of a row as (x, w, stride, padding); a gate is two fully connected layers."""
    if row.op == "squeeze_excite":
        w1, w2 = row.weights
        yield np.ones((1, len(w1)), np.float32), w1, 1, NO_PADDING
        yield np.ones((1, len(w2)), np.float32), w2, 1, NO_PADDING
    else:
        yield np.ones(row.x_shape, np.float32), *row.weights, row.stride, row.padding


def test_loops_over_whole_networks(at_224):
    """Every product of a forward pass at 224x224, made one by one: with the padding zeros and without."""
    net, ran = at_224
    layers = [layer for row in ran.rows for layer in _layers(row)]
    assert sum(count_forward(*layer)[1] for layer in layers) == cost(net).macs_in_bounds
    dense = sum(
        count_forward(_padded(x, padding) if x.ndim == 4 else x, w, stride)[1] for x, w, stride, padding in layers
    )
    assert dense == cost(net).macs


@pytest.mark.parametrize("model", ["v2", "v3-small"])
def test_loops_over_a_whole_backward_pass(model):
    ran, c = execute(architecture(model)), cost(model)
    dx = dw = 0
    for row in ran.rows:
        for x, w, stride, padding in _layers(row):
            y, _ = count_forward(x, w, stride, padding)
            *_, count_dx, count_dw = count_backward(y, x, w, stride, padding)
            dx, dw = dx + count_dx, dw + count_dw
    assert (dx, dw) == (c.macs_in_bounds, c.macs_in_bounds)


# ---------------------------------------------------------------------------------------------------------------------
# Networks that ran


def _same(ran, c):
    for row, formula in zip(ran.rows, [row for row in c.rows if row.macs], strict=True):
        assert row.op == formula.op
        assert row.name.removesuffix(".conv").removesuffix(".linear") == formula.name
        assert (row.macs, row.macs_in_bounds) == (formula.macs, formula.macs_in_bounds), row.name
        assert sum(w.size for w in row.weights) == formula.weights
        if row.op not in ("linear", "squeeze_excite"):
            assert row.x_shape == (1, formula.h_in, formula.w_in, formula.c_in)
            assert row.y_shape == (1, formula.h_out, formula.w_out, formula.c_out)
    for total in TOTALS:
        assert getattr(ran, total) == getattr(c, total), total
        assert type(getattr(ran, total)) is int
    assert ran.macs_by_op == {op: macs for op, macs in c.macs_by_op.items() if macs}


def test_networks_at_224(at_224):
    net, ran = at_224
    _same(ran, cost(net))


def test_training_step(at_224):
    """Our backward pass also gives the gradient of the image, which a training step does not need."""
    net, ran = at_224
    c = cost(net)
    assert ran.rows[0].macs_dx == c["stem"].macs
    assert ran.macs_dx - ran.rows[0].macs_dx == c.macs_dx
    assert ran.macs_dw == c.macs_dw
    assert ran.macs_train_step == c.macs_train_step


def test_kept_for_backward(at_224):
    """The bytes of every array in every cache, counted once each."""
    net, ran = at_224
    assert ran.kept_bytes == cost(net).bytes("float32")["kept_for_backward"]


@pytest.mark.parametrize("model", ["v1", "v3-large"])
def test_a_batch(model):
    net = build(model, width=0.25, classes=10, dtype="float64")
    one, three = (executed(net, np.ones((n, 32, 48, 3)), backward=True) for n in (1, 3))
    for total in ("macs", "macs_in_bounds", "macs_dx", "macs_dw", "activations", "activations_in_and_out"):
        assert getattr(three, total) == 3 * getattr(one, total)
    assert three.kept_bytes == cost(net, resolution=(32, 48)).bytes("float64", batch=3)["kept_for_backward"]


@pytest.mark.parametrize(("model", "source"), RELEASED)
def test_odd_widths_and_sizes(model, source):
    """Width 0.6 at 97x160: channel counts that round and sizes that do not divide."""
    net = architecture(model, 0.6, classes=7, convention=source)
    _same(execute(net, (97, 160)), cost(net, resolution=(97, 160)))


@pytest.mark.parametrize("source", ["keras", "tf"])
def test_keras_v1_at_225(source):
    net = architecture("v1", 0.25, convention=source)
    ran = execute(net, 225)
    _same(ran, cost(net, resolution=225))
    assert ran.rows[-2].y_shape[1:3] == ((7, 7) if source == "keras" else (8, 8))


def test_watching_leaves_no_trace():
    net = build("v3-small", width=0.25, classes=3)
    executed(net, np.zeros((1, 32, 32, 3), np.float32))
    assert not any({"forward", "backward"} & vars(leaf).keys() for _, leaf in net.walk())
    with pytest.raises(ValueError, match="at least 32x32"):
        executed(net, np.zeros((1, 16, 32, 3), np.float32))
    assert not any({"forward", "backward"} & vars(leaf).keys() for _, leaf in net.walk())


def test_without_a_backward_pass_none_is_counted():
    ran = execute(architecture("v2", 0.35), 96)
    assert (ran.macs_dx, ran.macs_dw, ran.kept_bytes) == (0, 0, 0)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong claims, by enumeration


def _claim(name):
    return next(claim for claim in CLAIMS if claim.name == name)


def _block(x, *layers):
    """Products of layers one after the other."""
    total = 0
    for w, stride in layers:
        padding = same_padding(*x.shape[1:3], w.shape[0], stride, "tf") if w.ndim > 2 else NO_PADDING
        x, count = count_forward(_padded(x, padding), w, stride)
        total += count
    return total


def test_saving_by_enumeration():
    x = np.ones((1, 14, 14, 8), np.float32)
    full = _block(x, (np.ones((3, 3, 8, 16), np.float32), 1))
    separable = _block(x, (np.ones((3, 3, 8), np.float32), 1), (np.ones((8, 16), np.float32), 1))
    claim = _claim("saving")
    assert claim.right(k=3, N=16) * separable == full
    assert claim.wrong(k=3, N=16) * separable > full


def test_input_size_by_enumeration():
    claim = _claim("input size")
    x = np.ones((1, 112, 112, 64), np.float32)
    count = _block(x, (np.ones((3, 3, 64), np.float32), 2), (np.ones((64, 128), np.float32), 1))
    assert count == claim.right(**claim.example) == 27_496_448
    assert claim.wrong(**claim.example) == 4 * count


def test_inverted_residual_by_enumeration():
    claim = _claim("inverted residual")
    x, wide = np.ones((1, 56, 56, 24), np.float32), 6 * 24
    expand, depthwise, project = np.ones((24, wide)), np.ones((3, 3, wide)), np.ones((wide, 24))
    count = _block(x, *((w.astype(np.float32), 1) for w in (expand, depthwise, project)))
    assert count == claim.right(**claim.example) == 25_740_288
    assert claim.wrong(**claim.example) < count / 5


def test_gate_by_enumeration():
    claim = _claim("squeeze and excite")
    gate = next(leaf for name, leaf in build("v3-large").walk() if name == "block15.squeeze_excite")
    assert sum(p.size for p in gate.params.values()) == claim.right(**claim.example) == 462_000
