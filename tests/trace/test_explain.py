"""Every explanation against NumPy: what it adds up is what the pass has, and each of its terms is what stood there."""

import functools
import re

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.forms import HAVE_NUMBA, form

MODELS = ("v1", "v2", "v3-large", "v3-small")


@functools.cache
def _trace(model, convention="tf", dtype="float64"):
    """Of an odd height and an even width, so that paddings differ at the four sides, and with each convention."""
    net = mn.build(model, width=0.1, classes=5, dtype=dtype, dropout=0.5, convention=convention)
    rng = np.random.default_rng(2)
    for array in net.params.values():
        array += 0.2 * rng.normal(size=array.shape).astype(dtype)
    return mn.trace(net, rng.normal(size=(2, 39, 34, 3)).astype(dtype), np.array([1, 4]))


def _some(shape, rng, count=4):
    """Corners, where padding is, and positions drawn at random."""
    corners = {tuple(0 for _ in shape), tuple(size - 1 for size in shape)}
    return [*sorted(corners), *(tuple(int(i) for i in rng.integers(shape)) for _ in range(count))]


def _close(value, traced, terms):
    """Equal but for the order in which BLAS adds."""
    scale = sum(np.abs(term) for term in terms) if len(terms) else np.abs(traced)
    return np.abs(value - traced) <= 4 * len(terms) * np.finfo(np.float64).eps * scale + 1e-300


def _fits(step):
    """A step ends where the pass is: exactly, where nothing but BLAS could have added in another order."""
    if step.op in ("pointwise_conv2d", "linear") or step.exact:
        return step.exact or _close(step.value, step.traced, step.sum.products)
    # Behind a sum of another order, or one whose vectorized form adds in pairs.
    return bool(np.isclose(step.value, step.traced, rtol=1e-11, atol=1e-13))


# ---------------------------------------------------------------------------------------------------------------------
# What it comes to: all records of all models, forward and back


@pytest.mark.parametrize("convention", ["tf", "keras", "torchvision"])
@pytest.mark.parametrize("model", MODELS)
def test_every_record(model, convention):
    if (model, convention) == ("v1", "torchvision"):
        convention = "timm"  # torchvision has no V1
    t, rng, count = _trace(model, convention), np.random.default_rng(4), 0
    for name, record in t.records.items():
        for index in _some(record.forward.y.shape, rng, 1):
            e = t.explain(name, index)
            assert e.traced == record.forward.y[index]
            assert all(map(_fits, e.steps)), e
            count += 1
        for param, array in {"x": record.backward.dx, **_own(record)}.items():
            for index in _some(array.shape, rng, 1):
                e = t.explain_backward(name, param, index)
                assert e.traced == array[index]
                assert all(map(_fits, e.steps)), e
                count += 1
    assert count > 500


def _own(record):
    """Gradients of parameters, asked for once: where the op is."""
    return {} if record.parts and record.op != "squeeze_excite" else record.backward.grads


@pytest.mark.skipif(not HAVE_NUMBA, reason="without Numba, standard convolutions are left to BLAS")
@pytest.mark.parametrize("model", ["v1", "v3-small"])
def test_convolutions_are_exact(model):
    """The compiled depthwise and standard convolutions add in the order of the definition."""
    t, rng = _trace(model), np.random.default_rng(5)
    convolutions = [r for r in t.records.values() if r.op in ("conv2d", "depthwise_conv2d") and not r.parts]
    assert len(convolutions) > 10
    for record in convolutions:
        for index in _some(record.forward.y.shape, rng):
            assert t.explain(record.name, index).exact
        for param, array in (("x", record.backward.dx), ("w", record.backward.grads["w"])):
            for index in _some(array.shape, rng):
                e = t.explain_backward(record.name, param, index)
                assert e.exact or param == "w", e  # threads and vectors split a weight's sum
                assert _close(e.value, e.traced, e.steps[0].sum.products)


