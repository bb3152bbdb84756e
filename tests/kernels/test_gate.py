"""What squeeze-and-excite does with whole images, on several threads."""

import numpy as np
from crew import assert_same_bits

from mobilenet_np.kernels.gate import add_everywhere, gated, gated_backward, sums_of_positions


def test_the_same_bits_on_any_number_of_threads(monkeypatch):
    """The tables of a small network are too little work to be shared out at all."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 5, 28, 28, 40)).astype(np.float32)
    g = rng.standard_normal((5, 40)).astype(np.float32)
    for run in (
        lambda: [sums_of_positions(x)],
        lambda: [gated(x, g)],
        lambda: gated_backward(dy, x, g),
        lambda: [add_everywhere(dy.copy(), g)],
    ):
        with monkeypatch.context() as each:
            assert_same_bits(run, each)
