"""Softmax and cross entropy in one op: from scores to probabilities to the loss.

The paper's formulas (section 7) and their translation::

    p(k) = exp(z_k) / sum over i of exp(z_i)           p[n] = softmax of z = logits[n]
    q(k) = (1 - eps) * delta(k, y) + eps / K           q[n] = smoothed one-hot vector of labels[n], eps = smoothing
    l    = - sum over k  of  q(k) * log p(k)           loss = mean over n of l[n]
    dl/dz_k = p(k) - q(k)                              dlogits[n] = dloss * (p[n] - q[n]) / N

Softmax and cross entropy are one op for two reasons. The gradient of the pair is a difference, while the softmax alone
needs a K x K Jacobian. And log p(k) = z_k - log(sum over i of exp(z_i)) never takes the logarithm of a probability that
has underflowed to zero. Adding a constant to all logits changes nothing, so the largest is subtracted first: no
exponential can then overflow.

Label smoothing (eps > 0) asks for a little of every class, which keeps the logits from growing without bound.

MACs: none that the papers count.

Source: Szegedy et al., Rethinking the Inception Architecture, arXiv:1512.00567, section 7.
"""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np

from ..errors import InputTypeError, as_cache, check, check_array, check_shape
from ..forms import choose, compiled
from ..memory import empty
from ._common import describe

# ---------------------------------------------------------------------------------------------------------------------
# The definition


def _forward_loops(logits, q):
    N, K = logits.shape
    loss, p = logits.dtype.type(0), np.zeros_like(logits)
    for n in range(N):
        top = max(logits[n, k].real for k in range(K))
        total = 0
        for k in range(K):
            total += np.exp(logits[n, k] - top)
        log_total = np.log(total)
        for k in range(K):
            log_p = logits[n, k] - top - log_total
            loss -= q[n, k] * log_p
            p[n, k] = np.exp(log_p)
    return loss / N, p


def _backward_loops(dloss, p, q):
    dlogits = np.zeros_like(p)
    for n, k in np.ndindex(*p.shape):
        dlogits[n, k] = dloss * (p[n, k] - q[n, k]) / len(p)
    return dlogits


# ---------------------------------------------------------------------------------------------------------------------
# NumPy: all samples at once


def _forward_numpy(logits, q):
    shifted = logits - logits.real.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(q * log_p).sum() / len(q), np.exp(log_p)


def _backward_numpy(dloss, p, q):
    return dloss * (p - q) / len(p)


# ---------------------------------------------------------------------------------------------------------------------
# Numba: the loops again


def _forward_numba(logits, q):
    p = empty(logits.shape, logits.dtype)
    loss = _forward_kernel(np.ascontiguousarray(logits), q, p)
    return logits.dtype.type(loss), p


def _backward_numba(dloss, p, q):
    dlogits = empty(p.shape, p.dtype)
    _backward_kernel(dloss, p, q, dlogits)
    return dlogits


@compiled
def _forward_kernel(logits, q, p):
    N, K = logits.shape
    loss = 0.0
    for n in range(N):
        top = logits[n, 0]
        for k in range(1, K):
            top = max(top, logits[n, k])
        total = 0.0
        for k in range(K):
            total += np.exp(logits[n, k] - top)
        log_total = np.log(total)
        for k in range(K):
            log_p = logits[n, k] - top - log_total
            loss -= q[n, k] * log_p
            p[n, k] = np.exp(log_p)
    return loss / N


@compiled
def _backward_kernel(dloss, p, q, dlogits):
    N, K = p.shape
    for n in range(N):
        for k in range(K):
            dlogits[n, k] = dloss * (p[n, k] - q[n, k]) / N


# ---------------------------------------------------------------------------------------------------------------------
# The public pair


class SoftmaxCrossEntropyCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    p: np.ndarray  # (N, K), the probabilities
    q: np.ndarray  # (N, K), the targets

    __repr__ = describe