def test_in_loops_everything_is_exact():
    net = mn.build("v3-small", width=0.05, classes=2, dtype="float64", dropout=0.5)
    with form("loops"):
        t = mn.trace(net, np.random.default_rng(6).normal(size=(1, 32, 32, 3)), np.array([1]))
    rng = np.random.default_rng(7)
    for name, record in t.records.items():
        for index in _some(record.forward.y.shape, rng, 1):
            assert t.explain(name, index).exact, name
        for param, array in {"x": record.backward.dx, **_own(record)}.items():
            for index in _some(array.shape, rng, 1):
                assert t.explain_backward(name, param, index).exact, (name, param)


def test_in_float32():
    t, rng = _trace("v2", dtype="float32"), np.random.default_rng(8)
    for name in ("stem.conv", "block3.depthwise.conv", "block3", "head", "pool", "classifier"):
        record = t[name]
        for index in _some(record.forward.y.shape, rng):
            e = t.explain(name, index)
            assert e.value.dtype == np.float32
            assert np.isclose(e.value, e.traced, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------------------------------------------------------
# Term by term: stride and padding of convolutions, by a way of its own


def _op(record, name):
    return record.options.get(name, {"stride": 1, "padding": ((0, 0), (0, 0))}[name])


def _padded(record):
    """x with its padding zeros around it: where a term's index points after it is moved by top and left."""
    ((top, bottom), (left, right)) = _op(record, "padding")
    return np.pad(record.forward.x, ((0, 0), (top, bottom), (left, right), (0, 0))), top, left


def _dense(record):
    """The kernel as (kh, kw, C_in, C_out), with zeros between channels that do not meet."""
    w = record.params["w"]
    if record.op == "pointwise_conv2d":
        return w[None, None]
    return w[..., None] * np.eye(w.shape[2]) if record.op == "depthwise_conv2d" else w


CASES = [
    (model, convention, name)
    for model, convention in (("v1", "tf"), ("v1", "keras"), ("v2", "tf"), ("v2", "torchvision"), ("v3-large", "keras"))
    for name in ("stem.conv", "block2.depthwise.conv", "block4.depthwise.conv", "block3.pointwise.conv",
                 "block3.project.conv")
    if ("pointwise" in name) == (model == "v1") or "block3" not in name
]  # fmt: skip


@pytest.mark.parametrize(("model", "convention", "name"), CASES)
def test_terms_of_an_output(model, convention, name):
    t = _trace(model, convention)
    record = t[name]
    (x, top, left), w, stride = _padded(record), _dense(record), _op(record, "stride")
    kh, kw = w.shape[:2]
    for index in _some(record.forward.y.shape, np.random.default_rng(9)):
        n, i, j, o = index
        window = x[n, i * stride : i * stride + kh, j * stride : j * stride + kw]
        products = window * w[..., o]
        (step,) = t.explain(name, index).steps
        assert np.isclose(step.value, products.sum(), rtol=1e-11, atol=1e-14)
        assert len(step.sum) == record.params["w"][..., 0].size
        for term in step.sum:
            of_x, of_w = term.factors
            _, r, s, c = of_x.index
            assert of_x.value == x[n, r + top, s + left, c]
            assert of_w.value == record.params["w"][of_w.index]
            a, b = r + top - i * stride, s + left - j * stride
            assert term.product == products[a, b, c]
            assert term.padding == (not (0 <= r < record.forward.x.shape[1] and 0 <= s < record.forward.x.shape[2]))
        assert np.count_nonzero(products) == sum(term.product != 0 for term in step.sum)


@pytest.mark.parametrize(("model", "convention", "name"), CASES)
def test_terms_of_a_gradient(model, convention, name):
    """A pixel's: the outputs that move when it does. A weight's: the outputs in which it met a pixel."""
    t = _trace(model, convention)
    record = t[name]
    (x, top, left), w, stride, dy = _padded(record), _dense(record), _op(record, "stride"), record.backward.dy
    (kh, kw), (Ho, Wo) = w.shape[:2], dy.shape[1:3]

    # By windows of x, not by the positions that the explanation computes.
    def windows_of(x):
        return np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (1, 2))[:, ::stride, ::stride][:, :Ho, :Wo]

    ones = np.pad(np.ones_like(record.forward.x), ((0, 0), *_op(record, "padding"), (0, 0)))
    windows, of_ones = windows_of(x), windows_of(ones)
    for index in _some(record.backward.dx.shape, np.random.default_rng(10)):
        n, r, s, c = index
        one = np.zeros_like(x)
        one[n, r + top, s + left, c] = 1
        moved = np.einsum("nijcab,abco->nijo", windows_of(one), w)  # dy/dx of this pixel
        (step,) = t.explain_backward(name, "x", index).steps
        assert np.isclose(step.value, (moved * dy).sum(), rtol=1e-10, atol=1e-14)
        outputs = {term.factors[0].index: term for term in step.sum}
        assert {place for place in outputs if moved[place]} == set(zip(*np.nonzero(moved), strict=True))
        assert all(term.product == moved[place] * dy[place] for place, term in outputs.items())
    of_w = record.backward.grads["w"]
    for index in _some(of_w.shape, np.random.default_rng(11)):
        a, b, c, o = {
            "conv2d": lambda i: i, "depthwise_conv2d": lambda i: (*i, i[-1]), "pointwise_conv2d": lambda i: (0, 0, *i),
        }[record.op](index)  # fmt: skip
        met, inside = windows[..., c, a, b], of_ones[..., c, a, b]
        (step,) = t.explain_backward(name, "w", index).steps
        assert np.isclose(step.value, (met * dy[..., o]).sum(), rtol=1e-10, atol=1e-14)
        assert all(term.product == met[term.factors[0].index[:3]] * dy[term.factors[0].index] for term in step.sum)
        assert len(step.sum) == np.count_nonzero(inside)


