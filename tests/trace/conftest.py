"""Traces of small networks in float64 that several tests look at."""

import functools

import numpy as np
import pytest

from mobilenet_np import build, trace

LABELS = np.array([3, 7])


def images(seed=0, shape=(2, 64, 48, 3), dtype="float64"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def network(model):
    """Dropout strong enough to be seen, and no parameter at the round value that it starts with."""
    net = build(model, width=0.35, classes=10, dtype="float64", dropout=0.5)
    rng = np.random.default_rng(1)
    for array in net.params.values():
        array += 0.1 * rng.normal(size=array.shape)
    return net


@functools.cache
def _traced(model):
    return trace(network(model), images(), LABELS)


@pytest.fixture
def traced():
    """Traces by model, each computed once."""
    return _traced
