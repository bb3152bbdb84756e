"""The real tools on the real networks say what `Cost.reconcile` rebuilds from the ledger's columns."""

import copy
import functools
import importlib.metadata
import re

import pytest

from mobilenet_np.costs import cost
from mobilenet_np.costs.accuracies import accuracies
from mobilenet_np.costs.counters import VERSIONS

from counters import NETWORKS, SIZES, TOOLS, network, run
from frameworks import import_torchvision, keras_net


def _rebuilt(layers, model, width, resolution):
    """{(tool, unit): value}"""
    readings = cost(model, width, resolution, convention=layers).reconcile().readings
    return {(reading.source, reading.unit): reading.value for reading in readings if reading.layers == layers}


def _of(tool, rebuilt):
    return {key: value for key, value in rebuilt.items() if re.match(rf"{tool}\b", key[0])}


# At full size one network of each version; `tests/costs/test_reconcile.py` has what was recorded for all of them.
LARGE = [("timm", "v1"), ("torchvision", "v2"), ("torchvision", "v3-large")]


@functools.cache
def _network(layers, model, width):
    return network(layers, model, width)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("layers", "model"), NETWORKS)
def test_tool(tool, layers, model):
    largest, *_, smallest = SIZES
    for width, resolution in [largest, smallest] if (layers, model) in LARGE else [smallest]:
        # A copy, for some tools leave something behind in the network.
        said = run(tool, copy.deepcopy(_network(layers, model, width)), resolution)
        versions = f"{tool} is {importlib.metadata.version(tool)}, the rules were read off {VERSIONS[tool]}"
        assert said == _of(tool, _rebuilt(layers, model, width, resolution)), versions


@pytest.mark.parametrize(("layers", "model"), NETWORKS)
def test_every_rule_is_tested(layers, model):
    rebuilt = _rebuilt(layers, model, 1.0, 224)
    assert len(rebuilt) == 13
    assert {key for tool in TOOLS for key in _of(tool, rebuilt)} == rebuilt.keys()


@pytest.mark.parametrize("model", ["v1", "v2", "v3-large", "v3-small-minimalistic"])
def test_keras(model):
    net = keras_net(model, 0.5, 1000)
    rebuilt = _rebuilt("keras", model, 0.5, 224)
    assert net.count_params() == rebuilt["count_params()", "parameters"]
    trainable = sum(weight.value.numel() for weight in net.trainable_weights)
    assert trainable == rebuilt["trainable parameters", "parameters"]


@pytest.mark.parametrize(
    ("model", "weights"),
    [("v2", "MobileNet_V2"), ("v3-large", "MobileNet_V3_Large"), ("v3-small", "MobileNet_V3_Small")],
)
def test_metadata_of_torchvisions_weights(model, weights):
    _, models = import_torchvision()
    total, published = cost(model, convention="torchvision"), {}
    for reading in total.reconcile().readings:
        if reading.source.startswith("torchvision"):
            published[reading.unit] = reading.printed
    for entry in getattr(models, f"{weights}_Weights"):
        name, meta = entry.name, entry.meta
        assert meta["num_params"] == total.params_trainable == round(float(published["parameters"]) * 1_000_000)
        assert meta["_ops"] == round(total.macs / 1e9, 3) == int(published["MACs"]) / 1000
        printed = [a.top1 for a in accuracies() if (a.convention, a.model, a.weights) == ("torchvision", model, name)]
        assert [float(top1) for top1 in printed] == [meta["_metrics"]["ImageNet-1K"]["acc@1"]]
