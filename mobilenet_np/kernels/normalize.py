"""BatchNorm in float32, together with the nonlinearity that follows it, in as few passes over memory as there can be.

Where tables are larger than the caches, reading and writing them is all the time there is: a pass takes the same
whether it computes much or little. By the definitions a training step takes fourteen reads and writes of a table for
BatchNorm and nonlinearity; here it takes eight::

    statistics   read x                           mean and variance of a piece while it is in the cache
    normalize    read x, write y                  y = act(gamma * xhat + beta)
    sums         read dy, x                       the nonlinearity's input is computed again, not kept
    backward     read dy, x, write dx

Between convolutions even these are not needed: see `chain`. Sums over positions are sums of pieces, whose size depends
on the table alone: they have the same bits on any number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine_code import cached_njit
from ..memory import empty
from .batch_norm_rows import (
    ACTS,
    backward_columns,
    backward_rows,
    columns_of,
    fill_columns,
    normalize_rows,
    room_for_columns,
    statistics_of_rows,
    sums_of_rows,
)
from .simd import address, forward
from .turns import in_turns, take_turns

_PIECE = 2**13  # numbers, 32 KB


class Pieces(NamedTuple):
    """Statistics of a table, piece by piece; see `together`.

    Attributes
    ----------
    found : (2, pieces, C) float32
        The mean of each piece's columns, and the sum of the squares of what is off it.
    P, rows : int
        A piece has so many rows, but for the last one of every P rows.
    """

    found: np.ndarray
    P: int
    rows: int


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and (biased) variance of every column of x (P, C)."""
    return together(*pieces_of(x))


