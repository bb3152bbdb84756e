"""How far float32 may be off: numbers that know their own rounding error.

`Rounded` computes with pairs: the value in float64, and a bound on how far the same formula in float32 can be from it.
Every operation first passes on the errors of its operands, then adds one rounding of its result, which is off by at
most u = 2^-24 times its size. A test writes down the op's formula once more, and gets a bound for each single output
number out of the number of operations and the sizes that really occurred. Fused multiply-adds and other orders of a sum
only save roundings or permute them: the bound covers them.

Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3, "running error analysis".
"""

import numpy as np

U = 2.0**-24 + 2.0**-53  # float32, and the reference in float64 is rounded too


class Rounded:
    """Values and bounds on their errors. A Python number is a constant, which float32 may not hold exactly."""

    def __init__(self, value, error=None):
        if isinstance(value, np.ndarray):
            assert error is not None or np.array_equal(value.astype(np.float32), value, equal_nan=True)
        self.value = np.asarray(value, np.float64)
        self.error = np.abs(self.value - np.float32(value)) if error is None else error

    @property
    def size(self):
        return np.abs(self.value) + self.error

    def _round(self, value, error, roundings=1):
        return Rounded(np.asarray(value), error + roundings * U * (np.abs(value) + error))

    def __add__(self, other):
        other = _lift(other)
        return self._round(self.value + other.value, self.error + other.error)

    def __sub__(self, other):
        return self + (-_lift(other))

    def __mul__(self, other):
        other = _lift(other)
        error = self.error * other.size + np.abs(self.value) * other.error
        return self._round(self.value * other.value, error)

    def __truediv__(self, other):
        other = _lift(other)
        value = self.value / other.value
        smallest = np.abs(other.value) - other.error
        assert np.all(smallest > 0)
        return self._round(value, (self.error + np.abs(value) * other.error) / smallest)

    def __neg__(self):
        return Rounded(-self.value, self.error)

    def __rsub__(self, other):
        return _lift(other) - self

    def __rtruediv__(self, other):
        return _lift(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other):
        value, n = self.value @ other.value, self.value.shape[-1]
        sizes = self.size @ other.size
        error = self.error @ other.size + np.abs(self.value) @ other.error
        return Rounded(value, error + gamma(n) * sizes)

    def __getitem__(self, index):
        return Rounded(self.value[index], self.error[index])

    @property
    def T(self):
        return Rounded(self.value.T, self.error.T)

    def sum(self, axis):
        """n terms, added one after the other: n - 1 roundings."""
        value = self.value.sum(axis)
        n = self.value.size // value.size
        return Rounded(value, self.error.sum(axis) + gamma(n - 1) * self.size.sum(axis))

    def mean(self, axis):
        total = self.sum(axis)
        return total / (self.value.size // total.value.size)

    def sqrt(self):
        value = np.sqrt(self.value)
        return self._round(value, self.error / value)

    def exp(self):
        """Libraries' float32 exponentials are within 4 ulp, which is 8 u."""
        value = np.exp(self.value)
        return self._round(value, value * np.expm1(self.error), roundings=8)

    def assert_holds(self, actual, name=""):
        """``actual``, computed in float32, is within the bound."""
        assert actual.dtype == np.float32, name
        assert actual.shape == self.value.shape, name
        excess = np.abs(actual - self.value) - self.error
        assert np.all(excess <= 0), f"{name}: off by {excess.max():.1e} more than {self.error[excess > 0]}"


def where(condition, a, b):
    """Piece by piece. The condition must not depend on rounded numbers."""
    a, b = _lift(a), _lift(b)
    return Rounded(np.where(condition, a.value, b.value), np.where(condition, a.error, b.error))


def gamma(n):
    """The relative error of n roundings in a row: n u / (1 - n u)."""
    return n * U / (1 - n * U)


def _lift(x):
    return x if isinstance(x, Rounded) else Rounded(x)
