"""BatchNorm and the nonlinearity behind it, for some rows that lie in a fast cache.

Whatever has a few rows of a table at hand, because it has just computed them or is about to use them, does here what
BatchNorm wants of them; see `normalize` for whole tables and `chain` for convolutions that need no passes of their own.

BatchNorm is a line: ``gamma * (x - mean) * inv_std + beta = scale * x + shift``. What belongs to a table's channels is
in the rows of one small array, ``columns``, each beginning at a cache line: SCALE, SHIFT, MINUS_MEAN, and for the
backward pass SLOPE and OFFSET, see `backward_columns`. Tables are (positions, channels), channels a multiple of 8.
"""

from __future__ import annotations

import numpy as np

from ..machine_code import cached_njit
from ..memory import LINE, lines
from ..parts import helper, part
from .simd import (
    add,
    div,
    fma,
    forward,
    load8,
    load16,
    load64,
    load_like,
    maximum,
    minimum,
    mul,
    splat_like,
    store,
    where,
)
from .tiles import REGISTERS

NONE, RELU, RELU6, HARD_SWISH = range(4)
ACTS = {"": NONE, "relu": RELU, "relu6": RELU6, "hard_swish": HARD_SWISH}
SCALE, SHIFT, MINUS_MEAN, SLOPE, OFFSET = range(5)

_GROUP = (
    16  # rows at a time: the columns are fetched once for them, and one after the other is how memory is read fastest
)

_0, _3, _6, _HALF, _A_THIRD, _A_SIXTH = (np.float32(value) for value in (0, 3, 6, 1 / 2, 1 / 3, 1 / 6))


def columns_of(gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray) -> np.ndarray:
    """SCALE, SHIFT and MINUS_MEAN, and room for the other two: (5, C), filled up to whole cache lines."""
    columns = room_for_columns(gamma.size)
    fill_columns(columns, gamma, beta, mean, inv_std)
    return columns


