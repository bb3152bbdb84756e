"""What each source calls our arrays, and how it lays them out.

One function a source gives the names of a row's convolution and BatchNorm (or of its two fully connected halves);
`entries` spells them out for a whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..architecture import Architecture, Row, unrolled
from ..convention import SOURCES
from ..errors import check, check_choice
from ..tables import TABLES


class Entry(NamedTuple):
    """One array: our name, the source's name, and the two ways between the layouts."""

    ours: str
    theirs: str
    to_theirs: Callable[[np.ndarray], np.ndarray]
    to_ours: Callable[[np.ndarray], np.ndarray]


def entries(net: Architecture, source: str) -> list[Entry]:
    """All arrays of a network in the order of its rows.

    Parameters
    ----------
    net : Architecture
    source : {"tf", "keras", "torchvision", "timm"}

    Examples
    --------
    >>> from mobilenet_np.architecture import architecture
    >>> for entry in entries(architecture("v2"), "torchvision")[5:7]:
    ...     print(entry.ours, entry.theirs)
    block1.depthwise.conv.w features.1.conv.0.0.weight
    block1.depthwise.bn.gamma features.1.conv.0.1.weight
    """
    check_choice("weights", "source", source, SOURCES)
    check((source, net.convention.version) in _PREFIXES, f"weights: {source} has no Mobilenet{net.model.upper()}")
    prefixes = _PREFIXES[source, net.convention.version](net)
    return [entry for row in net.rows for entry in _row_entries(row, source, prefixes)]


def _row_entries(row: Row, source: str, prefixes: dict[str, tuple[str, ...]]) -> Iterator[Entry]:
    torch = source in ("torchvision", "timm")
    layouts = _TORCH_LAYOUTS if torch else _TF_LAYOUTS
    words = _WORDS["torch" if torch else source]
    name = row.name

    def entry(ours: str, prefix: str, word: str, layout: str) -> Entry:
        return Entry(ours, f"{prefix}{'.' if torch else '/'}{words[word]}", *layouts[layout])

    if row.batch_norm:
        conv, bn = prefixes[name]
        kind = {"conv2d": "kernel", "depthwise_conv2d": "depthwise", "pointwise_conv2d": "matrix_as_kernel"}[row.op]
        yield entry(f"{name}.conv.w", conv, "depthwise" if kind == "depthwise" else "w", kind)
        for ours in ("gamma", "beta", "mean", "var"):
            yield entry(f"{name}.bn.{ours}", bn, ours, "vector")
    elif row.op == "squeeze_excite":
        for i, prefix in enumerate(prefixes[name], start=1):
            yield entry(f"{name}.w{i}", prefix, "w", "matrix_as_kernel")
            yield entry(f"{name}.b{i}", prefix, "b", "vector")
    elif row.op == "linear":
        (prefix,) = prefixes[name]
        ours = f"{name}.linear" if row.act else name
        yield entry(f"{ours}.w", prefix, "w", "matrix_as_kernel" if prefix in _LINEAR_AS_CONV else "matrix")
        yield entry(f"{ours}.b", prefix, "b", "vector")


# ---------------------------------------------------------------------------------------------------------------------
# Layouts: ours are (kh, kw, C_in, C_out), (kh, kw, C), (C_in, C_out), (C,)

_TORCH_LAYOUTS = {
    "kernel": (lambda w: w.transpose(3, 2, 0, 1), lambda w: w.transpose(2, 3, 1, 0)),
    "depthwise": (lambda w: w.transpose(2, 0, 1)[:, None], lambda w: w[:, 0].transpose(1, 2, 0)),
    "matrix_as_kernel": (lambda w: w.T[:, :, None, None], lambda w: w[:, :, 0, 0].T),
    "matrix": (lambda w: w.T, lambda w: w.T),
    "vector": (lambda w: w, lambda w: w),
}
_TF_LAYOUTS = {
    "kernel": (lambda w: w, lambda w: w),
    "depthwise": (lambda w: w[..., None], lambda w: w[..., 0]),
    "matrix_as_kernel": (lambda w: w[None, None], lambda w: w[0, 0]),
    "matrix": (lambda w: w, lambda w: w),
    "vector": (lambda w: w, lambda w: w),
}
# Fully connected layers that their source writes as 1x1 convolutions.
_LINEAR_AS_CONV = {
    "conv_head",  # timm V3
    "conv_preds",  # keras V1
    "conv_2",  # keras V3
    "logits",  # keras V3
    *(f"Mobilenet{v}/Logits/Conv2d_1c_1x1" for v in ("V1", "V2", "V3")),
    "MobilenetV3/Conv_2",
}

_WORDS = {
    "torch": dict(
        w="weight", depthwise="weight", b="bias", gamma="weight", beta="bias", mean="running_mean", var="running_var"
    ),
    "keras": dict(
        w="kernel", depthwise="kernel", b="bias", gamma="gamma", beta="beta", mean="moving_mean", var="moving_variance"
    ),
    "tf": dict(
        w="weights",
        depthwise="depthwise_weights",
        b="biases",
        gamma="BatchNorm/gamma",
        beta="BatchNorm/beta",
        mean="BatchNorm/moving_mean",
        var="BatchNorm/moving_variance",
    ),
}


# ---------------------------------------------------------------------------------------------------------------------
# Names: {row: (convolution, BatchNorm)}, {gate: (first, second)}, {fully connected: (layer,)}


