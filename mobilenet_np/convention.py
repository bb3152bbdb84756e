"""Every way in which the released implementations of one paper differ.

Weights only mean something together with the choices they were trained under: which pixels a stride-2 window covers,
how a channel count rounds, how much BatchNorm adds to a variance. `convention` gives them for one source and version::

    >>> convention("keras", "v2").padding, convention("torchvision", "v2").padding
    ('tf', 'torch')
    >>> convention("keras", "v2").bn_eps, convention("torchvision", "v2").bn_eps
    (0.001, 1e-05)

Read off tensorflow/models research/slim/nets (tf), keras 3.15 ``applications``, torchvision 0.28 ``models`` and timm
1.0.31 ``models``. A convention of your own: ``dataclasses.replace(convention("tf", "v2"), bn_eps=1e-5)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import check, check_choice

SOURCES = ("tf", "keras", "torchvision", "timm")

_UNIT = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # pixels to [-1, 1]
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's own mean and standard deviation


@dataclass(frozen=True)
class Convention:
    """The choices of one implementation for one version of MobileNet.

    Attributes
    ----------
    source, version : str
        "tf" (TF-slim), "keras", "torchvision" or "timm"; "v1", "v2" or "v3".
    padding : {"tf", "torch"}
        Style of "same"; see `mobilenet_np.geometry.same_pad`.
    depthwise_padding : {"tf", "torch", "tf-even"}
        The same for stride-2 depthwise layers: Keras V1 pads as if every size were even. (So do its V2 and V3 when they
        are built without ``input_shape``, V3's default: ``dataclasses.replace(rules, depthwise_padding="tf-even")``.)
    rounding : {"divisible", "int_divisible", "int", "int_min8"}
        How channels * width becomes an integer: to multiples of 8; truncated and then to multiples of 8; truncated;
        truncated but at least 8.
    stem : {"scaled", "fixed", "fixed_below_0.75"}
        Whether the width multiplier applies to the first convolution.
    expansion : {"ratio", "ratio_2_decimals", "scaled"}
        V3's expanded channels: the table's ratio times the scaled input, exact or with the ratio printed to two
        decimals (3.67), or the table's size scaled by itself.
    last : {"grow", "scaled", "six_times"}
        The 1x1 convolution before the pool: never below the table's, scaled like the rest, or six times its input.
    hidden : {"grow", "scaled", "fixed"}
        The fully connected layer after V3's pool.
    bn_eps : float
    bn_decay : float
        ``running = decay * running + (1 - decay) * batch``.
    unbiased_variance : bool
        Whether the running variance averages N / (N - 1) times the batch's variance.
    dropout : float
        Rate before the classifier.
    gate_slope : float
        Slope of the hard sigmoid in squeeze-and-excite: 1/6, or slim's 0.16667.
    gate_gradient_slope : float
        The same in the backward pass. PyTorch writes 1/6 as a float32 number there, in float64 networks too: gradients
        through its gates are too large by 3 parts in 10**8, and so are ours under its conventions.
    initialization : {"truncated_normal", "glorot_uniform", "he_fan_out"}
    mean, std : (float, float, float)
        Per-channel input normalization of pixels in [0, 1].
    """

    source: str
    version: str
    padding: str
    depthwise_padding: str
    rounding: str
    stem: str
    expansion: str
    last: str
    hidden: str
    bn_eps: float
    bn_decay: float
    unbiased_variance: bool
    dropout: float
    gate_slope: float
    gate_gradient_slope: float
    initialization: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


_TF = dict(
    padding="tf",
    depthwise_padding="tf",
    rounding="divisible",
    stem="scaled",
    expansion="ratio",
    last="grow",  # as finegrain_classification_mode does, under which the checkpoints below width 1 were published
    hidden="grow",
    bn_eps=1e-3,
    unbiased_variance=True,  # the fused op returns N / (N - 1) times the batch's variance
    gate_slope=0.16667,
    gate_gradient_slope=0.16667,
    initialization="truncated_normal",
    mean=_UNIT[0],
    std=_UNIT[1],
)
_KERAS = _TF | dict(
    unbiased_variance=False, gate_slope=1 / 6, gate_gradient_slope=1 / 6, initialization="glorot_uniform"
)
_TORCHVISION = _TF | dict(
    padding="torch",
    depthwise_padding="torch",
    gate_slope=1 / 6,
    gate_gradient_slope=float(np.float32(1 / 6)),
    initialization="he_fan_out",
    mean=_IMAGENET[0],
    std=_IMAGENET[1],
)
_TIMM = _TORCHVISION | dict(bn_eps=1e-5, bn_decay=0.9, dropout=0.0)

_CONVENTIONS = {
    ("tf", "v1"): _TF | dict(rounding="int_min8", bn_decay=0.9997, dropout=0.001),
    ("tf", "v2"): _TF | dict(bn_decay=0.997, dropout=0.2),
    ("tf", "v3"): _TF | dict(last="scaled", bn_decay=0.997, dropout=0.2),
    ("keras", "v1"): _KERAS | dict(rounding="int", depthwise_padding="tf-even", bn_decay=0.99, dropout=0.001),
    ("keras", "v2"): _KERAS | dict(rounding="int_divisible", bn_decay=0.999, dropout=0.0),
    ("keras", "v3"): _KERAS | dict(stem="fixed", last="six_times", bn_decay=0.999, dropout=0.2),
    ("torchvision", "v2"): _TORCHVISION | dict(bn_eps=1e-5, bn_decay=0.9, dropout=0.2),
    ("torchvision", "v3"): _TORCHVISION
    | dict(expansion="scaled", last="six_times", hidden="scaled", bn_decay=0.99, dropout=0.2),
    ("timm", "v1"): _TIMM | dict(mean=_UNIT[0], std=_UNIT[1]),
    ("timm", "v2"): _TIMM,
    ("timm", "v3"): _TIMM | dict(stem="fixed_below_0.75", expansion="ratio_2_decimals", last="scaled", hidden="fixed"),
}


def convention(source: str, version: str) -> Convention:
    """The choices of one implementation.

    Parameters
    ----------
    source : {"tf", "keras", "torchvision", "timm"}
    version : {"v1", "v2", "v3"}

    Raises
    ------
    ValueError
        For an unknown name, and for torchvision's V1, which does not exist.
    """
    check_choice("convention", "source", source, SOURCES)
    check_choice("convention", "version", version, ("v1", "v2", "v3"))
    check((source, version) in _CONVENTIONS, f"convention: {source} has no Mobilenet{version.upper()}")
    return Convention(source=source, version=version, **_CONVENTIONS[source, version])
