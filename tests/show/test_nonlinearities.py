"""What is drawn of a nonlinearity is what its op computes."""

import numpy as np
import pytest

from mobilenet_np import show
from mobilenet_np.show.nonlinearities import FUNCTIONS

SLOPES = {  # between the kinks, in closed form
    "relu": lambda x: 1.0 * (x > 0),
    "relu6": lambda x: 1.0 * ((x > 0) & (x < 6)),
    "sigmoid": lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    "hard_sigmoid": lambda x: (np.abs(x) < 3) / 6,
    "hard_swish": lambda x: np.where(np.abs(x) < 3, x / 3 + 1 / 2, x > 0),
}
AT_KINKS = {  # as TensorFlow and PyTorch have it
    "relu": [(0, 0)],
    "relu6": [(0, 0), (6, 0)],
    "sigmoid": [],
    "hard_sigmoid": [(-3, 0), (3, 0)],
    "hard_swish": [(-3, 0), (3, 1)],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_curves(name):
    (ax,) = show.nonlinearities([name])
    kinks = AT_KINKS[name]
    lines = [line.get_xydata() for line in ax.lines]
    function, pieces, dots = lines[0], lines[1 : len(kinks) + 2], lines[len(kinks) + 2 :]
    x, slopes = np.concatenate(pieces).T
    np.testing.assert_allclose(slopes, SLOPES[name](x), rtol=1e-12)
    np.testing.assert_array_equal(np.reshape(dots, (-1, 2)), np.reshape(kinks, (-1, 2)))
    x, y = function.T
    smooth = np.all([x[1:] > x[:-1], *((x[1:] < kink) | (x[:-1] > kink) for kink, _ in kinks)], axis=0)
    differences, between = np.diff(y) / np.diff(x), (x[1:] + x[:-1]) / 2
    np.testing.assert_allclose(differences[smooth], SLOPES[name](between)[smooth], atol=2e-5)


def test_axes_are_used():
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2)
    assert show.nonlinearities(["relu", "relu6"], axes)[1] is axes[1]


def test_unknown_name():
    with pytest.raises(ValueError, match="swish"):
        show.nonlinearities(["swish"])
