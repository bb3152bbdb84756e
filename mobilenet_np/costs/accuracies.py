"""The accuracies of the released weights, as their sources print them: top-1 on ImageNet's validation images, float32.

Nothing here is computed. Of a network at several widths and resolutions, weights were released for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .published import KERAS_IO, KERAS_V3, SLIM_V1, SLIM_V2, SLIM_V3, TORCHVISION


class Accuracy(NamedTuple):
    """Weights that can be had, and how often their first guess is right.

    Attributes
    ----------
    model : str
    width : float
    resolution : int
    top1 : str
        In percent, as printed.
    convention : str
        Whose network it is: "tf", "keras" or "torchvision".
    source : str
        What prints it.
    weights : str
        Which of several, or "".
    """

    model: str
    width: float
    resolution: int
    top1: str
    convention: str
    source: str
    weights: str = ""


_SIDES = (224, 192, 160, 128, 96)
_V1 = {  # at 224, 192, 160, 128
    1.0: "70.9 70.0 68.0 65.2",
    0.75: "68.4 67.2 65.3 62.1",
    0.5: "63.3 61.7 59.1 56.3",
    0.25: "49.8 47.7 45.5 41.5",
}
_V2 = {  # and at 96
    1.4: "75.0",
    1.3: "74.4",
    1.0: "71.8 70.7 68.8 65.3 60.3",
    0.75: "69.8 68.7 66.4 63.2 58.8",
    0.5: "65.4 63.9 61.0 57.7 51.2",
    0.35: "60.3 58.2 55.7 50.8 45.5",
}


def accuracies() -> Iterator[Accuracy]:
    """All of them, source by source.

    Examples
    --------
    >>> best = max(accuracies(), key=lambda a: float(a.top1))
    >>> best.model, best.top1, best.source
    ('v3-large', '75.6', 'keras applications/mobilenet_v3.py docstring')
    """
    for model, table, source in (("v1", _V1, SLIM_V1), ("v2", _V2, SLIM_V2)):
        for width, row in table.items():
            for resolution, top1 in zip(_SIDES, row.split(), strict=False):
                yield Accuracy(model, width, resolution, top1, "tf", source)
    yield Accuracy("v3-large", 1.0, 224, "75.2", "tf", SLIM_V3)
    yield Accuracy("v3-large", 0.75, 224, "73.3", "tf", SLIM_V3)
    yield Accuracy("v3-small", 1.0, 224, "67.5", "tf", SLIM_V3)
    yield Accuracy("v3-small", 0.75, 224, "65.4", "tf", SLIM_V3)
    yield Accuracy("v3-large-minimalistic", 1.0, 224, "72.3", "tf", SLIM_V3)
    yield Accuracy("v3-small-minimalistic", 1.0, 224, "61.9", "tf", SLIM_V3)
    yield Accuracy("v1", 1.0, 224, "70.4", "keras", KERAS_IO)
    yield Accuracy("v2", 1.0, 224, "71.3", "keras", KERAS_IO)
    yield Accuracy("v3-large", 1.0, 224, "75.6", "keras", KERAS_V3)  # the other widths are copied from TF-slim
    yield Accuracy("v3-small", 1.0, 224, "68.1", "keras", KERAS_V3)
    for model, top1, weights in (
        ("v2", "71.878", "IMAGENET1K_V1"),
        ("v2", "72.154", "IMAGENET1K_V2"),
        ("v3-large", "74.042", "IMAGENET1K_V1"),
        ("v3-large", "75.274", "IMAGENET1K_V2"),
        ("v3-small", "67.668", "IMAGENET1K_V1"),
    ):
        yield Accuracy(model, 1.0, 224, top1, "torchvision", TORCHVISION, weights)
