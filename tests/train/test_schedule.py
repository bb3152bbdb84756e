"""The learning rate at both ends, in between, and where it must not be asked for."""

import math

import pytest

from mobilenet_np.train import cosine


def test_the_peak_is_the_last_step_of_the_warmup_and_the_first_after_it():
    assert cosine(9, total=100, warmup=10, peak=0.3) == 0.3
    assert cosine(10, total=100, warmup=10, peak=0.3) == 0.3
    assert max(cosine(step, 100, 10, 0.3) for step in range(101)) == 0.3


def test_endpoints():
    assert cosine(0, total=100, warmup=10, peak=0.3) == pytest.approx(0.03, rel=1e-15)
    assert cosine(0, total=100, warmup=0, peak=0.3) == 0.3
    assert cosine(100, total=100, warmup=10, peak=0.3) == 0
    assert 0 < cosine(99, total=100, warmup=10, peak=0.3) < 0.001


def test_the_middle_of_the_descent_is_half_the_peak():
    assert cosine(55, total=100, warmup=10, peak=0.3) == pytest.approx(0.15, rel=1e-15)


def test_warmup_is_a_straight_line_and_the_rest_half_a_cosine():
    for step in range(10):
        assert cosine(step, 40, 10, 2.0) == 2.0 * (step + 1) / 10
    for step in range(10, 41):
        assert math.acos(cosine(step, 40, 10, 2.0) - 1) == pytest.approx(math.pi * (step - 10) / 30, abs=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 10, 0, 0.1), "step is -1 of 10"),
        ((11, 10, 0, 0.1), "step is 11 of 10"),
        ((0, 10, 10, 0.1), "warmup is 10 steps of 10; it must be at least 0 and below the total"),
        ((0, 10, -1, 0.1), "warmup is -1 steps"),
        ((0, 0, 0, 0.1), "total is 0"),
        ((0, 10, 0, 0.0), "peak is 0.0"),
        ((0, 10, 0, math.nan), "peak is nan"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        cosine(*arguments)