def room_for_columns(C: int) -> np.ndarray:
    """Zeros (5, C), filled up to whole cache lines."""
    return lines(5, -(-C // LINE) * LINE)


@cached_njit
def fill_columns(columns, gamma, beta, mean, inv_std):
    """Fill in SCALE, SHIFT and MINUS_MEAN."""
    for c in range(gamma.size):
        columns[SCALE, c] = gamma[c] * inv_std[c]
        columns[SHIFT, c] = beta[c] - mean[c] * columns[SCALE, c]
        columns[MINUS_MEAN, c] = -mean[c]


@cached_njit
def backward_columns(columns, inv_std, dgamma, dbeta, positions):
    """Fill in SLOPE and OFFSET: ``dx = scale * d + slope * x + offset``, d being the gradient behind BatchNorm.

    The mean and the variance depend on x too: ``dx = scale * (d - dbeta / P - xhat * dgamma / P)``.
    """
    P = np.float32(positions)
    for c in range(inv_std.size):
        scale = columns[SCALE, c]
        columns[SLOPE, c] = -scale * inv_std[c] * (dgamma[c] / P)
        columns[OFFSET, c] = columns[MINUS_MEAN, c] * columns[SLOPE, c] - scale * (dbeta[c] / P)


@helper
def over(a, divisor, reciprocal):
    """``a / divisor``, rounded as a division rounds, in a fifth of its time.

    The remainder of a first quotient corrects it (Markstein, Computation of Elementary Functions on the IBM RISC
    System/6000 Processor, 1990). ``reciprocal`` is that of the divisor, rounded.
    """
    first = mul(a, splat_like(a, reciprocal))
    remainder = fma(first, splat_like(a, -divisor), a)
    return fma(remainder, splat_like(a, reciprocal), first)


@helper
def activate(act, t):
    """The nonlinearity at t."""
    none = splat_like(t, _0)
    if act == RELU:
        return maximum(t, none)
    if act == RELU6:
        return minimum(maximum(t, none), splat_like(t, _6))
    if act == HARD_SWISH:
        three = splat_like(t, _3)
        middle = over(mul(t, add(t, three)), _6, _A_SIXTH)
        return where(t, splat_like(t, -_3), none, where(three, t, t, middle))
    return t


@helper
def slope(act, t, dy):
    """dy times the slope of the nonlinearity at t."""
    none = splat_like(t, _0)
    if act == RELU:
        return where(t, none, none, dy)
    if act == RELU6:
        return where(t, none, none, where(splat_like(t, _6), t, none, dy))
    if act == HARD_SWISH:
        three = splat_like(t, _3)
        middle = mul(dy, add(over(t, _3, _A_THIRD), splat_like(t, _HALF)))
        return where(t, splat_like(t, -_3), none, where(three, t, dy, middle))
    return dy


@part
def _normalize_some(like, x, columns, step, act, plus, adds, y, y_at, y_pitch, at, pitch, rows, c):
    """Sixteen or eight channels, as many as ``like`` has, of some rows: the columns stay in registers."""
    scale, shift = load_like(like, columns, SCALE * step + c), load_like(like, columns, SHIFT * step + c)
    for _ in range(rows):
        v = activate(act, fma(load_like(like, x, at), scale, shift))
        if adds:
            v = add(v, load_like(like, plus, at))
        store(v, y, y_at)
        at += pitch
        y_at += y_pitch


@helper
def normalize_rows(x, pitch, rows, C, columns, step, act, plus, adds, y, y_pitch):
    """``y = act(scale * x + shift)``, and ``+ plus`` if ``adds``; all are addresses of the first row.

    ``step`` is the length of the rows of ``columns``, ``pitch`` that of the rows of x and ``plus``, ``y_pitch`` of y's.
    """
    for p in range(0, rows, _GROUP):
        c, some, at, y_at = 0, min(_GROUP, rows - p), p * pitch, p * y_pitch
        while REGISTERS >= 32 and c + 16 <= C:
            like = load16(columns, 0)
            _normalize_some(like, x, columns, step, act, plus, adds, y, y_at + c, y_pitch, at + c, pitch, some, c)
            c += 16
        while c < C:
            like = load8(columns, 0)
            _normalize_some(like, x, columns, step, act, plus, adds, y, y_at + c, y_pitch, at + c, pitch, some, c)
            c += 8


@part
def _backward_some(like, dy, x, columns, step, act, dx, dx_at, pitch, at, rows, C, c):
    scale, shift = load_like(like, columns, SCALE * step + c), load_like(like, columns, SHIFT * step + c)
    tilt, offset = load_like(like, columns, SLOPE * step + c), load_like(like, columns, OFFSET * step + c)
    for _ in range(rows):
        v = load_like(like, x, at)
        d = slope(act, fma(v, scale, shift), load_like(like, dy, at))
        store(fma(d, scale, fma(v, tilt, offset)), dx, dx_at)
        at += C
        dx_at += pitch


@helper
def backward_rows(dy, x, rows, C, columns, step, act, dx, pitch):
    """dx of BatchNorm in training, for dy behind the nonlinearity; ``pitch`` is the length of dx's rows."""
    for p in range(0, rows, _GROUP):
        c, some = 0, min(_GROUP, rows - p)
        while REGISTERS >= 32 and c + 16 <= C:
            _backward_some(
                load16(columns, 0), dy, x, columns, step, act, dx, p * pitch + c, pitch, p * C + c, some, C, c
            )
            c += 16
        while c < C:
            _backward_some(
                load8(columns, 0), dy, x, columns, step, act, dx, p * pitch + c, pitch, p * C + c, some, C, c
            )
            c += 8


@part
def _sums_some(like, dy, x, columns, step, act, dgamma, dbeta, at, rows, C, c):
    scale, shift = load_like(like, columns, SCALE * step + c), load_like(like, columns, SHIFT * step + c)
    minus_mean = load_like(like, columns, MINUS_MEAN * step + c)
    by_gamma, by_beta = load_like(like, dgamma, c), load_like(like, dbeta, c)
    for _ in range(rows):
        v = load_like(like, x, at)
        d = slope(act, fma(v, scale, shift), load_like(like, dy, at))
        by_gamma, by_beta = fma(d, add(v, minus_mean), by_gamma), add(d, by_beta)
        at += C
    store(by_gamma, dgamma, c)
    store(by_beta, dbeta, c)


@helper
def sums_of_rows(dy, x, rows, C, columns, step, act, sums):
    """Add the rows' share of dgamma, but for the factor inv_std, and of dbeta to ``sums`` (2, C)."""
    dgamma, dbeta = sums, forward(sums, C)
    for p in range(0, rows, _GROUP):
        c, some = 0, min(_GROUP, rows - p)
        while REGISTERS >= 32 and c + 16 <= C:
            _sums_some(load16(columns, 0), dy, x, columns, step, act, dgamma, dbeta, p * C + c, some, C, c)
            c += 16
        while c < C:
            _sums_some(load8(columns, 0), dy, x, columns, step, act, dgamma, dbeta, p * C + c, some, C, c)
            c += 8


@part
def _statistics_some(like, x, mean, squares, rows, C, c):
    """As many columns as ``like`` has, in four sums, because each must wait for its own last term."""
    none = splat_like(like, _0)
    s0, s1, s2, s3, fours = none, none, none, none, rows // 4 * 4
    for r in range(0, fours, 4):
        at = r * C + c
        s0, s1 = add(s0, load_like(like, x, at)), add(s1, load_like(like, x, at + C))
        s2, s3 = add(s2, load_like(like, x, at + 2 * C)), add(s3, load_like(like, x, at + 3 * C))
    for r in range(fours, rows):
        s0 = add(s0, load_like(like, x, r * C + c))
    center = div(add(add(s0, s1), add(s2, s3)), splat_like(like, np.float32(rows)))
    s0, s1, s2, s3, minus = none, none, none, none, mul(center, splat_like(like, np.float32(-1)))
    for r in range(0, fours, 4):
        at = r * C + c
        a, b = add(load_like(like, x, at), minus), add(load_like(like, x, at + C), minus)
        s0, s1 = fma(a, a, s0), fma(b, b, s1)
        a, b = add(load_like(like, x, at + 2 * C), minus), add(load_like(like, x, at + 3 * C), minus)
        s2, s3 = fma(a, a, s2), fma(b, b, s3)
    for r in range(fours, rows):
        a = add(load_like(like, x, r * C + c), minus)
        s0 = fma(a, a, s0)
    store(center, mean, c)
    store(add(add(s0, s1), add(s2, s3)), squares, c)


@helper
def statistics_of_rows(x, rows, C, mean, squares):
    """The mean of every column, and the sum of the squares of what is off it."""
    c = 0
    while REGISTERS >= 32 and c + 64 <= C:
        _statistics_some(load64(x, 0), x, mean, squares, rows, C, c)
        c += 64
    while REGISTERS >= 32 and c + 16 <= C:
        _statistics_some(load16(x, 0), x, mean, squares, rows, C, c)
        c += 16
    while c < C:
        _statistics_some(load8(x, 0), x, mean, squares, rows, C, c)
        c += 8