def pieces_of(x: np.ndarray) -> Pieces:
    """What `statistics` are made of."""
    P, C = x.shape
    rows = max(1, _PIECE // C)
    found = np.zeros((2, -(-P // rows), C), np.float32)
    take_turns(_statistics, (x.reshape(-1), P, C, rows, found), found.shape[1], work=x.size)
    return Pieces(found, P, rows)


def normalize(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray) -> np.ndarray:
    """``gamma * ((x - mean) * inv_std) + beta`` for x (P, C)."""
    return finish(x, columns_of(gamma, beta, mean, inv_std), "", None)


def finish(x: np.ndarray, columns: np.ndarray, act: str, plus: np.ndarray | None) -> np.ndarray:
    """`normalize` with columns that are there already, and the nonlinearity; and ``plus`` (P, C) is added."""
    (P, C), adds = x.shape, plus is not None
    y = empty((P, C))
    flat = x.reshape(-1), C, columns, ACTS[act], (plus if adds else x).reshape(-1), adds, y.reshape(-1)
    take_turns(_normalize, flat, P, work=x.size)
    return y


def sums(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """dgamma and dbeta, for dy (P, C)."""
    return add_up(parts_of_sums(dy, x, columns_of(gamma, beta, mean, inv_std), ""), inv_std)


def parts_of_sums(dy: np.ndarray, x: np.ndarray, columns: np.ndarray, act: str) -> np.ndarray:
    """What `add_up` makes dgamma and dbeta of, for dy (P, C) behind the nonlinearity, from columns that are there
    already: (parts, 2, C)."""
    P, C = x.shape
    rows = max(64, -(-P // 64))
    parts = np.zeros((-(-P // rows), 2, C), np.float32)
    flat = dy.reshape(-1), x.reshape(-1), C, columns, ACTS[act], P, rows, parts.reshape(-1)
    take_turns(_sums, flat, len(parts), work=x.size)
    return parts


def backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, inv_std: np.ndarray,
    dgamma: np.ndarray, dbeta: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """dx of BatchNorm in training, for dy (P, C)."""
    columns = columns_of(gamma, beta, mean, inv_std)
    backward_columns(columns, inv_std, dgamma, dbeta, len(x))
    return backward_with(dy, x, columns, "")


def backward_with(dy: np.ndarray, x: np.ndarray, columns: np.ndarray, act: str) -> np.ndarray:
    """`backward` with columns that are there already, for dy behind the nonlinearity."""
    P, C = x.shape
    dx = empty((P, C))
    flat = dy.reshape(-1), x.reshape(-1), C, columns, ACTS[act], dx.reshape(-1)
    take_turns(_backward, flat, P, work=x.size)
    return dx


def add_up(parts: np.ndarray, inv_std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dgamma and dbeta from what `sums_of_rows` found in several parts (parts, 2, C)."""
    dgamma, dbeta = np.zeros_like(inv_std), np.zeros_like(inv_std)
    _add_up(parts, inv_std, dgamma, dbeta)
    return dgamma, dbeta


@cached_njit
def _add_up(parts, inv_std, dgamma, dbeta):
    for part in range(len(parts)):
        for c in range(inv_std.size):
            dgamma[c] += parts[part, 0, c]
        for c in range(inv_std.size):
            dbeta[c] += parts[part, 1, c]
    for c in range(inv_std.size):
        dgamma[c] *= inv_std[c]


# ---------------------------------------------------------------------------------------------------------------------
# Statistics: of pieces, then of all (Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
# Sample Variances, 1979)


@in_turns
def _statistics(x, P, C, rows, pieces, b0, b1):
    for b in range(b0, b1):
        start = forward(address(x), b * rows * C)
        statistics_of_rows(start, min(rows, P - b * rows), C, address(pieces[0, b]), address(pieces[1, b]))


def together(found: np.ndarray, P: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance from the means and squares (2, pieces, C) of pieces of ``rows`` positions each, but for the
    last of every P positions, which may have fewer."""
    mean, var = np.empty(found.shape[2], np.float32), np.empty(found.shape[2], np.float32)
    _together(found, P, rows, mean, var)
    return mean, var


@cached_njit
def _together(pieces, P, rows, batch_mean, batch_var):
    C = pieces.shape[2]
    mean, square = np.zeros(C), np.zeros(C)
    done, each = 0, (P + rows - 1) // rows
    for b in range(pieces.shape[1]):
        more = min(rows, P - b % each * rows)
        share = more / (done + more)
        for c in range(C):
            off = pieces[0, b, c] - mean[c]
            mean[c] += off * share
            square[c] += pieces[1, b, c] + off * off * (done * share)
        done += more
    batch_mean[:], batch_var[:] = mean, square / done


# ---------------------------------------------------------------------------------------------------------------------
# What a link of a chain does with its BatchNorm's columns between two kernels: little, but ten NumPy functions, whose
# code is gone from the caches by then, took as long as a small layer


def take_in(
    pieces: Pieces, gamma: np.ndarray, beta: np.ndarray, eps: float,
    running_mean: np.ndarray, running_var: np.ndarray, decay: float, unbiased: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Columns and 1 / standard deviation from a table's statistics, which also go into the running ones: see
    `mobilenet_np.ops.batch_norm_inference.running_statistics`."""
    columns, inv_std = room_for_columns(gamma.size), np.empty_like(gamma)
    _take_in(*pieces, gamma, beta, eps, running_mean, running_var, decay, unbiased, columns, inv_std)
    return columns, inv_std


@cached_njit
def _take_in(found, P, rows, gamma, beta, eps, running_mean, running_var, decay, unbiased, columns, inv_std):
    mean, var = np.empty_like(gamma), np.empty_like(gamma)
    _together(found, P, rows, mean, var)
    positions = found.shape[1] // ((P + rows - 1) // rows) * P
    correction = np.float32(positions / (positions - 1) if unbiased and positions > 1 else 1)
    stays, comes = np.float32(decay), np.float32(1 - decay)
    for c in range(mean.size):
        running_mean[c] = stays * running_mean[c] + comes * mean[c]
        running_var[c] = stays * running_var[c] + comes * (var[c] * correction)
    inv_std[:] = np.float32(1) / np.sqrt(var + np.float32(eps))
    fill_columns(columns, gamma, beta, mean, inv_std)


def take_running(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Columns and 1 / standard deviation from running statistics; None if some var + eps is not positive."""
    columns, inv_std = room_for_columns(gamma.size), np.empty_like(gamma)
    return (columns, inv_std) if _take_running(gamma, beta, mean, var, eps, columns, inv_std) else None


@cached_njit
def _take_running(gamma, beta, mean, var, eps, columns, inv_std):
    for c in range(gamma.size):
        square = var[c] + np.float32(eps)
        if square <= 0:
            return False
        inv_std[c] = np.float32(1) / np.sqrt(square)
    fill_columns(columns, gamma, beta, mean, inv_std)
    return True


def take_back(
    parts: np.ndarray, columns: np.ndarray, inv_std: np.ndarray, positions: int
) -> tuple[np.ndarray, np.ndarray]:
    """dgamma and dbeta, as `add_up` makes them, and the columns filled in for backward."""
    dgamma, dbeta = np.zeros_like(inv_std), np.zeros_like(inv_std)
    _take_back(parts, columns, inv_std, positions, dgamma, dbeta)
    return dgamma, dbeta


@cached_njit
def _take_back(parts, columns, inv_std, positions, dgamma, dbeta):
    _add_up(parts, inv_std, dgamma, dbeta)
    backward_columns(columns, inv_std, dgamma, dbeta, positions)


@in_turns
def _normalize(x, C, columns, act, plus, adds, y, p0, p1):
    at = p0 * C
    normalize_rows(
        forward(address(x), at), C, p1 - p0, C, address(columns), columns.shape[1], act,
        forward(address(plus), at), adds, forward(address(y), at), C,
    )  # fmt: skip


@in_turns
def _sums(dy, x, C, columns, act, P, rows, parts, b0, b1):
    for b in range(b0, b1):
        dy_rows, x_rows = forward(address(dy), b * rows * C), forward(address(x), b * rows * C)
        count, step = min(rows, P - b * rows), columns.shape[1]
        sums_of_rows(dy_rows, x_rows, count, C, address(columns), step, act, forward(address(parts), 2 * b * C))


@in_turns
def _backward(dy, x, C, columns, act, dx, p0, p1):
    at = p0 * C
    backward_rows(
        forward(address(dy), at), forward(address(x), at), p1 - p0, C, address(columns), columns.shape[1], act,
        forward(address(dx), at), C,
    )  # fmt: skip
