"""What other counters report, each as a sum of a network's columns: multiplications, biases, BatchNorm's outputs.

No two tools count the same, and what one counts depends on whose layers a network is built of: some ask for the exact
class of a layer, so that timm's BatchNorm, a class of its own, is nothing to them. The rules were read off the sources
of the tools (`VERSIONS`) and are exact; ``tests/parity/test_counters.py`` runs the tools on the real networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..tables import TABLES
from .rows import CostRow

if TYPE_CHECKING:
    from .total import Cost

VERSIONS = {
    "torchvision": "0.28.0",
    "timm": "1.0.31",
    "keras": "3.15.1",
    "torch": "2.13.0",
    "fvcore": "0.1.5.post20221221",
    "thop": "0.1.1-2209072238",
    "ptflops": "0.7.5",
    "torchinfo": "1.8.0",
    "calflops": "0.3.2",
}
# Whose networks the tools can be shown.
LAYERS = {model: ("timm",) if model == "v1" or "minimalistic" in model else ("torchvision", "timm") for model in TABLES}


class Rule(NamedTuple):
    """What one tool counts.

    Attributes
    ----------
    tool : str
    layers : str
        Whose layers the network is built of: "torchvision", "timm" or "keras".
    unit : str
        "MACs", "FLOPs" or "parameters", in the tool's own words.
    terms : dict
        Names of `columns`, and how often each is counted.
    note : str
        What is odd about it.
    """

    tool: str
    layers: str
    unit: str
    terms: dict[str, int]
    note: str = ""


def columns(cost: Cost) -> dict[str, int]:
    """What anybody counts in the forward pass of one image, and what nobody does.

    A squeeze-and-excite gate has a pool, a ReLU behind its hidden units, a hard sigmoid, and a multiplication.

    Examples
    --------
    >>> from mobilenet_np.costs import cost
    >>> v2 = columns(cost("v2"))
    >>> v2["MACs"], v2["biases"], v2["BatchNorm outputs"], v2["pool inputs"]
    (300774272, 1000, 6678112, 62720)
    """
    rows = cost.rows
    gates = [row for row in rows if row.op == "squeeze_excite"]
    pools = [row for row in rows if row.op == "global_average_pool"]
    stem, hidden, classifier = ([row for row in rows if row.name == name] for name in ("stem", "hidden", "classifier"))

    def outputs(act: str) -> int:
        return sum(row.elements_out for row in rows if row.act == act)

    return {
        "MACs": _sum(rows, "macs"),
        "MACs of the stem": _sum(stem, "macs"),
        "MACs of the classifier": _sum(classifier, "macs"),
        "weights": _sum(rows, "weights"),
        "weights of the classifier": _sum(classifier, "weights"),
        "biases": _sum(rows, "biases"),
        "biases of gates": _sum(gates, "biases"),
        "biases of the hidden layer": _sum(hidden, "biases"),
        "biases of the classifier": _sum(classifier, "biases"),
        "BatchNorm channels": _sum(rows, "bn_channels"),
        "BatchNorm outputs": sum(row.elements_out for row in rows if row.bn_channels),
        "ReLU outputs": outputs("relu") + _sum(gates, "squeeze"),
        "ReLU6 outputs": outputs("relu6"),
        "hard-swish outputs": outputs("hard_swish"),
        "hard-sigmoid outputs": _sum(gates, "c_in"),
        "pool inputs": _sum(pools, "elements_in"),
        "pool outputs": _sum(pools, "elements_out"),
        "gates' pool inputs": _sum(gates, "elements_in"),
        "gates' pool outputs": _sum(gates, "c_in"),
        "gates' multiplications": _sum(gates, "elements_in"),
        "residual additions": cost.residual_additions,
    }


def rules(model: str) -> Iterator[Rule]:
    """What every tool counts in a network.

    Parameters
    ----------
    model : str
        A name in `mobilenet_np.tables.TABLES`.

    Examples
    --------
    >>> next(rule.terms for rule in rules("v1") if rule.tool == "torchinfo")
    {'MACs': 1, 'biases': 1}
    """
    version = TABLES[model].version
    for layers in LAYERS[model]:
        for rule in (*_multiplications(layers, version), *_parameters(layers, version)):
            yield rule._replace(terms={name: times for name, times in rule.terms.items() if times})
    for tool, each in (("count_params()", 4), ("trainable parameters", 2)):
        yield Rule(tool, "keras", "parameters", {"weights": 1, "biases": 1, "BatchNorm channels": each})


def _multiplications(layers: str, version: str) -> Iterator[Rule]:
    # 1 if a tool that asks for the exact classes of PyTorch's layers finds this one, else 0.
    norm = gate_pool = int(layers == "torchvision")  # timm's gates call mean()
    classifier = _classifier_is_found(layers, version)
    pool = int((layers, version) != ("torchvision", "v2"))  # which calls a function
    hidden = int(layers == "timm")  # is a convolution there
    unseen = "" if classifier else "timm's classifier is of a class that it does not know"
    twice = "a layer and the function that it calls both count" if pool else ""

    def rule(tool: str, unit: str, terms: dict[str, int], note: str = "") -> Rule:
        return Rule(tool, layers, unit, terms, note)

    yield rule("torch FlopCounterMode", "FLOPs", {"MACs": 2}, "a product and its addition are two FLOPs")
    yield rule(
        "fvcore", "FLOPs",
        {"MACs": 1, "BatchNorm outputs": 2, "pool inputs": 1, "gates' pool inputs": gate_pool},
        "a product and its addition are one FLOP",
    )  # fmt: skip
    yield rule(
        "thop", "MACs",
        {"MACs": 1, "MACs of the classifier": classifier - 1, "BatchNorm outputs": 4 * norm, "pool inputs": pool,
         "pool outputs": pool, "gates' pool inputs": gate_pool, "gates' pool outputs": gate_pool},
        unseen,
    )  # fmt: skip
    yield rule(
        "ptflops, pytorch mode", "MACs",
        {"MACs": 1, "MACs of the classifier": classifier - 1, "biases": 1, "biases of the classifier": classifier - 1,
         "BatchNorm outputs": 2 * norm, "ReLU6 outputs": 1, "ReLU outputs": 2, "pool inputs": 1 + pool,
         "gates' pool inputs": 2 * gate_pool},
        ", ".join(filter(None, (unseen, twice))),
    )  # fmt: skip
    yield rule("ptflops, aten mode", "MACs", {"MACs": 1, "biases": 1})
    yield rule(
        "torchinfo", "MACs", {"MACs": 1, "biases": 1, "BatchNorm channels": 2 * norm},
        "gamma and beta of a channel count once an image" if norm else "",
    )  # fmt: skip
    yield rule("calflops' MACs", "MACs", {"MACs": 1})
    yield rule(
        "calflops' FLOPs", "FLOPs",
        {"MACs": 2, "biases of gates": 1, "biases of the hidden layer": hidden, "BatchNorm outputs": 2,
         "ReLU outputs": 1, "pool inputs": 1, "gates' pool inputs": gate_pool},
        "biases of convolutions alone; ReLU, but no ReLU6",
    )  # fmt: skip


def _parameters(layers: str, version: str) -> Iterator[Rule]:
    trainable = {"weights": 1, "biases": 1, "BatchNorm channels": 2}
    tools = ["fvcore", "ptflops", "torchinfo", "calflops"]
    if layers == "torchvision":
        tools += ["thop"]
    else:
        missing = _classifier_is_found(layers, version) - 1
        terms = {"weights": 1, "weights of the classifier": missing, "biases": 1, "biases of the classifier": missing}
        yield Rule("thop", layers, "parameters", terms, "timm's classes are not known to it")
    for tool in tools:
        yield Rule(tool, layers, "parameters", trainable)


def _classifier_is_found(layers: str, version: str) -> int:
    return int((layers, version) != ("timm", "v3"))  # a subclass of PyTorch's


def _sum(rows: Iterable[CostRow], name: str) -> int:
    return sum(getattr(row, name) for row in rows)
