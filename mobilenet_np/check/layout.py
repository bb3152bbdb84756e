"""What the axes of tensors are called: the layout that this package is written in, NHWC."""

from __future__ import annotations

from .cases import Case

INPUT = {4: ("image", "row", "column", "channel"), 2: ("sample", "feature"), 1: ("entry",)}
PARAMETER = {
    4: ("kernel row", "kernel column", "input channel", "output channel"),
    3: ("kernel row", "kernel column", "channel"),
    2: ("input channel", "output channel"),
    1: ("channel",),
}


def axes_of(case: Case, name: str) -> tuple[str, ...]:
    """A word for each axis of a tensor: (N, H, W, C) or (N, K) for the first argument and what has its shape.

    Parameters
    ----------
    case : Case
    name : str
    """
    shape = case.tensors[name].shape
    words = INPUT if shape == case.x.shape else PARAMETER
    return words.get(len(shape), tuple(f"axis {k} slice" for k in range(len(shape))))


def pixels(case: Case, name: str) -> tuple[int, int] | None:
    """The two axes of the image or of the kernel's window, or None."""
    axes = axes_of(case, name)
    if "row" in axes:
        return 1, 2
    return (0, 1) if "kernel row" in axes else None


def interior(pixels: tuple[int, int]) -> tuple[slice, ...]:
    """Everything but a border of one pixel."""
    return (*(slice(None),) * pixels[0], slice(1, -1), slice(1, -1))
