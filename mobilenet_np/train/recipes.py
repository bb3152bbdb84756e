"""A small network of each version, and how to teach it the handwritten digits in a quarter of a minute.

Every batch is shifted by up to a pixel, a quarter of a pixel of the scans: without it the networks learn their 1,438
images by heart. Two other things differ from training on ImageNet, because there is so little time:

BatchNorm's running statistics. TF-slim's decay of 0.997 remembers some 300 batches, V1's 0.9997 some 3,000: right for
a million steps, but all of this training has fewer than 900, and the statistics would still describe networks that are
long gone. A decay of 0.9 remembers the last 10 batches.

Residual blocks begin as the identity. The gamma of their last BatchNorm is 0 at first, so that the gradient runs past
them, as if the network were shallow, and each block joins in once it has something to add (Goyal et al.,
arXiv:1706.02677, section 5.1). At 32x32 pixels a batch of 32 leaves the last BatchNorms of V2 and V3 only 32 values a
channel: noise that all 52 of V2 would otherwise pass on. V1 has no residual blocks.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from ..convention import convention
from ..data import Split, random_shift
from ..models import Network, build, preprocess
from .loop import History, fit


class Recipe(NamedTuple):
    """A network for ten classes and the numbers that train it; see `build` and `fit`."""

    model: str
    width: float
    epochs: int
    lr: float


# V1, half as deep, can take larger steps: V2 learned nothing with one of three seeds at 0.04.
RECIPES = {
    "v1": Recipe("v1", width=0.25, epochs=20, lr=0.06),
    "v2": Recipe("v2", width=0.25, epochs=18, lr=0.01),
    "v3-small": Recipe("v3-small", width=0.25, epochs=15, lr=0.015),
}


def small_network(recipe: Recipe, rng: int | np.random.Generator = 0) -> Network:
    """The recipe's network, untrained.

    Parameters
    ----------
    recipe : Recipe
    rng : int or Generator
        Seed of the initial weights and the dropout masks.

    Examples
    --------
    >>> small_network(RECIPES["v2"])
    <v2 width 0.25, 10 classes, tf convention, float32, 250,922 parameters>
    """
    rules = dataclasses.replace(convention("tf", recipe.model[:2]), bn_decay=0.9)
    net = build(recipe.model, recipe.width, classes=10, convention=rules, rng=rng)
    for block in net.architecture.blocks:
        if block.residual:
            net.params[f"{block.name}.project.bn.gamma"][...] = 0
    return net


def train_digits(recipe: Recipe, split: Split, rng: int = 0, progress: bool = True) -> tuple[Network, History]:
    """Follow a recipe: build the network and train it.

    Parameters
    ----------
    recipe : Recipe
        One of ``RECIPES``; ``RECIPES["v1"]._replace(epochs=2)`` for a shorter one.
    split : Split
        From `mobilenet_np.data.digits`.
    rng : int
        Seed of the network and of the order of the images.
    progress : bool
        Show a progress bar.

    Returns
    -------
    net : Network
        Trained.
    history : History
        With the accuracy on the test images after every epoch.
    """
    net = small_network(recipe, rng)
    x_train, x_test = preprocess(split.x_train, net), preprocess(split.x_test, net)
    history = fit(
        net,
        x_train,
        split.y_train,
        recipe.epochs,
        lr=recipe.lr,
        augment=random_shift,
        test=(x_test, split.y_test),
        rng=rng,
        progress=progress,
    )
    return net, history
