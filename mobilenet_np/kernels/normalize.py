"""BatchNorm in float32, together with the nonlinearity that follows it, in as few passes over memory as there can be.

Where tables are larger than the caches, reading and writing them is all the time there is: a pass takes the same
whether it computes much or little. By the definitions a training step takes fourteen reads and writes of a table for
BatchNorm and nonlinearity; here it takes eight::

    statistics   read x                           mean and variance of a piece while it is in the cache
    normalize    read x, write y                  y = act(gamma * xhat + beta)
    sums         read dy, x                       the nonlinearity's input is computed again, not kept
    backward     read dy, x, write dx

Tables are (positions, channels), channels a multiple of 8. Sums over positions are sums of pieces, whose size depends
on the table alone: they have the same bits on any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..machine_code import cached_njit
from ..memory import empty
from ..threads import share
from .simd import add, address, div, forward, inside, load8, load16, load_like, mul, splat_like, store
from .tiles import REGISTERS

NONE, RELU, RELU6, HARD_SWISH = range(4)
ACTS = {"": NONE, "relu": RELU, "relu6": RELU6, "hard_swish": HARD_SWISH}
_PIECE = 2**13  # numbers, 32 KB

_0, _3, _6, _HALF, _INFINITE = (np.float32(value) for value in (0, 3, 6, 0.5, np.inf))


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and (biased) variance of every column of x (P, C)."""
    P, C = x.shape
    rows = max(1, _PIECE // C)
    pieces = -(-P // rows)
    means, squares = empty((pieces, C)), empty((pieces, C))
    share(lambda b0, b1: _pieces(x, rows, means, squares, b0, b1), pieces, work=x.size)
    return _together(means, squares, P, rows)


def normalize(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray, act: str = ""
) -> np.ndarray:
    """``act(gamma * ((x - mean) * inv_std) + beta)`` for x (P, C)."""
    y = empty(x.shape)
    columns = gamma, beta, -mean, inv_std
    share(lambda p0, p1: _normalize(x.ravel(), *columns, ACTS[act], y.reshape(-1), p0, p1), len(x), work=x.size)
    return y


def sums(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray,
    act: str = "",
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """dgamma and dbeta, for dy (P, C) behind the nonlinearity."""
    P, C = x.shape
    rows = max(64, -(-P // 64))
    pieces = -(-P // rows)
    parts = np.zeros((pieces, 2, C), np.float32)
    columns = gamma, beta, -mean, inv_std
    share(
        lambda b0, b1: _sums(dy.ravel(), x.ravel(), *columns, ACTS[act], P, rows, parts.reshape(-1), b0, b1),
        pieces,
        work=x.size,
    )
    dgamma, dbeta = np.add.reduce(parts, axis=0)
    return dgamma, dbeta


def backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray,
    dgamma: np.ndarray, dbeta: np.ndarray, act: str = "",
) -> np.ndarray:  # fmt: skip
    """dx of BatchNorm in training, for dy (P, C) behind the nonlinearity."""
    dx, P = empty(x.shape), np.float32(len(x))
    columns = gamma, beta, -mean, inv_std, gamma * inv_std, -(dbeta / P), -(dgamma / P)
    share(
        lambda p0, p1: _backward(dy.ravel(), x.ravel(), *columns, ACTS[act], dx.reshape(-1), p0, p1),
        len(x),
        work=x.size,
    )
    return dx


# ---------------------------------------------------------------------------------------------------------------------
# Statistics: of pieces, then of all (Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
# Sample Variances, 1979)


@cached_njit
def _pieces(x, rows, means, squares, b0, b1):
    P, C = x.shape
    for b in range(b0, b1):
        first, last = b * rows, min(P, (b + 1) * rows)
        mean, square = means[b], squares[b]
        mean[:] = 0
        square[:] = 0
        for p in range(first, last):
            for c in range(C):
                mean[c] += x[p, c]
        for c in range(C):
            mean[c] /= np.float32(last - first)
        for p in range(first, last):
            for c in range(C):
                square[c] += (x[p, c] - mean[c]) * (x[p, c] - mean[c])


@cached_njit
def _together(means, squares, P, rows):
    C = means.shape[1]
    mean, square = np.zeros(C), np.zeros(C)
    count = 0
    for b in range(len(means)):
        more = min(P - count, rows)
        for c in range(C):
            off = means[b, c] - mean[c]
            mean[c] += off * more / (count + more)
            square[c] += squares[b, c] + off * off * count * more / (count + more)
        count += more
    return mean.astype(np.float32), (square / P).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Row by row, some channels at a time; ``like`` says how many


@njit(nogil=True)
def _normalized(like, x, at, minus_mean, inv_std, c):
    return mul(add(load_like(like, x, at), load_like(like, minus_mean, c)), load_like(like, inv_std, c))


@njit(nogil=True)
def _before(like, xhat, gamma, beta, c):
    """What goes into the nonlinearity."""
    return add(mul(load_like(like, gamma, c), xhat), load_like(like, beta, c))


@njit(nogil=True)
def _activate(act, t):
    none = splat_like(t, _0)
    if act == RELU:
        return inside(t, none, splat_like(t, _INFINITE), t, none)
    if act == RELU6:
        six = splat_like(t, _6)
        return inside(t, none, six, t, inside(t, none, splat_like(t, _INFINITE), six, none))
    if act == HARD_SWISH:
        three = splat_like(t, _3)
        middle = div(mul(t, add(t, three)), splat_like(t, _6))
        return inside(t, splat_like(t, -_3), three, middle, inside(t, none, splat_like(t, _INFINITE), t, none))
    return t


@njit(nogil=True)
def _slope(act, t, dy):
    """dy times the slope of the nonlinearity at t."""
    none = splat_like(t, _0)
    if act == RELU:
        return inside(t, none, splat_like(t, _INFINITE), dy, none)
    if act == RELU6:
        return inside(t, none, splat_like(t, _6), dy, none)
    if act == HARD_SWISH:
        three = splat_like(t, _3)
        middle = mul(dy, add(div(t, three), splat_like(t, _HALF)))
        return inside(t, splat_like(t, -_3), three, middle, inside(t, none, splat_like(t, _INFINITE), dy, none))
    return dy


@njit(nogil=True)
def _normalize_some(like, x, at, gamma, beta, minus_mean, inv_std, act, y, c):
    xhat = _normalized(like, x, at, minus_mean, inv_std, c)
    store(_activate(act, _before(like, xhat, gamma, beta, c)), y, at)


@cached_njit
def _normalize(x, gamma, beta, minus_mean, inv_std, act, y, p0, p1):
    C = gamma.size
    x, y, gamma, beta = address(x), address(y), address(gamma), address(beta)
    minus_mean, inv_std = address(minus_mean), address(inv_std)
    for p in range(p0, p1):
        c = 0
        while REGISTERS >= 32 and c + 16 <= C:
            _normalize_some(load16(gamma, 0), x, p * C + c, gamma, beta, minus_mean, inv_std, act, y, c)
            c += 16
        while c < C:
            _normalize_some(load8(gamma, 0), x, p * C + c, gamma, beta, minus_mean, inv_std, act, y, c)
            c += 8


@njit(nogil=True)
def _sums_some(like, dy, x, at, gamma, beta, minus_mean, inv_std, act, dgamma, dbeta, c):
    xhat = _normalized(like, x, at, minus_mean, inv_std, c)
    d = _slope(act, _before(like, xhat, gamma, beta, c), load_like(like, dy, at))
    store(add(load_like(like, dgamma, c), mul(d, xhat)), dgamma, c)
    store(add(load_like(like, dbeta, c), d), dbeta, c)


@cached_njit
def _sums(dy, x, gamma, beta, minus_mean, inv_std, act, P, rows, parts, b0, b1):
    C = gamma.size
    dy, x, gamma, beta = address(dy), address(x), address(gamma), address(beta)
    minus_mean, inv_std, out = address(minus_mean), address(inv_std), address(parts)
    for b in range(b0, b1):
        dgamma, dbeta = forward(out, 2 * b * C), forward(out, (2 * b + 1) * C)
        for p in range(b * rows, min(P, (b + 1) * rows)):
            c = 0
            while REGISTERS >= 32 and c + 16 <= C:
                like = load16(gamma, 0)
                _sums_some(like, dy, x, p * C + c, gamma, beta, minus_mean, inv_std, act, dgamma, dbeta, c)
                c += 16
            while c < C:
                like8 = load8(gamma, 0)
                _sums_some(like8, dy, x, p * C + c, gamma, beta, minus_mean, inv_std, act, dgamma, dbeta, c)
                c += 8


@njit(nogil=True)
def _backward_some(like, dy, x, at, gamma, beta, minus_mean, inv_std, scale, mean_path, variance_path, act, dx, c):
    xhat = _normalized(like, x, at, minus_mean, inv_std, c)
    d = _slope(act, _before(like, xhat, gamma, beta, c), load_like(like, dy, at))
    d = add(add(d, load_like(like, mean_path, c)), mul(xhat, load_like(like, variance_path, c)))
    store(mul(load_like(like, scale, c), d), dx, at)


@cached_njit
def _backward(dy, x, gamma, beta, minus_mean, inv_std, scale, mean_path, variance_path, act, dx, p0, p1):
    C = gamma.size
    dy, x, dx, gamma, beta = address(dy), address(x), address(dx), address(gamma), address(beta)
    minus_mean, inv_std, scale = address(minus_mean), address(inv_std), address(scale)
    paths = address(mean_path), address(variance_path)
    for p in range(p0, p1):
        c = 0
        while REGISTERS >= 32 and c + 16 <= C:
            like = load16(gamma, 0)
            _backward_some(like, dy, x, p * C + c, gamma, beta, minus_mean, inv_std, scale, *paths, act, dx, c)
            c += 16
        while c < C:
            like8 = load8(gamma, 0)
            _backward_some(like8, dy, x, p * C + c, gamma, beta, minus_mean, inv_std, scale, *paths, act, dx, c)
            c += 8
