"""The adjoint identity: for a linear F, <dy, F x> = <F* dy, x>. No derivative, no step, no tolerance to argue about."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import check
from .numerical import generator


class AdjointReport(NamedTuple):
    """The two inner products, and how far they are apart."""

    forward: float
    """<dy, F x>"""
    transpose: float
    """<F* dy, x>"""
    error: float
    """Their difference, relative to the sum of |dy * F x|."""
    tol: float
    seed: int

    @property
    def ok(self) -> bool:
        return self.error <= self.tol  # False for NaN

    def assert_ok(self) -> None:
        """Raise `AssertionError` with both numbers unless they agree."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "FAILED: the transpose is not the adjoint of the forward"
        return (
            f"adjoint_test, seed {self.seed}: {verdict}\n"
            f"<dy, F x> = {self.forward:.15g}, <F* dy, x> = {self.transpose:.15g}, "
            f"error {self.error:.1e}, tolerance {self.tol:.1e}"
        )


def adjoint_test(
    forward: Callable[[np.ndarray], np.ndarray],
    transpose: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray | tuple[int, ...],
    seed: int = 0,
    tol: float = 1e-13,
) -> AdjointReport:
    """Test that ``transpose`` is the adjoint of the linear map ``forward``: the backward pass of a linear op.

    One random pair (x, dy) tests every entry of the matrix at once. It sees a wrong dx, and a wrong dw as well if
    ``forward`` is taken as a function of w.

    Parameters
    ----------
    forward : callable
        x -> F x, linear (no bias).
    transpose : callable
        dy -> F* dy, of x's shape.
    x : array or tuple of int
        A float64 input, or the shape of a random one.
    seed : int
        For x (if only its shape is given) and dy.
    tol : float
        Allowed difference, relative to the sum of |dy * F x|. Rounding alone gives about 1e-15.

    Returns
    -------
    AdjointReport
        With ``ok``, ``assert_ok()`` and ``error``.

    Raises
    ------
    ValueError
        If ``transpose`` does not return x's shape.

    Examples
    --------
    >>> A = np.arange(6.0).reshape(2, 3)
    >>> adjoint_test(lambda x: A @ x, lambda dy: A.T @ dy, (3,)).ok
    True
    >>> adjoint_test(lambda x: np.cumsum(x), lambda dy: np.cumsum(dy), (3,)).ok  # the adjoint sums from the other end
    False
    """
    rng = generator(seed)
    if isinstance(x, tuple):
        x = rng.standard_normal(x)
    y = np.asarray(forward(x))
    dy = np.asarray(rng.standard_normal(y.shape))
    dx = np.asarray(transpose(dy))
    check(
        dx.shape == x.shape,
        f"adjoint_test: transpose returned shape {dx.shape} for x {x.shape}; the adjoint maps back to x's shape",
    )
    left, right, size = (float(np.sum(terms)) for terms in (dy * y, dx * x, np.abs(dy * y)))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = float(np.float64(abs(left - right)) / size) if left != right else 0.0
    return AdjointReport(left, right, error, tol, seed)