# ---------------------------------------------------------------------------------------------------------------------
# Term by term: the other ops, by their formulas written anew


def _last(t, kind):
    """A record of an op in the middle of a network."""
    return [r for r in t.records.values() if r.op == kind and not r.parts][-1]


@pytest.mark.parametrize("model", ["v1", "v3-small"])
def test_batch_norm(traced, model):
    t = traced(model)
    record = t["block2.depthwise.bn"]
    x, dy, p = record.forward.x, record.backward.dy, record.params
    axes, m = (0, 1, 2), x[..., 0].size
    mean, var = x.mean(axes), x.var(axes)
    xhat = (x - mean) / np.sqrt(var + record.options["eps"])
    for index in _some(x.shape, np.random.default_rng(12)):
        c = index[-1]
        e = t.explain(record.name, index)
        assert [step.target for step in e.steps] == ["mean", "var", "y"]
        values = mean[c], var[c], p["gamma"][c] * xhat[index] + p["beta"][c]
        assert np.allclose([step.value for step in e.steps], values, rtol=1e-10, atol=1e-12)
        assert [len(step.sum) for step in e.steps[:2]] == [m, m]
        assert np.allclose(e.steps[0].sum.products, x[..., c].ravel())
        assert np.allclose(e.steps[1].sum.products, (x[..., c].ravel() - mean[c]) ** 2)

        e = t.explain_backward(record.name, "x", index)
        dbeta, dgamma = dy[..., c].sum(), (dy * xhat)[..., c].sum()
        dx = p["gamma"][c] / np.sqrt(var[c] + record.options["eps"])
        dx *= dy[index] - dbeta / m - xhat[index] * dgamma / m
        assert [step.target for step in e.steps] == ["dbeta", "dgamma", "dx"]
        assert np.allclose([step.value for step in e.steps], [dbeta, dgamma, dx], rtol=1e-8, atol=1e-14)


