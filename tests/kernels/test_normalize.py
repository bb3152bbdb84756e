"""BatchNorm with its nonlinearity in one: the numbers of the two one after the other, and right."""

import numpy as np
import pytest
from crew import assert_same_bits
from numba import njit
from op_checks import assert_statistics

import mobilenet_np as mn
from mobilenet_np import ops
from mobilenet_np.kernels.batch_norm_rows import backward_columns, columns_of, over
from mobilenet_np.kernels.normalize import (
    ACTS,
    Pieces,
    add_up,
    backward,
    backward_with,
    finish,
    normalize,
    parts_of_sums,
    pieces_of,
    statistics,
    sums,
    take_back,
    take_in,
    take_running,
    together,
)
from mobilenet_np.kernels.simd import address, load8, store
from mobilenet_np.ops.batch_norm_inference import running_statistics

F32 = np.float32
SHAPES = [(1, 8), (2, 16), (3000, 24), (777, 40), (64, 96)]


def problem(P, C):
    rng = np.random.default_rng(0)
    x = (3 * rng.standard_normal((P, C)) + 2).astype(F32)
    gamma, beta = rng.standard_normal((2, C)).astype(F32) + F32(0.5)
    return x, gamma, beta, (2 * rng.standard_normal((P, C))).astype(F32)


@pytest.mark.parametrize("shape", SHAPES)
def test_statistics(shape):
    x, *_ = problem(*shape)
    assert_statistics(*statistics(x), x, pieces_of(x).rows)


def test_statistics_survive_a_large_mean():
    """Roundings that all have the same sign could make it two percent; these do not, and 1e-4 is as measured."""
    x = (1000 + np.random.default_rng(0).standard_normal((5000, 16))).astype(F32)
    np.testing.assert_allclose(statistics(x)[1], x.astype(np.float64).var(axis=0), rtol=1e-4)


@pytest.mark.parametrize("act", [act for act in ACTS if act])
@pytest.mark.parametrize("shape", SHAPES)
def test_with_a_nonlinearity_the_bits_are_those_of_two_layers(shape, act):
    x, gamma, beta, dy = problem(*shape)
    op = getattr(ops, act)
    x[0, :8] = np.nan
    mean, var = statistics(np.nan_to_num(x))
    columns = gamma, beta, mean, (1 / np.sqrt(var + F32(1e-3))).astype(F32)
    y, cache = getattr(op, f"{act}_forward")(normalize(x, *columns))
    both = columns_of(*columns)
    np.testing.assert_array_equal(finish(x, both, act, None), y)
    between = getattr(op, f"{act}_backward")(dy, cache)
    apart, together = sums(between, x, *columns), add_up(parts_of_sums(dy, x, both, act), columns[3])
    np.testing.assert_array_equal(together, apart)
    backward_columns(both, columns[3], *together, len(x))
    np.testing.assert_array_equal(backward_with(dy, x, both, act), backward(between, x, *columns, *apart))


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_backward_is_that_of_the_definition(shape):
    x, gamma, beta, dy = problem(*shape)
    mean, var = statistics(x)
    columns = gamma, beta, mean, (1 / np.sqrt(var + F32(1e-3))).astype(F32)
    dgamma, dbeta = sums(dy, x, *columns)
    dx = backward(dy, x, *columns, dgamma, dbeta)
    with mn.form("numpy"):
        _, cache = ops.batch_norm.batch_norm_train_forward(*(a.astype(np.float64) for a in (x, gamma, beta)), 1e-3)
        expected = ops.batch_norm.batch_norm_train_backward(dy.astype(np.float64), cache)
    for ours, exact in zip((dx, dgamma, dbeta), expected, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-5 * np.abs(exact).max())


def test_the_same_bits_for_any_number_of_threads(monkeypatch):
    x, gamma, beta, dy = problem(3000, 24)

    def run():
        mean, var = statistics(x)
        columns = columns_of(gamma, beta, mean, var)
        y, parts = finish(x, columns, "relu6", None), parts_of_sums(dy, x, columns, "relu6")
        backward_columns(columns, var, *add_up(parts, var), len(x))
        return [mean, var, parts, y, backward_with(dy, x, columns, "relu6")]

    assert_same_bits(run, monkeypatch)


@njit
def _over(a, divisor, reciprocal, out):
    for i in range(0, a.size, 8):
        store(over(load8(address(a), i), divisor, reciprocal), address(out), i)


@pytest.mark.parametrize("divisor", [3, 6])
def test_a_division_by_multiplications_rounds_as_a_division(divisor):
    rng = np.random.default_rng(0)
    a = (rng.standard_normal(2**20) * 2.0 ** rng.integers(-100, 100, 2**20)).astype(F32)
    a[:8] = 0, 1, 3, 6, 18, -18, np.nan, 2.0**-120
    out = np.empty_like(a)
    _over(a, F32(divisor), F32(1) / F32(divisor), out)
    np.testing.assert_array_equal(out, a / F32(divisor))


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize(("images", "P", "rows"), [(1, 300, 7), (3, 20, 8), (5, 6, 6), (1, 1, 1)])
def test_what_a_link_takes_in_is_what_a_batch_norm_remembers(images, P, rows, unbiased):
    """The same bits as the definitions, one after the other."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, P, 24)).astype(F32)
    cuts = [image[i : i + rows] for image in x for i in range(0, P, rows)]
    found = np.stack([[piece.mean(axis=0) for piece in cuts], [piece.var(axis=0) * len(piece) for piece in cuts]])
    pieces = Pieces(found.astype(F32), P, rows)
    gamma, beta, mean, var = rng.uniform(0.5, 2, (4, 24)).astype(F32)
    batch_mean, batch_var = together(*pieces)
    assert_statistics(batch_mean, batch_var, x.reshape(-1, 24), rows)
    expected = running_statistics(mean, var, batch_mean, batch_var, images * P, 0.997, unbiased)
    columns, inv_std = take_in(pieces, gamma, beta, 1e-3, mean, var, 0.997, unbiased)
    np.testing.assert_array_equal([mean, var], expected)
    np.testing.assert_array_equal(inv_std, 1 / np.sqrt(batch_var + F32(1e-3)))
    np.testing.assert_array_equal(columns, columns_of(gamma, beta, batch_mean, inv_std))


def test_what_a_link_takes_of_running_statistics():
    rng = np.random.default_rng(0)
    gamma, beta, mean, var = rng.uniform(0.5, 2, (4, 24)).astype(F32)
    columns, inv_std = take_running(gamma, beta, mean, var, 1e-3)
    np.testing.assert_array_equal(inv_std, 1 / np.sqrt(var + F32(1e-3)))
    np.testing.assert_array_equal(columns, columns_of(gamma, beta, mean, inv_std))
    var[23] = -1e-3
    assert take_running(gamma, beta, mean, var, 1e-3) is None
    var[23] = np.nan  # is not hidden
    assert np.isnan(take_running(gamma, beta, mean, var, 1e-3)[1][23])


def test_what_a_link_takes_back_is_what_the_two_steps_give():
    rng = np.random.default_rng(0)
    parts, inv_std = rng.standard_normal((5, 2, 24)).astype(F32), rng.uniform(0.5, 2, 24).astype(F32)
    ours, theirs = (columns_of(*np.ones((3, 24), F32), inv_std) for _ in range(2))
    found = take_back(parts, ours, inv_std, 700)
    expected = add_up(parts, inv_std)
    backward_columns(theirs, inv_std, *expected, 700)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(ours, theirs)
    assert ours[3:].any()
