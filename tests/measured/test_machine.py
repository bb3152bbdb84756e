"""The roofline of a machine: its arithmetic is exact, its measurements are at least possible."""

import numpy as np
import pytest

from mobilenet_np import get_threads, set_threads
from mobilenet_np.kernels.peak import PER_ROUND, SUMS, multiply_adds
from mobilenet_np.measured import Machine, machine

HERE = Machine(2, macs_per_second=50e9, cache_bytes_per_second=100e9, memory_bytes_per_second=20e9)


@pytest.mark.parametrize(
    ("intensity", "memory", "cache"), [(0.1, 2e9, 10e9), (0.5, 10e9, 50e9), (2.5, 50e9, 50e9), (40, 50e9, 50e9)]
)
def test_roof(intensity, memory, cache):
    assert HERE.attainable(intensity) == pytest.approx(memory)
    assert HERE.attainable(intensity, cache=True) == pytest.approx(cache)


def test_says_how_many_threads():
    assert str(HERE) == "50 * 10^9 MACs a second with 2 threads, 100 GB/s in the cache, 20 GB/s from memory"
    assert "with 1 thread," in str(Machine(1, 1e9, 1e9, 1e9))


def test_measured_once_for_each_number_of_threads():
    try:
        set_threads(1)
        one = machine()
        assert one is machine()
        assert one.threads == 1
    finally:
        set_threads(None)
    assert machine().threads == get_threads()


def test_possible():
    """Slower than a tenth of a billion multiply-adds is no machine, faster than ten thousand billions neither."""
    found = machine()
    assert 1e8 < found.macs_per_second / found.threads < 1e13
    assert 1e8 < found.memory_bytes_per_second < 1e13
    assert found.cache_bytes_per_second > 1e8


def test_multiply_adds_are_made():
    """Each of the sums is multiplied and added to as often as said: nothing is optimized away."""
    starts = np.linspace(0, 1, SUMS).astype(np.float32)
    out = np.zeros(PER_ROUND // SUMS, np.float32)
    rounds = 7
    multiply_adds(np.array([0.5, 1.0, *starts], np.float32), rounds, out)
    expected = starts.astype(np.float64)
    for _ in range(rounds):
        expected = expected * 0.5 + 1.0
    np.testing.assert_allclose(out, np.full(out.shape, expected.sum()), rtol=1e-6)