def test_gate(traced):
    """Squeeze and excite from its input and its four parameters."""
    t = traced("v3-small")
    record = t["block1.squeeze_excite"]
    x, dy, p = record.forward.x, record.backward.dy, record.params
    s = x.mean((1, 2))
    r = s @ p["w1"] + p["b1"]
    a = np.maximum(r, 0) @ p["w2"] + p["b2"]
    slope, gradient_slope = record.options["slope"], record.options["gradient_slope"]
    g = np.clip((a + 3) * slope, 0, 6 * slope)
    dg = (dy * x).sum((1, 2))
    da = np.where(np.abs(a) < 3, dg * gradient_slope, 0)
    dr = np.where(r > 0, da @ p["w2"].T, 0)
    ds = dr @ p["w1"].T
    for index in _some(x.shape, np.random.default_rng(13)):
        n, _, _, c = index
        e = t.explain(record.name, index)
        assert np.isclose(e.value, x[index] * g[n, c], rtol=1e-11)
        steps = {step.name.rpartition(".")[2]: step for step in e.steps}
        assert list(steps) == ["pool", "reduce", "relu", "expand", "hard_sigmoid", "gate"]
        unit, mean = steps["reduce"].index[1], steps["pool"].index[1]
        assert unit == np.abs(np.maximum(r[n], 0) * p["w2"][:, c]).argmax()
        assert mean == np.abs(s[n] * p["w1"][:, unit]).argmax()
        chain = s[n, mean], r[n, unit], max(r[n, unit], 0), a[n, c], g[n, c], x[index] * g[n, c]
        assert np.allclose([step.value for step in e.steps], chain, rtol=1e-10)

        e = t.explain_backward(record.name, "x", index)
        direct, spread = dy[index] * g[n, c], ds[n, c] / x[0, ..., 0].size
        assert np.allclose([e.steps[0].value, e.steps[1].value, e.steps[2].value], [direct, ds[n, c], spread])
        assert np.isclose(e.value, direct + spread, rtol=1e-10)
    for param, grad in dict(w1=s.T @ dr, b1=dr.sum(0), w2=np.maximum(r, 0).T @ da, b2=da.sum(0)).items():
        for index in _some(grad.shape, np.random.default_rng(14)):
            assert np.isclose(t.explain_backward(record.name, param, index).value, grad[index], atol=1e-15), param