def _torchvision_v2(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {"stem": ("features.0.0", "features.0.1"), "classifier": ("classifier.1",)}
    for i, block in enumerate(net.blocks, start=1):
        *wide, project = block.rows
        for j, row in enumerate(wide):
            names[row.name] = (f"features.{i}.conv.{j}.0", f"features.{i}.conv.{j}.1")
        j = len(wide)
        names[project.name] = (f"features.{i}.conv.{j}", f"features.{i}.conv.{j + 1}")
    last = len(net.blocks) + 1
    return names | {"head": (f"features.{last}.0", f"features.{last}.1")}


def _torchvision_v3(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {
        "stem": ("features.0.0", "features.0.1"),
        "hidden": ("classifier.0",),
        "classifier": ("classifier.3",),
    }
    for i, block in enumerate(net.blocks, start=1):
        for j, row in enumerate(block.rows):
            halves = ("fc1", "fc2") if row.op == "squeeze_excite" else ("0", "1")
            names[row.name] = tuple(f"features.{i}.block.{j}.{half}" for half in halves)
    last = len(net.blocks) + 1
    return names | {"head": (f"features.{last}.0", f"features.{last}.1")}


def _timm(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {"stem": ("conv_stem", "bn1"), "hidden": ("conv_head",), "classifier": ("classifier",)}
    stage, place, channels = -1, 0, 0
    for block, line in zip(net.blocks, unrolled(TABLES[net.model].rows), strict=True):
        # A stage is a run of blocks of one size in the paper's table (their scaled sizes may coincide).
        stage, place = (stage, place + 1) if line.channels == channels else (stage + 1, 0)
        channels = line.channels
        prefix = f"blocks.{stage}.{place}"
        expands = block.rows[0].name.endswith("expand")
        convs = iter(("conv_pw", "conv_dw", "conv_pwl") if expands else ("conv_dw", "conv_pw"))
        bns = iter(("bn1", "bn2", "bn3"))
        for row in block.rows:
            pair = ("se.conv_reduce", "se.conv_expand") if row.op == "squeeze_excite" else (next(convs), next(bns))
            names[row.name] = tuple(f"{prefix}.{half}" for half in pair)
    head = (f"blocks.{stage + 1}.0.conv", f"blocks.{stage + 1}.0.bn1")
    return names | {"head": head if net.convention.version == "v3" else ("conv_head", "bn2")}


def _keras_v1(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {"stem": ("conv1", "conv1_bn"), "classifier": ("conv_preds",)}
    for i, block in enumerate(net.blocks, start=1):
        for row, short in zip(block.rows, ("dw", "pw"), strict=True):
            names[row.name] = (f"conv_{short}_{i}", f"conv_{short}_{i}_bn")
    return names


def _keras_v2(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {"stem": ("Conv1", "bn_Conv1"), "head": ("Conv_1", "Conv_1_bn"), "classifier": ("predictions",)}
    for i, block in enumerate(net.blocks):
        prefix = f"block_{i}" if i else "expanded_conv"
        for row in block.rows:
            part = f"{prefix}_{row.name.rpartition('.')[2]}"
            names[row.name] = (part, f"{part}_BN")
    return names


def _keras_v3(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {
        "stem": ("conv", "conv_bn"),
        "head": ("conv_1", "conv_1_bn"),
        "hidden": ("conv_2",),
        "classifier": ("logits",),
    }
    for i, block in enumerate(net.blocks):
        prefix = f"expanded_conv_{i}" if i else "expanded_conv"
        for row in block.rows:
            part = f"{prefix}_{row.name.rpartition('.')[2]}"
            gate = row.op == "squeeze_excite"
            names[row.name] = (f"{part}_conv", f"{part}_conv_1") if gate else (part, f"{part}_bn")
    return names


def _slim_v1(net: Architecture) -> dict[str, tuple[str, ...]]:
    names = {"stem": ("MobilenetV1/Conv2d_0",) * 2, "classifier": ("MobilenetV1/Logits/Conv2d_1c_1x1",)}
    for i, block in enumerate(net.blocks, start=1):
        for row in block.rows:
            names[row.name] = (f"MobilenetV1/Conv2d_{i}_{row.name.rpartition('.')[2]}",) * 2
    return names


def _slim(net: Architecture) -> dict[str, tuple[str, ...]]:
    scope = f"Mobilenet{net.convention.version.upper()}"
    names = {
        "stem": (f"{scope}/Conv",) * 2,
        "head": (f"{scope}/Conv_1",) * 2,
        "hidden": (f"{scope}/Conv_2",),
        "classifier": (f"{scope}/Logits/Conv2d_1c_1x1",),
    }
    for i, block in enumerate(net.blocks):
        prefix = f"{scope}/expanded_conv_{i}" if i else f"{scope}/expanded_conv"
        for row in block.rows:
            part = f"{prefix}/{row.name.rpartition('.')[2]}"
            names[row.name] = (f"{part}/Conv", f"{part}/Conv_1") if row.op == "squeeze_excite" else (part,) * 2
    return names


_PREFIXES = {
    ("torchvision", "v2"): _torchvision_v2,
    ("torchvision", "v3"): _torchvision_v3,
    ("timm", "v1"): _timm,
    ("timm", "v2"): _timm,
    ("timm", "v3"): _timm,
    ("keras", "v1"): _keras_v1,
    ("keras", "v2"): _keras_v2,
    ("keras", "v3"): _keras_v3,
    ("tf", "v1"): _slim_v1,
    ("tf", "v2"): _slim,
    ("tf", "v3"): _slim,
}
