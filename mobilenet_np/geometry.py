"""Sizes of convolution windows: integers only, no arrays.

A window of ``kernel`` taps slides over ``size`` samples in steps of ``stride``, with ``before`` zeros in front and
``after`` zeros behind::

    output = (before + size + after - kernel) // stride + 1

The two styles of "same" padding that the world's weights were trained with both give ``ceil(size / stride)`` outputs,
but place the window differently when the size is even and the stride is 2. The difference is small to the eye and
fatal to a pretrained network, so it is resolved here, once, and every op takes the explicit numbers.
"""

from __future__ import annotations

import functools

from .errors import check

Pad = tuple[int, int]
Padding = tuple[Pad, Pad]

PADDING_STYLES = ("tf", "torch", "tf-even")


def output_size(size: int, kernel: int, stride: int, pad: Pad = (0, 0)) -> int:
    """Number of positions of the window.

    Parameters
    ----------
    size, kernel, stride : int
        Samples along one axis, taps of the window, step of the window.
    pad : (int, int)
        Zeros before and after.

    Examples
    --------
    >>> output_size(224, 3, 2, (0, 1)), output_size(7, 3, 1, (1, 1))
    (112, 7)
    """
    check(stride >= 1, f"output_size: stride is {stride}; it must be at least 1")
    check(kernel >= 1, f"output_size: kernel is {kernel}; it must be at least 1")
    check(min(pad) >= 0, f"output_size: padding is {tuple(pad)}; it cannot be negative")
    padded = pad[0] + size + pad[1]
    check(padded >= kernel, f"output_size: kernel {kernel} does not fit into {size} samples with padding {tuple(pad)}")
    return (padded - kernel) // stride + 1


def same_pad(size: int, kernel: int, stride: int, style: str) -> Pad:
    """Zeros before and after along one axis for "same" padding.

    Parameters
    ----------
    style : {"tf", "torch", "tf-even"}
        "tf": TensorFlow's SAME, just enough zeros, the odd one at the end. "torch": ``kernel // 2`` on both sides.
        "tf-even": what SAME would be if the size were even, as Keras hard-codes it in MobileNet V1's stride-2
        depthwise layers; on odd sizes it gives ``floor(size / stride)`` outputs.

    Examples
    --------
    >>> [same_pad(224, 3, 2, style) for style in ("tf", "torch", "tf-even")]
    [(0, 1), (1, 1), (0, 1)]
    >>> [same_pad(225, 3, 2, style) for style in ("tf", "torch", "tf-even")]
    [(1, 1), (1, 1), (0, 1)]

    Notes
    -----
    TensorFlow's rule: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    check(style in PADDING_STYLES, f"same_pad: style {style!r} is unknown; choose one of {', '.join(PADDING_STYLES)}")
    check(stride >= 1, f"same_pad: stride is {stride}; it must be at least 1")
    check(kernel % 2 == 1, f"same_pad: kernel is {kernel}; 'same' needs an odd number of taps")
    if style == "torch" or stride == 1:
        return kernel // 2, kernel // 2
    if style == "tf-even":
        size += size % 2
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@functools.cache  # a network's layers ask at every step, and messages for errors are put together each time
def same_padding(height: int, width: int, kernel: int, stride: int, style: str) -> Padding:
    """`same_pad` of both axes: ``((top, bottom), (left, right))``."""
    return same_pad(height, kernel, stride, style), same_pad(width, kernel, stride, style)


def inside(size: int, kernel: int, stride: int, pad: Pad) -> int:
    """How many (tap, position) pairs along one axis touch a real sample and not a padding zero.

    Examples
    --------
    >>> inside(4, 3, 1, (1, 1))  # 4 positions of 3 taps, and the first and the last tap each fall off once
    10
    """
    positions = output_size(size, kernel, stride, pad)
    return sum(0 <= i * stride + tap - pad[0] < size for i in range(positions) for tap in range(kernel))


def make_divisible(value: float, divisor: int = 8, minimum: int | None = None) -> int:
    """Round a channel count to a multiple of ``divisor``, but never down by more than 10 percent.

    Parameters
    ----------
    value : float
        The scaled, not yet rounded number of channels.
    divisor : int
        Channel counts that are multiples of 8 fill a vector register.
    minimum : int, optional
        Never less than this; by default ``divisor``.

    Examples
    --------
    >>> [make_divisible(v) for v in (5.6, 11.2, 12, 33.6, 91)]
    [8, 16, 16, 32, 88]

    Notes
    -----
    tensorflow/models, research/slim/nets/mobilenet/mobilenet.py ``_make_divisible``.
    """
    rounded = max(divisor if minimum is None else minimum, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
