"""The stepper's Python: what it records is what the definitions do, and the page says it without a script."""

import html
import re
import stat
from fractions import Fraction

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import factorize as separable, show
from mobilenet_np.costs.formulas import conv2d_macs, separable_macs
from mobilenet_np.ops import conv2d, depthwise_conv2d, pointwise_conv2d
from mobilenet_np.show.stepper import grouped
from mobilenet_np.show.stepper.definitions import DEFINITIONS, listing
from mobilenet_np.show.stepper.factorize import MOST_TAPS, _groups, _stages
from mobilenet_np.show.stepper.grids import text
from mobilenet_np.show.stepper.layer import _drawn, _seen
from mobilenet_np.show.stepper.stage import Stage, output_shape, record
from mobilenet_np.show.stepper.terms import element

ORIGIN = {"n": 0, "i": 0, "j": 0, "r": 0, "s": 0}
PADDING = ((1, 0), (2, 1))


def _stage(op, groups, rng, stride=2, padding=PADDING, k=3, C=4, M=6):
    x, w = rng.normal(size=(5, 4, C)), rng.normal(size=(k, k, C // groups, M))
    parts = (op, dict(x="x", w="w", y="y"), x, w)
    where = (groups, stride, padding, ORIGIN, range(C), range(M), {})
    return Stage(*parts, rng.normal(size=output_shape(Stage(*parts, x, *where))), *where)


class Watched(np.ndarray):
    """An array that notes which elements are read."""

    def __getitem__(self, index):
        if isinstance(index, tuple) and all(isinstance(i, (int, np.integer)) for i in index):
            self.log.append(tuple(map(int, index)))
            return float(np.asarray(self)[index])
        return super().__getitem__(index)


def _watched(array):
    watched = array.view(Watched)
    watched.log = []
    return watched


CASES = {
    "conv2d": (conv2d, 1, {}, lambda w: w),
    "grouped_conv2d": (grouped, 2, {"groups": 2}, lambda w: w),
    "depthwise_conv2d": (depthwise_conv2d, 4, {}, lambda w: w[:, :, 0]),
    "pointwise_conv2d": (pointwise_conv2d, 1, {}, lambda w: w[0, 0]),
}


@pytest.mark.parametrize("op", CASES)
def test_the_steps_are_the_definition_s(op, rng):
    """Every product, in its order, and every sum to the last bit."""
    module, groups, options, own = CASES[op]
    flat = op == "pointwise_conv2d"
    stage = _stage(
        op, groups, rng, **(dict(stride=1, padding=((0, 0), (0, 0)), k=1) if flat else {}), M=4 if groups == 4 else 6
    )
    sums = record(stage)
    taps = sums.taps
    if not flat:
        options = dict(options, stride=stage.stride, padding=stage.padding)

    x, w, dy = _watched(stage.x[None].copy()), _watched(own(stage.w).copy()), stage.dy[None]
    y = module._forward_loops(x, w, **options)
    inside = [k for k in range(len(taps.i)) if taps.inside[k]]
    assert x.log == [(0, taps.r[k], taps.s[k], taps.c[k]) for k in inside]
    c = [taps.c[k] % stage.w.shape[2] for k in inside]
    at = [(taps.a[k], taps.b[k], q, taps.o[k]) for k, q in zip(inside, c, strict=True)]
    kept = {"depthwise_conv2d": (0, 1, 3), "pointwise_conv2d": (2, 3)}.get(op, (0, 1, 2, 3))
    assert w.log == [tuple(index[axis] for axis in kept) for index in at]
    np.testing.assert_array_equal(np.asarray(y)[0], sums.y)

    dx, dw = module._backward_loops(dy, stage.x[None], own(stage.w), **options)
    np.testing.assert_array_equal(dx[0], sums.dx)
    np.testing.assert_array_equal(dw, own(sums.dw))
    for name, last in (("y", sums.y), ("dx", sums.dx), ("dw", sums.dw)):  # the last entry of each sum is the sum
        collected = np.zeros_like(last)
        for k in inside:
            where = {
                "y": (taps.i[k], taps.j[k], taps.o[k]),
                "dx": (taps.r[k], taps.s[k], taps.c[k]),
                "dw": (taps.a[k], taps.b[k], taps.c[k] % stage.w.shape[2], taps.o[k]),
            }[name]
            collected[where] = getattr(taps, name)[k]
        np.testing.assert_array_equal(collected, last)
    assert len(taps.i) == sums.y.size * stage.w[..., 0].size  # with the padding zeros


def test_grouped_is_standard_in_every_group_and_depthwise_at_the_end(rng):
    x, w = rng.normal(size=(2, 5, 5, 4)), rng.normal(size=(3, 3, 2, 6))
    dy = rng.normal(size=(2, 5, 5, 6))
    same = ((1, 1), (1, 1))
    y, (dx, dw) = grouped._forward_loops(x, w, 1, same, 2), grouped._backward_loops(dy, x, w, 1, same, 2)
    for g in range(2):
        i, o = np.s_[..., 2 * g : 2 * g + 2], np.s_[..., 3 * g : 3 * g + 3]
        y_g, cache = conv2d.conv2d_forward(x[i], w[o])
        dx_g, dw_g = conv2d.conv2d_backward(dy[o], cache)
        for whole, part in ((y[o], y_g), (dx[i], dx_g), (dw[o], dw_g)):
            np.testing.assert_allclose(whole, part, rtol=1e-12, atol=1e-13)
    d = rng.normal(size=(3, 3, 1, 4))
    np.testing.assert_array_equal(
        grouped._forward_loops(x, d, 1, same, 4), depthwise_conv2d._forward_loops(x, d[:, :, 0], 1, same)
    )


@pytest.mark.parametrize("op", DEFINITIONS)
def test_the_lines_that_add_are_found(op):
    kinds = [[kind for _, kind, _ in listing(op, backward) if kind and kind != "if"] for backward in (False, True)]
    assert kinds == [["y"], ["dx", "dw"]]
    skips = [kind for _, kind, _ in listing(op, False)].count("if")
    assert skips == (0 if op in ("pointwise_conv2d", "linear") else 1)


# ---------------------------------------------------------------------------------------------------------------------
# factorize


@pytest.mark.parametrize(
    "sizes", [dict(C=4, M=6), dict(C=3, M=4, stride=2, size=5), dict(C=2, M=3, K=5), dict(C=1, M=1)]
)
def test_both_ways_give_the_same_numbers(sizes, rng):
    C, M, K, size, stride = (sizes.get(*pair) for pair in (("C",), ("M",), ("K", 3), ("size", 4), ("stride", 1)))
    depthwise, pointwise, standard, _ = _stages(C, M, K, size, stride, _groups(C, M), rng)
    first, second, one = record(depthwise), record(pointwise), record(standard)
    np.testing.assert_array_equal(second.y, one.y)
    np.testing.assert_array_equal(first.dx, one.dx)
    np.testing.assert_array_equal(first.y, pointwise.x)
    np.testing.assert_array_equal(second.dx, depthwise.dy)
    np.testing.assert_array_equal(separable.compose(depthwise.w[:, :, 0], pointwise.w[0, 0]), standard.w)
    y, _ = conv2d.conv2d_forward(standard.x[None], standard.w, stride, standard.padding)
    np.testing.assert_array_equal(y[0], one.y)
    assert all(np.all(array == array.round()) for array in (one.y, one.dx, one.dw, first.dw, second.dw))
    Ho, Wo, _ = one.y.shape
    assert len(one.taps.i) == conv2d_macs(Ho, Wo, K, C, M)
    assert len(first.taps.i) + len(second.taps.i) == separable_macs(Ho, Wo, K, C, M)
    page = show.factorize(**sizes, rng=np.random.default_rng(1))
    ratio = Fraction(len(first.taps.i) + len(second.taps.i), len(one.taps.i))
    assert f"<b>{ratio} = 1/{M} + 1/{K**2}</b>" in page.html
    assert "two ways: <b>0</b>" in page.html


def test_grouped_lies_between_them(rng):
    *_, standard, block = _stages(4, 6, 3, 4, 1, 2, rng)
    assert _groups(4, 6) == 2
    assert _groups(3, 4) == _groups(4, 4 * 3 + 1) == _groups(2, 4) == 0  # two channels in two groups are depthwise
    masked = standard.w.copy()
    for c in range(4):
        for o in range(6):
            if not block.connected(c, o):
                masked[:, :, c, o] = 0
    y, _ = conv2d.conv2d_forward(standard.x[None], masked)
    np.testing.assert_array_equal(record(block).y, y[0])
    assert 2 * len(record(block).taps.i) == len(record(standard).taps.i)
    assert [block.connected(c, o) for c in (0, 1, 2, 3) for o in (2, 3)] == [True, False] * 2 + [False, True] * 2
    assert "Grouped" in show.factorize(4, 6, size=2).html
    assert 'value="grouped"' not in show.factorize(3, 4, size=2).html


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (dict(K=2), "K is 2"),
        (dict(C=0), "C is 0"),
        (dict(size=2.5), "size is 2.5"),
        (dict(C=32, M=32), "more than the 12,000"),
    ],
)
def test_sizes_that_cannot_be_shown(sizes, message):
    with pytest.raises(ValueError, match=f"show.factorize: .*{message}"):
        show.factorize(**sizes)


