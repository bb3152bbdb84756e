"""Times: of the layers that there are, in seconds, leaving the network as it was."""

import time

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.measured import latency, layer_seconds
from mobilenet_np.measured.latency import _times


def test_every_layer_has_a_time():
    net = mn.build("v3-small", width=0.35, classes=10)
    seconds = layer_seconds(net, (32, 48), seconds=0)
    assert list(seconds) == [row.name for row in net.architecture.rows]
    assert all(s > 0 for s in seconds.values())


def test_layers_run_as_before_afterwards():
    net = mn.build("v1", width=0.25, classes=10)
    layer_seconds(net, 32, seconds=0)
    assert not any("forward" in vars(leaf) for _, leaf in net.walk())
    with pytest.raises(ValueError, match="images must be at least 32x32"):
        layer_seconds(net, 16)
    assert not any("forward" in vars(leaf) for _, leaf in net.walk())


def test_a_slow_layer_is_found():
    net = mn.build("v1", width=0.25, classes=10)
    slow = dict(net.walk())["block3.depthwise.conv"]
    run = slow.forward

    def forward(x, train=False):
        time.sleep(0.03)
        return run(x, train)

    slow.forward = forward
    seconds = layer_seconds(net, 32, seconds=0)
    assert max(seconds, key=seconds.get) == "block3.depthwise"


def test_latency_is_in_milliseconds():
    net = mn.build("v2", width=0.35, classes=10)
    fast, x = mn.compile(net), np.zeros((1, 64, 32, 3), np.float32)
    times = _times(lambda: fast(x), 0.05)
    assert len(times) >= 5
    assert min(times) / 20 < latency(net, (64, 32), seconds=0.05) / 1e3 < 20 * max(times)
