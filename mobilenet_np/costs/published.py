"""Every published parameter and MAC count of MobileNet V1, V2 and V3, as printed, and what its source counts.

Nothing here is computed. `ledger` puts each number beside the closed forms. A number with a ``reason`` cannot be
reproduced by any way of counting; the reason says what is known about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Published(NamedTuple):
    """One printed number.

    Attributes
    ----------
    source : str
        Paper and table, or file.
    network : str
        A model's name, or a variant's in `ledger.NETWORKS`.
    width : float
    resolution : int
    classes : int
    printed : str
        In millions, as printed.
    count : str
        What it counts, a name in `ledger.COUNTS`.
    rounding : str
        How it was rounded, a name in `ledger.ROUNDINGS`.
    reason : str
        Why it cannot be reproduced; "" if it can.
    """

    source: str
    network: str
    width: float
    resolution: int
    classes: int
    printed: str
    count: str
    rounding: str
    reason: str


V1 = "arXiv:1704.04861"
V2 = "arXiv:1801.04381"
V3 = "arXiv:1905.02244v5"
V3_ICCV = "arXiv:1905.02244 (ICCV text)"
V4 = "arXiv:2404.10518"
SLIM_V1 = "tensorflow/models research/slim/nets/mobilenet_v1.md"
SLIM_V1_CODE = "tensorflow/models research/slim/nets/mobilenet_v1.py"
SLIM_V2 = "tensorflow/models research/slim/nets/mobilenet/README.md (V2)"
SLIM_V3 = "tensorflow/models research/slim/nets/mobilenet/README.md (V3)"
SLIM_V3_CODE = "tensorflow/models research/slim/nets/mobilenet/mobilenet_v3.py"
KERAS_V3 = "keras applications/mobilenet_v3.py docstring"
KERAS_IO = "keras.io/api/applications"
TORCHVISION = "torchvision 0.28.0 weights meta"


def published() -> Iterator[Published]:
    """All numbers, source by source.

    Examples
    --------
    >>> next(published()).printed
    '4866'
    """
    yield from _v1_paper()
    yield from _v1_slim()
    yield from _v2()
    yield from _v3()
    yield from _libraries()


def _pair(
    source: str,
    network: str,
    width: float,
    resolution: int,
    macs: str = "",
    params: str = "",
    classes: int = 1000,
    count_macs: str = "macs",
    count_params: str = "trainable",
    round_macs: str = "nearest",
    round_params: str = "nearest",
    reason_macs: str = "",
    reason_params: str = "",
) -> Iterator[Published]:
    """The MACs and the parameters of one printed row."""
    where = (source, network, width, resolution, classes)
    if macs:
        yield Published(*where, macs, count_macs, round_macs, reason_macs)
    if params:
        yield Published(*where, params, count_params, round_params, reason_params)


def _v1_paper() -> Iterator[Published]:
    yield from _pair(f"{V1} Table 4", "v1 full convolutions", 1.0, 224, "4866", "29.3", count_macs="no classifier")
    yield from _pair(f"{V1} Table 4", "v1", 1.0, 224, "569", "4.2")
    yield from _pair(f"{V1} Table 5", "v1", 0.75, 224, "325", "2.6")
    yield from _pair(f"{V1} Table 5", "v1 shallow", 1.0, 224, "307", "2.9")
    for width, macs, params in ((1.0, "569", "4.2"), (0.75, "325", "2.6"), (0.5, "149", "1.3"), (0.25, "41", "0.5")):
        yield from _pair(f"{V1} Table 6", "v1", width, 224, macs, params)
    for resolution, macs in ((224, "569"), (192, "418"), (160, "290"), (128, "186")):
        rounding = "down" if resolution == 160 else "nearest"
        yield from _pair(f"{V1} Table 7", "v1", 1.0, resolution, macs, "4.2", round_macs=rounding)
    yield from _pair(f"{V1} Table 9", "v1", 0.5, 160, "76", "1.32", round_macs="down", count_params="weights")
    for width, resolution, macs, params in (
        (1.0, 224, "569", "3.3"),
        (0.75, 224, "325", "1.9"),
        (1.0, 192, "418", "3.3"),
        (0.75, 192, "239", "1.9"),
    ):
        classes = 120  # breeds of dogs
        source = f"{V1} Table 10"
        # The MACs are those of the network with 1000 classes; with 120 they would be 0.9 million fewer.
        yield from _pair(source, "v1", width, resolution, macs)
        yield from _pair(source, "v1", width, resolution, params=params, classes=classes)
    unexplained = "the networks without classifier have 40.8 and 13.3; unexplained"
    for width, resolution, macs, params, rounding, reason in (
        (1.0, 224, "568", "3.2", "nearest", ""),
        (0.5, 224, "149", "0.8", "nearest", ""),
        (0.25, 224, "45", "0.2", "nearest", unexplained),
        (1.0, 128, "185", "3.2", "nearest", ""),
        (0.5, 128, "48", "0.8", "down", ""),
        (0.25, 128, "15", "0.2", "nearest", unexplained),
    ):
        yield from _pair(
            f"{V1} Table 12", "v1 without classifier", width, resolution, macs, params,
            round_macs=rounding, reason_macs=reason,
        )  # fmt: skip


def _v1_slim() -> Iterator[Published]:
    table = {
        1.0: ("4.24", {224: "569", 192: "418", 160: "291", 128: "186"}),
        0.75: ("2.59", {224: "317", 192: "233", 160: "162", 128: "104"}),
        0.5: ("1.34", {224: "150", 192: "110", 160: "77", 128: "49"}),
        0.25: ("0.47", {224: "41", 192: "34", 160: "21", 128: "14"}),
    }
    for width, (params, macs) in table.items():
        for resolution, printed in macs.items():
            erratum = "erratum: exact 30.21" if (width, resolution) == (0.25, 192) else ""
            yield from _pair(
                SLIM_V1, "v1", width, resolution, printed, params, classes=1001,
                count_macs="no stem" if width == 0.75 else "macs",  # all four rows of 0.75, and only they
                count_params="without gamma", round_macs="twice", reason_macs=erratum,
            )  # fmt: skip
    for width, resolution, macs, params in (
        (1.0, 224, "567.716352", "3.185088"),
        (0.75, 128, "106.002432", "1.800144"),
    ):
        yield from _pair(
            f"{SLIM_V1_CODE} docstring", "v1 without classifier", width, resolution, macs, params,
            count_params="weights",
        )  # fmt: skip
    test = "tensorflow/models research/slim/nets/mobilenet_v1_test.py"
    yield from _pair(test, "v1 without classifier", 1.0, 224, params="3.217920", count_params="without gamma")


def _v2() -> Iterator[Published]:
    paper = f"{V2} Table 4"
    yield from _pair(paper, "v1", 1.0, 224, "575", "4.2", reason_macs="V1's own paper prints 569, exact 568.74")
    yield from _pair(
        paper, "v2", 1.0, 224, "300", "3.4", count_params="weights", round_macs="down", round_params="down"
    )
    yield from _pair(
        paper, "v2", 1.4, 224, "585", "6.9",
        reason_macs="exact 582.20, and TF-slim prints 582; unexplained",
        reason_params="exact 6.109, and TF-slim prints 6.06; unexplained",
    )  # fmt: skip
    table = {
        1.4: ("6.06", {224: "582"}),
        1.3: ("5.34", {224: "509"}),
        1.0: ("3.47", {224: "300", 192: "221", 160: "154", 128: "99", 96: "56"}),
        0.75: ("2.61", {224: "209", 192: "153", 160: "107", 128: "69", 96: "39"}),
        0.5: ("1.95", {224: "97", 192: "71", 160: "50", 128: "32", 96: "18"}),
        0.35: ("1.66", {224: "59", 192: "43", 160: "30", 128: "20", 96: "11"}),
    }
    for width, (params, macs) in table.items():
        for resolution, printed in macs.items():
            yield from _pair(
                SLIM_V2, "v2", width, resolution, printed, params, count_params="weights", round_macs="down"
            )


def _v3() -> Iterator[Published]:
    paper = f"{V3} Table 3"
    weights = dict(count_params="weights")
    down = dict(round_macs="down", round_params="down", **weights)
    small = "v3-small with 1280 hidden units"
    stale = "neither 1024 nor 1280 hidden units (56.9) give it; v5 of the paper prints 56"
    yield from _pair(
        paper, "v3-large", 1.0, 224, "219", "5.4", round_params="down",
        reason_macs="exact 216.59, and TF-slim prints 217; unexplained", **weights,
    )  # fmt: skip
    yield from _pair(paper, "v3-large", 0.75, 224, "155", "4.0", **weights)
    yield from _pair(paper, "v2", 1.0, 224, "300", "3.4", **down)
    yield from _pair(paper, "v3-small", 1.0, 224, "56", "2.5", round_macs="down", **weights)
    yield from _pair(paper, small, 0.75, 224, "44")
    yield from _pair(paper, "v3-small", 0.75, 224, params="2.0", **weights)
    yield from _pair(paper, "v2", 0.35, 224, "59.2", "1.6", **down)
    yield from _pair(f"{V3_ICCV} Table 3", small, 1.0, 224, "66", "2.9", reason_macs=stale, **weights)
    yield from _pair(f"{V3_ICCV} Table 3", small, 0.75, 224, "44", "2.4", **weights)
    for source in (SLIM_V3, KERAS_V3):  # Keras copied the table
        yield from _pair(source, "v3-large", 1.0, 224, "217", "5.4", round_params="down", **weights)
        yield from _pair(source, "v3-large", 0.75, 224, "155", "4.0", **weights)
        yield from _pair(source, small, 1.0, 224, "66", "2.9", reason_macs=stale, **weights)
        yield from _pair(source, small, 0.75, 224, "44", "2.4", **weights)
        yield from _pair(source, "v3-large-minimalistic", 1.0, 224, "209", "3.9", **weights)
        yield from _pair(
            source, "v3-small-minimalistic", 1.0, 224, "65", "2.0", reason_macs="exact 52.29; unexplained", **weights
        )
    docstring = f"{SLIM_V3_CODE} docstring"
    yield from _pair(docstring, "v3-small", 1.0, 224, "56.5", "2.53", classes=1001, **weights)
    yield Published(docstring, "v3-small", 1.0, 224, 1001, "2.96", "activations in and out", "nearest", "")


def _libraries() -> Iterator[Published]:
    yield from _pair(KERAS_IO, "v1", 1.0, 224, params="4.3", count_params="total")
    yield from _pair(KERAS_IO, "v2", 1.0, 224, params="3.5", count_params="total")
    yield from _pair(TORCHVISION, "v2", 1.0, 224, "301", "3.504872")
    yield from _pair(TORCHVISION, "v3-large", 1.0, 224, "217", "5.483032")
    yield from _pair(TORCHVISION, "v3-small", 1.0, 224, "57", "2.542856")
    # Printed in 10^9 with one decimal.
    hundreds = dict(round_macs="hundreds")
    yield from _pair(f"{V4} Table 6", "v1", 1.0, 224, "600", "4.2", **hundreds)
    yield from _pair(f"{V4} Table 6", "v2", 1.0, 224, "300", "3.5", **hundreds)
    yield from _pair(f"{V4} Table 6", "v2", 0.5, 224, "100", "2.0", **hundreds)
    yield from _pair(f"{V4} Table 6", "v3-large", 0.5, 224, "100", "2.7", **hundreds)