def test_the_largest_page_is_below_a_megabyte():
    largest = dict(C=6, M=8, size=4)  # 16 * (432 + 216 + 102) = 12,000 products
    assert MOST_TAPS == 16 * (9 * 6 * 8 + 9 * 6 * 8 // 2 + 6 * (9 + 8))
    assert len(show.factorize(**largest).html.encode()) < 1_000_000


def test_the_same_page_every_time():
    assert show.factorize().html == show.factorize().html
    assert show.factorize().html != show.factorize(rng=np.random.default_rng(1)).html


# ---------------------------------------------------------------------------------------------------------------------
# step_op


@pytest.fixture
def layer(rng):
    return rng.normal(size=(2, 9, 10, 20)).astype(np.float32), rng.normal(size=(3, 3, 20)).astype(np.float32)


def _whole(x, w, dy, stride, padding):
    y, cache = depthwise_conv2d.depthwise_conv2d_forward(x, w, stride, padding)
    return y, *depthwise_conv2d.depthwise_conv2d_backward(dy, cache)


@pytest.mark.parametrize("at", [(0, 0, 0, 0), (1, 2, 3, 11), (1, 3, 4, 19)])
@pytest.mark.parametrize("padding", [((0, 1), (0, 1)), ((1, 1), (1, 1))])
def test_what_is_drawn_of_a_layer(layer, rng, monkeypatch, at, padding):
    """The drawn sums of a depthwise convolution are complete, and where they stand is what the page says."""
    from mobilenet_np.show.stepper import layer as module

    x, w = layer
    stages = []
    monkeypatch.setattr(module, "_page", lambda stage, *_: stages.append(stage))
    shape = depthwise_conv2d.depthwise_conv2d_forward(x, w, 2, padding)[0].shape
    dy = rng.normal(size=shape).astype(np.float32)
    show.step_op("depthwise_conv2d", x, w, dy, stride=2, padding=padding, at=at)
    (stage,) = stages
    y, _, _ = _whole(x, w, dy, 2, padding)
    sums = record(stage)
    n, i, j = stage.origin["n"], stage.origin["i"], stage.origin["j"]
    assert n == at[0]
    assert at[3] in stage.outputs
    assert (at[1] - i, at[2] - j) in set(np.ndindex(sums.y.shape[:2]))
    assert sums.y.shape == (3, 3, 8)
    for a, b, c in np.ndindex(sums.y.shape):
        np.testing.assert_allclose(sums.y[a, b, c], y[n, i + a, j + b, stage.outputs[c]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stage.whole["y"], sums.y, rtol=1e-5, atol=1e-6)
    # The drawn part of dx and dw is that of a dy that is zero elsewhere.
    only = np.zeros_like(dy)
    drawn = np.s_[n, i : i + 3, j : j + 3, stage.outputs.start : stage.outputs.stop]
    only[drawn] = dy[drawn]
    _, dx, dw = _whole(x, w, only, 2, padding)
    H, W, _ = sums.dx.shape
    r, s = stage.origin["r"], stage.origin["s"]
    channels = slice(stage.inputs.start, stage.inputs.stop)
    np.testing.assert_allclose(sums.dx, dx[n, r : r + H, s : s + W, channels], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sums.dw[:, :, 0], dw[:, :, channels], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["conv2d", "pointwise_conv2d"])
def test_sums_over_channels_are_shown_beside_the_whole(op, rng, monkeypatch):
    from mobilenet_np.show.stepper import layer as module

    stages = []
    monkeypatch.setattr(module, "_page", lambda stage, *_: stages.append(stage))
    x = rng.normal(size=(1, 6, 6, 12))
    w = rng.normal(size=(3, 3, 12, 10) if op == "conv2d" else (12, 10))
    show.step_op(op, x, w, at=(0, 5, 0, 9))
    (stage,) = stages
    y, _ = CASES[op][0].__dict__[f"{op}_forward"](x, w)
    assert list(stage.inputs) == list(range(8))
    assert list(stage.outputs) == list(range(2, 10))
    np.testing.assert_array_equal(stage.whole["y"], y[0, 3:6, 0:3, 2:10])
    partial, _ = CASES[op][0].__dict__[f"{op}_forward"](
        np.ascontiguousarray(x[..., :8]), np.ascontiguousarray(w[..., :8, :])
    )
    np.testing.assert_allclose(record(stage).y, partial[0, 3:6, 0:3, 2:10], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(stage.dy, np.ones((3, 3, 8)))


def test_names_count_in_the_whole_layer(rng, monkeypatch):
    from mobilenet_np.show.stepper import layer as module

    stages = []
    monkeypatch.setattr(module, "_page", lambda stage, *_: stages.append(stage))
    show.step_op("depthwise_conv2d", rng.normal(size=(3, 9, 9, 20)), rng.normal(size=(3, 3, 20)), at=(2, 4, 5, 13))
    show.step_op("pointwise_conv2d", rng.normal(size=(3, 9, 9, 20)), rng.normal(size=(20, 30)), at=(2, 4, 5, 13))
    depthwise, pointwise = stages
    taps = record(depthwise).taps
    assert [element(depthwise, role, taps, 0) for role in "xwy"] == ["x[2,2,3,9]", "w[0,0,9]", "y[2,3,4,9]"]
    taps = record(pointwise).taps
    assert [element(pointwise, role, taps, 9, "d") for role in "xwy"] == ["dx[2,3,4,1]", "dw[1,10]", "dy[2,3,4,10]"]


def test_seen_counts_the_padding_zeros():
    assert _seen(range(0, 3), 3, 1, 1, 9) == (range(0, 4), (1, 0))
    assert _seen(range(6, 9), 3, 1, 1, 9) == (range(5, 9), (0, 1))
    assert _seen(range(2, 5), 3, 2, 0, 10) == (range(4, 10), (0, 1))
    assert _seen(range(0, 1), 3, 1, 1, 1) == (range(0, 1), (1, 1))
    assert _drawn("conv2d", (1, 4, 4, 3), (1, 2, 2, 5), None).rows == range(0, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: show.step_op("batch_norm", x, w), "op 'batch_norm' is unknown"),
        (lambda x, w: show.step_op("linear", x, w), r"x has shape .*; a fully connected layer takes \(N, C_in\)"),
        (lambda x, w: show.step_op("linear", x[:, 0, 0], w[0].T, at=(0, 0, 0)), r"at is \(0, 0, 0, 0, 0\)"),
        (lambda x, w: show.step_op("depthwise_conv2d", x, w, at=(0, 9, 0, 0)), r"at is \(0, 9, 0, 0\)"),
        (lambda x, w: show.step_op("depthwise_conv2d", x, w, at=(0, 0)), r"at is \(0, 0\)"),
        (lambda x, w: show.step_op("depthwise_conv2d", x, w[..., :3]), "x has 20 channels"),
        (lambda x, w: show.step_op("depthwise_conv2d", x, w, x[:1]), "dy has shape"),
        (lambda x, w: show.step_op("pointwise_conv2d", x, w[0].T, stride=2), "no stride"),
    ],
)
def test_what_step_op_refuses(layer, call, message):
    with pytest.raises(ValueError, match=message):
        call(*layer)


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "pointwise_conv2d"])
def test_pages_of_layers_are_small(op, rng):
    x = rng.normal(size=(1, 14, 14, 96)).astype(np.float32)
    w = rng.normal(size={"conv2d": (5, 5, 96, 64), "depthwise_conv2d": (5, 5, 96), "pointwise_conv2d": (96, 64)}[op])
    page = show.step_op(op, x, w.astype(np.float32), name="block3")
    assert len(page.html.encode()) < 1_000_000
    assert "<title>block3, step by step</title>" in page.html
    assert "channels 0 to 7 of 96" in page.html


