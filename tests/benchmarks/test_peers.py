"""The other libraries compute what ours does, where they are installed."""

import warnings

import numpy as np
import pytest

from benchmarks import peers, steps

X = np.random.default_rng(0).standard_normal((8, 64, 64, 3), np.float32)  # enough for BatchNorm in float32


@pytest.mark.parametrize("name", [name for name in peers.NAMES if name not in ("compile", "forward")])
def test_inference(name):
    net = peers.our_network("v3-small", 0.35, 10)
    if not peers.can_run(name, net):
        pytest.skip(f"needs what {name} needs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        calls = peers.contenders(net, X, 1, ("forward", name))
        peers.validate(calls)
    assert list(calls) == ["forward", name]


@pytest.mark.parametrize("name", ["torch NCHW", "torch NHWC", "keras"])
def test_training_step(name):
    net = peers.our_network("v3-small", 0.35, 10)
    if not peers.can_run(name, net):
        pytest.skip(f"needs what {name} needs")
    labels = np.arange(8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = steps.step(name, net, X, labels)()
    own = peers.under_keras(net) if name == "keras" else net
    steps.check_same(name, found, steps.our_step(own, X, labels)())
