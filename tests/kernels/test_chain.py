"""Links of a chain beside what they are made of: the same numbers, any block size, past the caches or not."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import memory
from mobilenet_np.geometry import same_padding
from mobilenet_np.kernels import chain, chain_conv2d, chain_depthwise, chain_pointwise, matmul, normalize
from mobilenet_np.kernels.batch_norm_rows import backward_columns, columns_of
from mobilenet_np.kernels.chain import Pending
from mobilenet_np.ops import conv2d, depthwise_conv2d, pointwise_conv2d

F32 = np.float32


@pytest.fixture(autouse=True)
def default_threads():
    yield
    mn.set_threads(None)


@pytest.fixture(params=["as it is", "in blocks", "small blocks", "past the caches", "small blocks past the caches"])
def cut(request, monkeypatch):
    """The ways to cut the work that large tables take, for small ones."""
    if request.param != "as it is":
        monkeypatch.setattr(chain_pointwise, "_FEW", 0)
    if "small" in request.param:
        monkeypatch.setattr(matmul, "_BLOCK", 600)
        monkeypatch.setattr(chain_depthwise, "_BLOCK", 600)
    if "past" in request.param:
        monkeypatch.setattr(chain, "_LARGE", 1)
        monkeypatch.setattr(memory, "LARGE", 1)  # so that all tables begin at a cache line, as large ones do


def normalized(rng, x, act):
    """x, raw, with a BatchNorm to come; and what that makes of it."""
    C = x.shape[-1]
    gamma, beta = rng.standard_normal((2, C)).astype(F32) + F32(0.5)
    mean, var = normalize.statistics(x.reshape(-1, C))
    inv_std = (1 / np.sqrt(var + F32(1e-3))).astype(F32)
    columns = columns_of(gamma, beta, mean, inv_std)
    pending = Pending(x, columns, act)
    return pending, pending.finished(), inv_std


def check_link(rng, x, act, out, out_act, forward, backward, op_forward, op_backward, has_sums=True):
    """``forward`` and ``backward`` of a link beside the passes, one after the other, that it saves."""
    pending, plain, inv_std = normalized(rng, x, act) if act is not None else (Pending(x, None, ""), x, None)
    y, pieces = forward(pending, True)
    expected, cache = op_forward(plain)
    C = y.shape[-1]
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    statistics = normalize.together(*pieces)
    for ours, theirs in zip(statistics, normalize.statistics(expected.reshape(-1, C)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
    same, none = forward(pending, False)
    np.testing.assert_array_equal(same, y)
    assert none is None

    behind, _, inv_std_y = normalized(rng, y, out_act)
    dy = rng.standard_normal(y.shape).astype(F32)
    rows = dy.reshape(-1, C), y.reshape(-1, C)
    dgamma, dbeta = normalize.add_up(normalize.parts_of_sums(*rows, behind.columns, out_act), inv_std_y)
    backward_columns(behind.columns, inv_std_y, dgamma, dbeta, len(rows[0]))
    d = normalize.backward_with(*rows, behind.columns, out_act).reshape(y.shape)
    dx, dw, *sums = backward(dy, behind, pending)
    for ours, theirs in zip((dx, dw), op_backward(d, cache), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())
    if act is not None and has_sums:
        K = x.shape[-1]
        theirs = normalize.parts_of_sums(dx.reshape(-1, K), x.reshape(-1, K), pending.columns, act)
        for one, other in zip(normalize.add_up(sums[0], inv_std), normalize.add_up(theirs, inv_std), strict=True):
            # Sums of many terms, which may cancel: what float32 loses depends on the terms.
            terms = np.abs(dx).reshape(-1, K).sum(axis=0).max()
            np.testing.assert_allclose(one, other, rtol=0, atol=5e-6 * terms)
    return y, statistics, dx, dw, *sums


def pointwise_case(shape, C_out, act, out_act):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(F32) for s in (shape, (shape[-1], C_out)))
    return check_link(
        rng, x, act, C_out, out_act,
        lambda x, count: chain_pointwise.pointwise_link(x, w, count),
        lambda dy, y, x: chain_pointwise.pointwise_link_backward(dy, y, x, w),
        lambda x: pointwise_conv2d.pointwise_conv2d_forward(x, w),
        pointwise_conv2d.pointwise_conv2d_backward,
    )  # fmt: skip


@pytest.mark.parametrize("act", [None, "", "relu", "relu6", "hard_swish"])
@pytest.mark.parametrize(
    ("shape", "C_out"), [((2, 12, 11, 16), 24), ((5, 20, 20, 24), 8), ((1, 1, 1, 8), 16), ((3, 7, 7, 128), 128)]
)
def test_pointwise(shape, C_out, act, cut):
    pointwise_case(shape, C_out, act, "relu6")


def test_pointwise_adds_what_comes_the_other_way(cut):
    rng = np.random.default_rng(0)
    for shape, C_out in [((2, 9, 9, 16), 8), ((1, 3, 3, 64), 128)]:
        x, w = (rng.standard_normal(s).astype(F32) for s in (shape, (shape[-1], C_out)))
        pending, *_ = normalized(rng, x, "relu")
        y, _ = chain_pointwise.pointwise_link(pending, w, True)
        behind, *_ = normalized(rng, y, "")
        dy, plus = rng.standard_normal(y.shape).astype(F32), rng.standard_normal(x.shape).astype(F32)
        alone, dw, _ = chain_pointwise.pointwise_link_backward(dy, behind, pending, w)
        both, same, _ = chain_pointwise.pointwise_link_backward(dy, behind, pending, w, plus)
        np.testing.assert_allclose(both, alone + plus, rtol=0, atol=1e-5 * np.abs(both).max())
        np.testing.assert_array_equal(same, dw)


def depthwise_case(shape, kernel, stride, style, act, out_act="relu"):
    rng = np.random.default_rng(0)
    padding = same_padding(*shape[1:3], kernel, stride, style)
    x, w = (rng.standard_normal(s).astype(F32) for s in (shape, (kernel, kernel, shape[-1])))
    return check_link(
        rng, x, act, shape[-1], out_act,
        lambda x, count: chain_depthwise.depthwise_link(x, w, stride, padding, count),
        lambda dy, y, x: chain_depthwise.depthwise_link_backward(dy, y, x, w, stride, padding),
        lambda x: depthwise_conv2d.depthwise_conv2d_forward(x, w, stride, padding),
        depthwise_conv2d.depthwise_conv2d_backward,
    )  # fmt: skip


@pytest.mark.parametrize("style", ["tf", "torch", "tf-even"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("shape", [(2, 12, 11, 24), (3, 7, 8, 16), (1, 2, 2, 8), (2, 1, 3, 40)])
def test_depthwise(shape, kernel, stride, style, cut):
    if style == "tf-even" and 1 in shape[1:3]:
        pytest.skip("no window fits")
    depthwise_case(shape, kernel, stride, style, "relu6")


@pytest.mark.parametrize("act", [None, "", "hard_swish"])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_with_other_nonlinearities(stride, act, cut):
    depthwise_case((2, 9, 10, 16), 3, stride, "tf", act, "hard_swish")


@pytest.mark.parametrize("style", ["tf", "torch"])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [((3, 17, 20, 3), 3, 2), ((2, 9, 8, 5), 5, 1), ((1, 2, 2, 3), 3, 2)],
)
def test_standard_convolution(shape, kernel, stride, style, cut):
    rng = np.random.default_rng(0)
    padding = same_padding(*shape[1:3], kernel, stride, style)
    x, w = (rng.standard_normal(s).astype(F32) for s in (shape, (kernel, kernel, shape[-1], 16)))

    def backward(dy, y, x):
        dx, dw = chain_conv2d.conv2d_link_backward(dy, y, x.raw, w, stride, padding, True)
        nothing, same = chain_conv2d.conv2d_link_backward(dy, y, x.raw, w, stride, padding, False)
        assert nothing is None or len(dy) * w.size > dy.size
        np.testing.assert_array_equal(same, dw)
        return dx, dw

    check_link(
        rng, x, None, 16, "relu6",
        lambda x, count: chain_conv2d.conv2d_link(x.raw, w, stride, padding, count),
        backward,
        lambda x: conv2d.conv2d_forward(x, w, stride, padding),
        conv2d.conv2d_backward,
    )  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        lambda: pointwise_case((8, 24, 24, 16), 40, "relu", "relu6"),
        lambda: pointwise_case((4, 6, 6, 128), 256, "relu", ""),
        lambda: depthwise_case((6, 20, 20, 40), 3, 1, "tf", "relu"),
        lambda: depthwise_case((6, 20, 20, 40), 5, 2, "tf", "relu"),
    ],
)
def test_the_same_bits_for_any_number_of_threads(case):
    results = []
    for threads in (1, 2, 4):
        mn.set_threads(threads)
        y, statistics, *others = case()
        results.append([y, *statistics, *others])
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


def test_pending_is_finished_with_something_added():
    rng = np.random.default_rng(0)
    x, plus = rng.standard_normal((2, 2, 3, 4, 8)).astype(F32)
    pending, plain, _ = normalized(rng, x, "relu")
    np.testing.assert_array_equal(pending.finished(plus), plain + plus)
    np.testing.assert_array_equal(Pending(x, None, "").finished(plus), x + plus)


@pytest.mark.parametrize("tile", [14, 6])
def test_blocks_are_even_and_fit(tile, monkeypatch):
    monkeypatch.setattr(matmul, "ROWS", tile)
    monkeypatch.setattr(matmul, "_block_of", matmul._block_of.__wrapped__)
    for positions in (1, 9, 288, 1152, 4608, 18432, 73728, 401408):
        for channels in (24, 112, 672, 1120, 2048):
            rows = matmul.block_of(positions, channels)
            blocks = -(-positions // rows)
            assert rows % 2 == 0 or rows == positions
            assert rows <= 320 + 2
            assert rows * channels <= matmul._BLOCK + 2 * channels
            if positions > 28:
                assert blocks % 2 == 0 or blocks > 700, (positions, channels, rows, blocks)


def test_products_of_tables_whose_rows_lie_apart():
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(F32) for s in ((300, 24), (24, 16)))
    apart = np.full((300, 40), np.nan, F32)[:, :24]
    apart[...] = x
    np.testing.assert_array_equal(matmul.multiply(apart, w), matmul.multiply(x, w))
    y = matmul.multiply(x, w)
    np.testing.assert_array_equal(matmul.multiply_transposed(apart, y), matmul.multiply_transposed(x, y))