@pytest.mark.parametrize(
    ("model", "op", "y", "slope"),
    [
        ("v1", "relu6", lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
        ("v3-small", "relu", lambda x: np.maximum(x, 0), lambda x: x > 0),
        ("v3-small", "hard_swish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
         lambda x: np.where(x >= 3, 1, np.where(x <= -3, 0, x / 3 + 0.5))),
        ("v3-small", "hard_sigmoid", lambda x: np.clip(0.16667 * (x + 3), 0, 6 * 0.16667),
         lambda x: (np.abs(x) < 3) * 0.16667),  # TF-slim's slope
    ],
)  # fmt: skip
def test_nonlinearities(traced, model, op, y, slope):
    t = traced(model)
    records = [r for r in t.records.values() if r.op == op]
    for record in records:
        x, dy = record.forward.x, record.backward.dy
        for index in _some(x.shape, np.random.default_rng(15)):
            (forward,) = t.explain(record.name, index).steps
            (backward,) = t.explain_backward(record.name, "x", index).steps
            assert np.isclose(forward.value, y(x[index]), rtol=1e-13)
            assert np.isclose(backward.value, dy[index] * slope(x[index]), rtol=1e-13)
            assert _holds(forward.formula.partition("where")[2].strip(), x[index])
    assert records


def _holds(where, x):
    """The condition that the explanation names is true."""
    return eval(where, {"x": float(x)})


def test_pool_linear_dropout(traced):
    t = traced("v3-small")
    pool, linear, dropout = (_last(t, op) for op in ("global_average_pool", "linear", "dropout"))
    for index in _some(pool.forward.y.shape, np.random.default_rng(16)):
        (step,) = t.explain(pool.name, index).steps
        n, c = index
        assert np.allclose(step.sum.products, pool.forward.x[n, ..., c].ravel())
        assert np.isclose(step.value, pool.forward.x[n, ..., c].mean(), rtol=1e-12)
    H, W = pool.forward.x.shape[1:3]
    for n, i, j, c in _some(pool.forward.x.shape, np.random.default_rng(17)):
        assert t.explain_backward(pool.name, "x", (n, i, j, c)).value == pool.backward.dy[n, c] / (H * W)

    x, dy, (w, b) = linear.forward.x, linear.backward.dy, linear.params.values()
    for n, o in _some(dy.shape, np.random.default_rng(18)):
        (step,) = t.explain(linear.name, (n, o)).steps
        assert np.array_equal(step.sum.products, x[n] * w[:, o])
        assert np.isclose(step.value, x[n] @ w[:, o] + b[o], rtol=1e-11)
    for c, o in _some(w.shape, np.random.default_rng(19)):
        (step,) = t.explain_backward(linear.name, "w", (c, o)).steps
        assert np.array_equal(step.sum.products, x[:, c] * dy[:, o])
        assert np.isclose(t.explain_backward(linear.name, "b", (o,)).value, dy[:, o].sum(), atol=1e-15)

    kept = dropout.forward.y != 0
    assert 0 < kept.mean() < 1
    for index in [*map(tuple, np.argwhere(kept)[:2]), *map(tuple, np.argwhere(~kept)[:2])]:
        index = tuple(map(int, index))
        assert np.isclose(t.explain(dropout.name, index).value, 2 * kept[index] * dropout.forward.x[index])
        back = t.explain_backward(dropout.name, "x", index).value
        assert np.isclose(back, 2 * kept[index] * dropout.backward.dy[index])


def test_shortcut(traced):
    """Of a block: what its last convolution and BatchNorm give, and its input once more."""
    t = traced("v2")
    residual = [r for r in t.records.values() if r.op == "residual"]
    assert residual
    for record in residual:
        inner = t[f"{record.name}.project"]
        for index in _some(record.forward.y.shape, np.random.default_rng(20), 1):
            e = t.explain(record.name, index)
            assert np.isclose(e.value, record.forward.x[index] + inner.forward.y[index], rtol=1e-11)
            assert [step.op for step in e.steps] == [
                "pointwise_conv2d",
                "batch_norm",
                "batch_norm",
                "batch_norm",
                "residual",
            ]
            back = t.explain_backward(record.name, "x", index)
            expand = t[f"{record.name}.expand"].backward.dx[index]
            assert np.isclose(back.value, record.backward.dy[index] + expand, rtol=1e-10)


# ---------------------------------------------------------------------------------------------------------------------
# As text


def test_the_text_holds_the_numbers(traced):
    t = traced("v1")
    e = t.explain("block2.depthwise.conv", (1, 0, 3, 2))
    lines = e.text(None).splitlines()
    assert lines[0].startswith("block2.depthwise.conv: y[1, 0, 3, 2] = ")
    (step,) = e.steps
    for term in step.sum:
        (line,) = (line for line in lines if line.strip().startswith(str(term.factors[0]) + " "))
        assert ("padding" in line) == term.padding
        assert str(term.factors[1]) in line
        assert term.padding or f"{term.product:.6g}" in line
    assert f"sum of {len(step.sum)} terms" in e.text()
    assert max(map(len, lines)) <= 119


def test_long_sums_are_shortened(traced):
    t = traced("v1")
    short, whole = (t.explain_backward("stem.conv", "w", (1, 1, 0, 0)).text(terms) for terms in (8, None))
    assert len(short.splitlines()) < 20 < len(whole.splitlines())
    (step,) = t.explain_backward("stem.conv", "w", (1, 1, 0, 0)).steps
    assert f"... {len(step.sum) - 4:,} more ..." in short
    shown = [line.split("= ")[-1].strip() for line in short.splitlines() if re.match(r" +dy\[\d", line)]
    largest = sorted(map(abs, step.sum.products), reverse=True)[:4]
    assert [f"{abs(float(number)):.6g}" for number in shown] == [f"{value:.6g}" for value in largest]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.explain("block2.depthwis", (0, 0, 0, 0)), "did you mean 'block2.depthwise'"),
        (lambda t: t.explain("block2.depthwise", (0, 0, 99, 0)), r"\(0, 0, 99, 0\) is no index \(n, i, j, c\) into y"),
        (lambda t: t.explain("classifier", (0, 0, 0, 0)), r"is no index \(n, c\) into y of classifier"),
        (lambda t: t.explain("stem", 3), "3 is no index"),
        (lambda t: t.explain("stem", (0, 0, 0.5, 0)), "is no index"),
        (lambda t: t.explain_backward("block2", "w", (0, 0, 0)), "parameter 'w' of block2 fits depthwise.conv.w, "),
        (lambda t: t.explain_backward("stem.conv", "v", (0,)), "parameter 'v' of stem.conv is unknown; choose one of"),
        (lambda t: t.explain_backward("stem.conv", "w", (3, 0, 0, 0)), "is no index of integers into w of stem.conv"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained(traced, call, message):
    with pytest.raises(ValueError, match=message):
        call(traced("v1"))
