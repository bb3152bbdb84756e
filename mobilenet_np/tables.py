"""The papers' architecture tables as data: a row here is a row there.

Only what the papers print. How a width multiplier rounds, which padding "same" means and the like differ between the
released implementations and live in `convention`; `architecture` puts the two together.
"""

from __future__ import annotations

from typing import NamedTuple


class Separable(NamedTuple):
    """One depthwise-separable block of V1: depthwise 3x3 with ``stride``, then pointwise to ``channels``."""

    channels: int
    stride: int


class InvertedResidual(NamedTuple):
    """One line of V2's Table 2, ``repeat`` blocks; only the first of them has the stride."""

    expansion: int  # t
    channels: int  # c
    repeat: int  # n
    stride: int  # s


class Bneck(NamedTuple):
    """One line of V3's Tables 1 and 2: one inverted residual with its own kernel, gate and nonlinearity."""

    kernel: int
    expanded: int  # "exp size"
    channels: int  # "#out"
    squeeze_excite: bool  # "SE"
    act: str  # "NL": RE is relu, HS is hard_swish
    stride: int  # "s"


class Table(NamedTuple):
    """One architecture.

    Attributes
    ----------
    version : {"v1", "v2", "v3"}
    source : str
        Paper and table.
    stem : int
        Channels of the first 3x3 convolution, whose stride is 2.
    act : str
        Nonlinearity of the stem and of everything that names none of its own.
    rows : tuple of rows
    last : int
        Channels of the 1x1 convolution before the pool; 0 for none.
    hidden : int
        Units of the fully connected layer after the pool; 0 for none.
    """

    version: str
    source: str
    stem: int
    act: str
    rows: tuple
    last: int
    hidden: int


# Table 1 prints stride 2 at the last depthwise layer too (7x7x1024); with it the pool would see 4x4. All released code
# uses 1. The text says ReLU; all released code uses ReLU6.
V1 = Table(
    version="v1",
    source="Howard et al. 2017, arXiv:1704.04861, Table 1",
    stem=32,
    act="relu6",
    rows=(
        Separable(64, 1),
        Separable(128, 2),
        Separable(128, 1),
        Separable(256, 2),
        Separable(256, 1),
        Separable(512, 2),
        Separable(512, 1),
        Separable(512, 1),
        Separable(512, 1),
        Separable(512, 1),
        Separable(512, 1),
        Separable(1024, 2),
        Separable(1024, 1),
    ),
    last=0,
    hidden=0,
)

# The text speaks of 19 residual bottleneck layers; the table, and all code, has 17.
V2 = Table(
    version="v2",
    source="Sandler et al. 2018, arXiv:1801.04381, Table 2",
    stem=32,
    act="relu6",
    rows=(
        InvertedResidual(1, 16, 1, 1),
        InvertedResidual(6, 24, 2, 2),
        InvertedResidual(6, 32, 3, 2),
        InvertedResidual(6, 64, 4, 2),
        InvertedResidual(6, 96, 3, 1),
        InvertedResidual(6, 160, 3, 2),
        InvertedResidual(6, 320, 1, 1),
    ),
    last=1280,
    hidden=0,
)

V3_LARGE = Table(
    version="v3",
    source="Howard et al. 2019, arXiv:1905.02244, Table 1",
    stem=16,
    act="hard_swish",
    rows=(
        Bneck(3, 16, 16, False, "relu", 1),
        Bneck(3, 64, 24, False, "relu", 2),
        Bneck(3, 72, 24, False, "relu", 1),
        Bneck(5, 72, 40, True, "relu", 2),
        Bneck(5, 120, 40, True, "relu", 1),
        Bneck(5, 120, 40, True, "relu", 1),
        Bneck(3, 240, 80, False, "hard_swish", 2),
        Bneck(3, 200, 80, False, "hard_swish", 1),
        Bneck(3, 184, 80, False, "hard_swish", 1),
        Bneck(3, 184, 80, False, "hard_swish", 1),
        Bneck(3, 480, 112, True, "hard_swish", 1),
        Bneck(3, 672, 112, True, "hard_swish", 1),
        Bneck(5, 672, 160, True, "hard_swish", 2),
        Bneck(5, 960, 160, True, "hard_swish", 1),
        Bneck(5, 960, 160, True, "hard_swish", 1),
    ),
    last=960,
    hidden=1280,
)

# Table 2 also ticks SE at the last 1x1 convolution (576); no implementation has it. The ICCV text has a hidden layer of
# 1280; arXiv v5 and all code have 1024.
V3_SMALL = Table(
    version="v3",
    source="Howard et al. 2019, arXiv:1905.02244v5, Table 2",
    stem=16,
    act="hard_swish",
    rows=(
        Bneck(3, 16, 16, True, "relu", 2),
        Bneck(3, 72, 24, False, "relu", 2),
        Bneck(3, 88, 24, False, "relu", 1),
        Bneck(5, 96, 40, True, "hard_swish", 2),
        Bneck(5, 240, 40, True, "hard_swish", 1),
        Bneck(5, 240, 40, True, "hard_swish", 1),
        Bneck(5, 120, 48, True, "hard_swish", 1),
        Bneck(5, 144, 48, True, "hard_swish", 1),
        Bneck(5, 288, 96, True, "hard_swish", 2),
        Bneck(5, 576, 96, True, "hard_swish", 1),
        Bneck(5, 576, 96, True, "hard_swish", 1),
    ),
    last=576,
    hidden=1024,
)


def _minimalistic(table: Table) -> Table:
    """Only what every accelerator has: 3x3 kernels, ReLU, no squeeze-and-excite."""
    rows = tuple(row._replace(kernel=3, squeeze_excite=False, act="relu") for row in table.rows)
    source = table.source + "; minimalistic: tensorflow/models, research/slim/nets/mobilenet/README.md"
    return table._replace(act="relu", rows=rows, source=source)


TABLES = {
    "v1": V1,
    "v2": V2,
    "v3-large": V3_LARGE,
    "v3-small": V3_SMALL,
    "v3-large-minimalistic": _minimalistic(V3_LARGE),
    "v3-small-minimalistic": _minimalistic(V3_SMALL),
}
