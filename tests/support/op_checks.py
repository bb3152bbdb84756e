"""What the tests of the ops have in common."""

import contextlib

import numpy as np

from mobilenet_np.forms import FORMS as ALL_FORMS, HAVE_NUMBA, form
from mobilenet_np.geometry import same_padding

FORMS = [name for name in ALL_FORMS if name != "numba" or HAVE_NUMBA]
QUICK_FORMS = [name for name in FORMS if name != "loops"]

# (H, W, (kh, kw), stride, padding): odd, even and single-pixel images, windows that are not square or have an even
# number of taps, lopsided padding, and padding so wide that whole windows see nothing but zeros.
WINDOWS = [
    (1, 1, (1, 1), 1, ((0, 0), (0, 0))),
    (1, 1, (3, 3), 1, ((1, 1), (1, 1))),
    (5, 4, (3, 3), 1, ((1, 1), (1, 1))),
    (6, 7, (3, 3), 2, ((0, 1), (1, 1))),
    (7, 6, (5, 5), 2, ((2, 2), (1, 2))),
    (8, 9, (7, 7), 3, ((3, 3), (3, 3))),
    (4, 6, (1, 3), 1, ((0, 0), (2, 0))),
    (5, 5, (2, 4), 1, ((1, 0), (0, 3))),
    (5, 6, (1, 1), 2, ((0, 0), (0, 0))),
    (3, 2, (3, 3), 2, ((3, 4), (5, 0))),
]

# The windows of the MobileNets and one kernel more, over an even and an odd axis at once.
SAME_WINDOWS = [
    (6, 7, (kernel, kernel), stride, same_padding(6, 7, kernel, stride, style))
    for kernel in (1, 3, 5, 7)
    for stride in (1, 2, 3)
    for style in ("tf", "torch")
]


def normal(*shapes, seed=0, dtype=np.float64):
    """Normal arrays, one for each shape."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


def in_every_form(run, forms=FORMS):
    """{form: what ``run()`` returns in it, as a tuple of arrays}; without "numba" where Numba is not installed."""
    results = {}
    for name in forms:
        with form(name):
            result = run()
        results[name] = result if isinstance(result, tuple) else (result,)
    return results


def assert_forms_agree(run, rtol=0.0):
    """NumPy and Numba give what the definition gives: the same bits, or (rtol > 0) the same up to rounding."""
    results = in_every_form(run)
    for name in FORMS:
        for actual, expected in zip(results[name], results["loops"], strict=True):
            assert actual.shape == expected.shape
            assert actual.dtype == expected.dtype
            np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max(), err_msg=name)


def layouts(array):
    """The same values in other memory layouts: column-major, every second of a larger array, backwards."""
    wrong = np.nan if array.dtype.kind == "f" else -1
    spaced = np.full(tuple(2 * n for n in array.shape), wrong, array.dtype)[(slice(None, None, 2),) * array.ndim]
    spaced[...] = array
    backwards = np.flip(np.flip(array).copy())
    return [np.asfortranarray(array), spaced, backwards]


@contextlib.contextmanager
def unchanged(*arrays):
    """Fail if anything in the block writes into one of the arrays."""
    before = [array.copy() for array in arrays]
    yield
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def gamma(n, dtype):
    """The relative error of n roundings in a row: n u / (1 - n u).

    A sum of n products in whatever order, fused or not, is off by at most gamma(n) * sum of |x| |w|. Higham, Accuracy
    and Stability of Numerical Algorithms, 2nd ed., lemma 3.1 and eq. (3.5).
    """
    nu = n * np.finfo(dtype).eps / 2
    return nu / (1 - nu)


def assert_float32_within(run, arrays, roundings, forms=FORMS):
    """In float32 every form, or each of some, is within its rounding bound of the float64 result.

    ``run(*arrays)`` must be a sum of products of the arrays' entries. Applied to their absolute values it gives the
    sum of |x| |w|, so that each output number has a bound of its own. ``roundings``: for each output, how many
    roundings the longest of its terms goes through.
    """
    wide = [np.asarray(a, np.float64) for a in arrays]
    with form("numpy"):
        exact, sizes = (r if isinstance(r, tuple) else (r,) for r in (run(*wide), run(*map(np.abs, wide))))
    for name, results in in_every_form(lambda: run(*arrays), forms).items():
        for actual, reference, size, n in zip(results, exact, sizes, roundings, strict=True):
            assert actual.dtype == np.float32
            bound = (gamma(n, np.float32) + gamma(n, np.float64)) * size
            assert np.all(np.abs(actual - reference) <= bound), name


def assert_statistics(mean, var, x, rows):
    """Mean and variance of the columns of x (P, C), in float32 from pieces of so many rows, are within their bounds.

    The mean of a piece is four sums of a quarter of the rows, the rest, and a division. An error E in it is one in the
    mean of all, and moves what pieces are off the mean of all by no more: the variance by 2 E std + E^2, and by as much
    as E^2 again within the pieces.
    """
    x = x.astype(np.float64)
    relative = gamma(rows // 4 + 9, np.float32)  # 3 of the rest, 2 to add four sums, a division; a square; the last
    off, exact = relative * np.abs(x).max(axis=0), x.var(axis=0)
    assert np.all(np.abs(mean - x.mean(axis=0)) <= off)
    assert np.all(np.abs(var - exact) <= relative * exact + 2 * off * np.sqrt(exact) + 2 * off**2)
