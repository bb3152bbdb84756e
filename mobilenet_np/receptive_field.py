"""The part of the image that an output can depend on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from .architecture import Architecture
from .geometry import Padding, output_size, same_padding


class Window(NamedTuple):
    """One op that looks at more than one position: a convolution, or the pool over everything."""

    kernel: tuple[int, int]
    stride: int
    padding: Padding
    size: tuple[int, int]
    """Height and width of its input."""


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive field of the outputs of one layer, through its windows.

    Two ops see more than their window, and are left out of it: a squeeze-and-excite gate the whole image, which
    `gated` says, and BatchNorm in training the whole batch.

    Attributes
    ----------
    windows : tuple of Window
        On the way from the image, in order.
    gated : bool
        Whether a squeeze-and-excite gate lies on the way.
    """

    windows: tuple[Window, ...] = ()
    gated: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of pixels in the window of one output, padding included."""
        sizes, jump = [1, 1], 1
        for window in self.windows:
            for axis in (0, 1):
                sizes[axis] += (window.kernel[axis] - 1) * jump
            jump *= window.stride
        return sizes[0], sizes[1]

    @property
    def jump(self) -> int:
        """Pixels of the image from one output to the next: the product of the strides."""
        jump = 1
        for window in self.windows:
            jump *= window.stride
        return jump

    def through(self, window: Window) -> ReceptiveField:
        """Of the outputs of one more window."""
        return replace(self, windows=(*self.windows, window))

    def through_pool(self, size: tuple[int, int]) -> ReceptiveField:
        """Of the outputs of a pool over everything."""
        return self.through(Window(size, 1, ((0, 0), (0, 0)), size))

    def through_gate(self) -> ReceptiveField:
        """Of the outputs of a squeeze-and-excite gate."""
        return replace(self, gated=True)

    def window(self, i: int = 0, j: int = 0) -> tuple[range, range]:
        """Rows and columns of the image that the output at (i, j) can depend on, padding left out.

        Examples
        --------
        >>> twice = ReceptiveField((Window((3, 3), 2, ((0, 1), (0, 1)), (8, 8)),) * 2)
        >>> twice.size, twice.jump, twice.window(0, 1)
        ((7, 7), 4, (range(0, 7), range(4, 8)))
        """
        rows = self._axis(0, i)
        return rows, self._axis(1, j)

    def _axis(self, axis: int, position: int) -> range:
        start, stop = position, position + 1
        for window in reversed(self.windows):
            before, size = window.padding[axis][0], window.size[axis]
            # Each layer's own padding is cut off: it holds zeros, whatever the image.
            start, stop = (
                max(start * window.stride - before, 0),
                min((stop - 1) * window.stride - before + window.kernel[axis], size),
            )
        return range(start, stop)


def receptive_fields(net: Architecture, size: tuple[int, int]) -> dict[str, ReceptiveField]:
    """Of the outputs of every row and every block of a network, from its table alone.

    Parameters
    ----------
    net : Architecture
    size : (int, int)
        Height and width of the image.

    Returns
    -------
    dict of ReceptiveField
        In the order in which they run, a block behind its rows: "stem", "block1.depthwise", ..., "block1", ...

    Raises
    ------
    ValueError
        If the image is too small for a window.

    Examples
    --------
    >>> from mobilenet_np.architecture import architecture
    >>> fields = receptive_fields(architecture("v2"), (224, 224))
    >>> fields["block4"].size, fields["block4"].jump
    ((27, 27), 8)
    >>> fields["block4"].window(0, 14)
    (range(0, 21), range(106, 133))
    >>> fields["head"].size, fields["head"].window(3, 3)  # more than there is
    ((491, 491), (range(0, 224), range(0, 224)))
    """
    fields, field, last = {}, ReceptiveField(), {block.rows[-1].name: block.name for block in net.blocks}
    for row in net.rows:
        if row.padding:
            padding = same_padding(*size, row.kernel, row.stride, row.padding)
            field = field.through(Window((row.kernel, row.kernel), row.stride, padding, size))
            size = tuple(output_size(n, row.kernel, row.stride, pad) for n, pad in zip(size, padding, strict=True))
        elif row.op == "global_average_pool":
            field = field.through_pool(size)
        elif row.op == "squeeze_excite":
            field = field.through_gate()
        fields[row.name] = field
        if row.name in last:
            fields[last[row.name]] = field
    return fields