# ---------------------------------------------------------------------------------------------------------------------
# step


@pytest.fixture(scope="module")
def traced():
    net = mn.build("v3-small", width=0.35, classes=3)
    rng = np.random.default_rng(0)
    return mn.trace(net, rng.normal(size=(2, 32, 32, 3)).astype(np.float32), labels=np.array([0, 2]))


@pytest.mark.parametrize("name", ["stem", "block2.depthwise", "block4.expand", "block4.project"])
def test_a_traced_row_shows_its_convolution(traced, name, monkeypatch):
    from mobilenet_np.show.stepper import layer as module

    stages = []
    monkeypatch.setattr(module, "_page", lambda stage, *_: stages.append(stage))
    show.step(traced, name, at=(1, 0, 0, 0))
    (stage,), conv = stages, traced[f"{name}.conv"]
    Ho, Wo, C = stage.dy.shape
    np.testing.assert_array_equal(stage.whole["y"], conv.forward.y[1, :Ho, :Wo, :C])
    np.testing.assert_array_equal(stage.dy, conv.backward.dy[1, :Ho, :Wo, :C])
    H, W, C_in = stage.x.shape
    np.testing.assert_array_equal(stage.x, conv.forward.x[1, :H, :W, :C_in])
    np.testing.assert_array_equal(stage.whole["dx"], conv.backward.dx[1, :H, :W, :C_in])
    dw = conv.backward.grads["w"][..., :C]
    drawn = dw if conv.op == "depthwise_conv2d" else dw[..., :C_in, :]
    np.testing.assert_array_equal(stage.whole["dw"].reshape(drawn.shape), drawn)
    assert stage.op == conv.op
    assert stage.stride == conv.options.get("stride", 1)