def softmax_cross_entropy_forward(
    logits: np.ndarray, labels: np.ndarray, smoothing: float = 0.0
) -> tuple[np.floating, SoftmaxCrossEntropyCache]:
    """Mean cross entropy between the labels and the softmax of the logits.

    Parameters
    ----------
    logits : (N, K) float
        A finite score for every class.
    labels : (N,) int
        The right class of every sample, 0 ... K - 1.
    smoothing : float
        Share of the target, in [0, 1], that is spread evenly over all K classes (the right one included).

    Returns
    -------
    loss : scalar of logits' dtype
        In nats: log(K) for a network that knows nothing.
    cache : SoftmaxCrossEntropyCache
        Holds the probabilities, ``cache.p``.

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes do not fit together, a label is not a class, or smoothing is not in [0, 1].

    Examples
    --------
    >>> logits, labels = np.log(np.array([[0.5, 0.25, 0.25]])), np.array([1])
    >>> loss, cache = softmax_cross_entropy_forward(logits, labels)
    >>> bool(np.isclose(loss, np.log(4)))
    True
    >>> cache.p.round(6)
    array([[0.5 , 0.25, 0.25]])
    """
    op = "softmax_cross_entropy"
    check_array(op, "logits", logits, "N K")
    _check_labels(op, labels, logits)
    number = isinstance(smoothing, numbers.Real) and not isinstance(smoothing, bool)
    check(number and 0 <= smoothing <= 1, f"{op}: smoothing is {smoothing!r}; it must be a number from 0 to 1")
    N, K = logits.shape
    q = np.full((N, K), smoothing / K, logits.real.dtype)
    q[np.arange(N), labels] += 1 - smoothing
    run = choose(_forward_loops, _forward_numpy, _forward_numba, logits.dtype)
    loss, p = run(logits, q)
    return loss, SoftmaxCrossEntropyCache(p, q)


def softmax_cross_entropy_backward(dloss: float, cache: SoftmaxCrossEntropyCache) -> np.ndarray:
    """Gradient of `softmax_cross_entropy_forward` with respect to the logits.

    Parameters
    ----------
    dloss : scalar
        Gradient of whatever is minimized with respect to the loss: 1 if that is the loss itself.
    cache : SoftmaxCrossEntropyCache

    Returns
    -------
    dlogits : (N, K) float
        Every row sums to zero.

    Examples
    --------
    >>> logits, labels = np.log(np.array([[0.5, 0.25, 0.25]])), np.array([1])
    >>> loss, cache = softmax_cross_entropy_forward(logits, labels)
    >>> softmax_cross_entropy_backward(1.0, cache).round(6)
    array([[ 0.5 , -0.75,  0.25]])
    """
    op = "softmax_cross_entropy_backward"
    p, q = as_cache(op, cache, SoftmaxCrossEntropyCache)
    if not isinstance(dloss, (numbers.Number, np.ndarray)):
        raise InputTypeError(f"{op}: dloss is a {type(dloss).__name__}; it must be a number")
    check(np.ndim(dloss) == 0, f"{op}: dloss has shape {np.shape(dloss)}, expected (); the loss is a single number")
    run = choose(_backward_loops, _backward_numpy, _backward_numba, p.dtype)
    return run(p.dtype.type(dloss), p, q)


def _check_labels(op, labels, logits):
    N, K = logits.shape
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        seen = labels.dtype if isinstance(labels, np.ndarray) else f"a {type(labels).__name__}"
        raise InputTypeError(f"{op}: labels is {seen}; it must be a NumPy array of integers")
    check_shape(op, "labels", labels, (N,), f"logits {logits.shape} need one label per sample")
    check(
        labels.min() >= 0 and labels.max() < K,
        f"{op}: labels reach from {labels.min()} to {labels.max()}; logits {logits.shape} allow 0 to {K - 1}",
    )
