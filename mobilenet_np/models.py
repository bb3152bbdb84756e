"""Table + convention -> network: `build`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .architecture import Architecture, architecture
from .blocks import block_of, layer_of
from .convention import Convention
from .errors import InputTypeError, check, check_array, check_choice
from .initialize import initialize
from .layers import Sequential


class Network(Sequential):
    """A MobileNet: a `Sequential` of stem, blocks and tail that knows its `architecture`.

    Made by `build`.
    """

    def __init__(self, net: Architecture, dtype: Any, rng: np.random.Generator):
        masks = rng.spawn(1)[0]  # dropout draws from a stream of its own
        children = {"stem": layer_of(net.stem, net, dtype, masks)}
        children |= {block.name: block_of(block, net, dtype, masks) for block in net.blocks}
        children |= {row.name: layer_of(row, net, dtype, masks) for row in net.tail}
        super().__init__(**children)
        self.architecture = net
        self.dtype = np.dtype(dtype)
        for name, leaf in self.walk():
            leaf.name = name
        initialize(self, net.convention.initialization, rng)

    def forward(self, x: np.ndarray, train: bool = False) -> np.ndarray:
        """Logits.

        Parameters
        ----------
        x : (N, H, W, 3) float, of the network's dtype
            Normalized images (see `preprocess`), H and W at least 32.
        train : bool
            Use the batch's statistics and dropout, update the running statistics, and keep what `backward` needs.

        Returns
        -------
        y : (N, classes) float
        """
        check_images(self.architecture.model, x, self.dtype)
        return super().forward(x, train)

    def backward(self, dy: np.ndarray, wants_dx: bool = True) -> np.ndarray | None:
        """Gradient with respect to x; fills `grads`.

        Parameters
        ----------
        dy : (N, classes) float
            Gradient of the loss with respect to the logits.
        wants_dx : bool
            False where only `grads` matter, as in training: nobody changes the images, and the first convolution may
            save itself the work.

        Returns
        -------
        dx : (N, H, W, 3) float, or None if it is not wanted
        """
        check_array(self.architecture.model, "dy", dy, "N classes")
        first = next(leaf for _, leaf in self.walk())
        first.wants_dx = wants_dx
        try:
            dx = super().backward(dy)
        finally:
            first.wants_dx = True
        return dx if wants_dx else None

    def astype(self, dtype: str | np.dtype) -> Network:
        clone = super().astype(dtype)
        clone.dtype = np.dtype(dtype)
        return clone

    def __repr__(self) -> str:
        net = self.architecture
        count = sum(p.size for p in self.params.values())
        return (
            f"<{net.model} width {net.width:g}, {net.classes} classes, {net.convention.source} convention, "
            f"{self.dtype}, {count:,} parameters>"
        )


def check_images(name: str, x: np.ndarray, dtype: np.dtype) -> None:
    """Check a batch of images for a network called ``name`` that computes in ``dtype``."""
    if getattr(x, "dtype", None) == np.uint8:
        raise InputTypeError(f"{name}: x is uint8; use preprocess(images, net), which knows the pixels' range")
    check_array(name, "x", x, "N H W C")
    check(x.shape[3] == 3, f"{name}: x has {x.shape[3]} channels (x {x.shape}); images have 3, channels last")
    check(min(x.shape[1:3]) >= 32, f"{name}: x is {x.shape[1]}x{x.shape[2]}; images must be at least 32x32")
    if x.dtype != dtype:
        raise InputTypeError(
            f"{name}: x is {x.dtype}, the network {dtype}; use x.astype('{dtype}') or build(dtype=...)"
        )


def build(
    model: str,
    width: float = 1.0,
    classes: int = 1000,
    convention: str | Convention = "tf",
    dtype: str | np.dtype = "float32",
    rng: int | np.random.Generator = 0,
    dropout: float | None = None,
) -> Network:
    """Build a MobileNet.

    Parameters
    ----------
    model : {"v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"}
    width : float
        Width multiplier.
    classes : int
    convention : {"tf", "keras", "torchvision", "timm"} or Convention
        Whose choices to follow where the implementations differ.
    dtype : {"float32", "float64"}
    rng : int or Generator
        Seed of the initial weights and the dropout masks.
    dropout : float, optional
        Rate before the classifier; by default the convention's.

    Raises
    ------
    ValueError
        For unknown names and for widths, class counts or rates out of range.

    Examples
    --------
    >>> net = build("v3-small", width=0.5, classes=10)
    >>> y = net.forward(np.zeros((1, 32, 32, 3), np.float32))
    >>> y.shape
    (1, 10)
    """
    # None is NumPy's word for float64, and nobody who writes it here means that.
    known = [n for n in ("float32", "float64") if dtype is not None and dtype in (n, np.dtype(n), np.dtype(n).type)]
    check_choice("build", "dtype", known[0] if known else dtype, ("float32", "float64"))
    if not isinstance(rng, np.random.Generator):
        seed = isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0
        check(seed, f"build: rng is {rng!r}; it must be a seed or a Generator")
    return Network(architecture(model, width, classes, convention, dropout), known[0], np.random.default_rng(rng))


def preprocess(images: np.ndarray, net: Network) -> np.ndarray:
    """Bring pixels into the range that a network's convention was trained on.

    Parameters
    ----------
    images : (N, H, W, 3) uint8, or float in [0, 1]
    net : Network

    Returns
    -------
    x : (N, H, W, 3) float, of the network's dtype

    Examples
    --------
    >>> net = build("v1", width=0.25, convention="keras")
    >>> preprocess(np.full((1, 32, 32, 3), 255, np.uint8), net).max()
    np.float32(1.0)
    """
    check(
        isinstance(images, np.ndarray) and images.ndim == 4 and images.shape[3] == 3,
        f"preprocess: images must be an array (N, H, W, 3), got {getattr(images, 'shape', type(images).__name__)}",
    )
    if images.dtype == np.uint8:
        images = images / 255
    elif images.dtype.kind != "f" or images.min() < 0 or images.max() > 1:
        raise ValueError(f"preprocess: images are {images.dtype}; they must be uint8, or float between 0 and 1")
    rules = net.architecture.convention
    return ((images - np.array(rules.mean)) / np.array(rules.std)).astype(net.dtype)