@pytest.mark.parametrize("name", ["classifier", "block1.squeeze_excite.reduce"])
def test_a_fully_connected_layer(traced, name, monkeypatch):
    """Its products, in the order of the definition, and what the whole layer has but for its bias."""
    from mobilenet_np.show.stepper import layer as module

    stages, linear = [], traced[name]
    with monkeypatch.context() as patched:
        patched.setattr(module, "_page", lambda stage, *_: stages.append(stage))
        show.step(traced, name, at=(1, 2))
    (stage,), (x, w) = stages, (linear.forward.x, linear.params["w"])
    C, M = stage.w.shape[2:]
    assert stage.w.shape == (1, 1, min(8, len(w)), min(8, w.shape[1]))
    np.testing.assert_allclose(
        stage.whole["y"][0, 0], (linear.forward.y - linear.params["b"])[1, :M], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(stage.whole["dx"][0, 0], linear.backward.dx[1, :C], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(stage.x[0, 0], x[1, :C])
    sums = record(stage)
    np.testing.assert_allclose(sums.y[0, 0], x[1, :C] @ w[:C, :M], rtol=1e-5, atol=1e-7)
    assert [(c, o) for c, o in zip(sums.taps.c, sums.taps.o, strict=True)] == [
        (c, o) for o in range(M) for c in range(C)
    ]
    page = traced.step(name, at=(1, 2))
    assert f"<title>{name}, step by step</title>" in page.html
    assert "without the bias" in page.html
    assert f"{w.size:,} multiplications" in page.html


def test_step_of_a_trace_is_the_same_page(traced):
    page = traced.step("block2.depthwise", at=(0, 1, 1, 5))
    assert "<title>block2.depthwise, step by step</title>" in page.html
    assert page.html == show.step(traced, "block2.depthwise", (0, 1, 1, 5)).html
    assert page.html.replace("block2.depthwise,", "block2.depthwise.conv,") == (
        traced.step("block2.depthwise.conv", (0, 1, 1, 5)).html
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block2.depthwise.bn", "block2.depthwise.bn is batch_norm, which has no taps"),
        ("block1.squeeze_excite", "block1.squeeze_excite is squeeze_excite"),
        ("block2", "choose a convolution or a fully connected layer; its rows are block2.expand, block2.depthwise, "),
        ("block2.depthwize", "did you mean 'block2.depthwise'"),
    ],
)
def test_what_has_no_taps(traced, name, message):
    with pytest.raises(ValueError, match=message):
        traced.step(name)


# ---------------------------------------------------------------------------------------------------------------------
# Page


def test_the_page_loads_nothing():
    page = show.factorize(C=2, M=2, size=2).html
    assert not re.search(r"https?://|url\(|@import|<link (?!rel=\"icon\" href=\"data:)|\bsrc=", page)


def test_a_notebook_gets_a_frame_and_tables():
    page = show.factorize(C=2, M=2, size=2)
    cell = page._repr_html_()
    (source,) = re.findall(r'<iframe srcdoc="([^"]*)"', cell)
    assert html.unescape(source) == page.html
    # What is left of it where frames, scripts and styles are taken out.
    rest = re.sub(r"<iframe.*?</iframe>", "", cell, flags=re.DOTALL)
    assert not re.search("<(script|style|button|input)", rest)
    grids = re.findall(r'data-grid="(\w+):', rest)
    assert {name: grids.count(name) for name in sorted(set(grids))} == dict(dw=10, dx=6, dy=6, w=10, x=6, y=6)


def test_static_tables_hold_the_results():
    page = show.factorize(C=2, M=3, size=3)
    stages = _stages(2, 3, 3, 3, 1, 0, np.random.default_rng(0))
    y = record(stages[2]).y
    tables = re.findall(r'data-grid="y:(\d)"[^>]*>(.*?)</table>', page.tables)
    assert len(tables) == 3 + 2 + 3  # standard's y, depthwise's z, pointwise's y
    for channel, rows in tables[:3] + tables[5:]:
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", rows)
        assert cells == [text(value) for value in y[:, :, int(channel)].ravel()]
    written = re.findall(r"All terms of y\[0,1,1,0\], written out</summary>(.*?)</details>", page.tables)
    last = re.findall(r"<td>([^<]*)</td></tr>", written[0])[-1]
    assert last == text(y[1, 1, 0])
    assert len(re.findall("<tr>", written[0])) == 1 + 18
    assert len(re.findall("<tr>", written[1])) == 1 + 2


def test_text_of_numbers():
    assert [text(v) for v in (0.0, -0.0, 12.0, -3, 1 / 3, -2e-7, 123456.7)] == [
        "0",
        "0",
        "12",
        "−3",
        "0.3333",
        "−2e−07",
        "123500",
    ]


def test_saved_page_is_whole(tmp_path, monkeypatch):
    page = show.factorize(C=2, M=2, size=2)
    path = page.save(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == page.html
    plain = tmp_path / "plain"
    plain.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        show.factorize(C=1, M=1, size=1).save(path)
    assert path.read_text(encoding="utf-8") == page.html
    assert sorted(p.name for p in tmp_path.iterdir()) == ["page.html", "plain"]


def test_where_it_cannot_be_saved(tmp_path):
    page = show.factorize(C=1, M=1, size=1)
    with pytest.raises(ValueError, match="does not exist"):
        page.save(tmp_path / "nowhere" / "page.html")
    with pytest.raises(ValueError, match="is a folder"):
        page.save(tmp_path)
    assert "characters" in repr(page)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
