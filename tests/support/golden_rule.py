"""The rule by which the reference vectors were made: weights, images and labels from a seed, no framework needed."""

import numpy as np


def draw(tensors, seed):
    """{name: array} for a list of (name, shape, role), in float64."""
    rngs = (np.random.default_rng([seed, i]) for i in range(len(tensors)))
    return {name: _one(shape, role, name, rng) for (name, shape, role), rng in zip(tensors, rngs, strict=True)}


def images_and_labels(seed, batch, height, width, classes):
    x = np.random.default_rng([seed, 1_000_000]).standard_normal((batch, height, width, 3))
    return x, np.random.default_rng([seed, 1_000_001]).integers(0, classes, batch)


def fan_in(name, shape):
    """Inputs that feed one output."""
    if name.endswith("weight"):  # torch: conv (O, I, kh, kw), linear (O, I)
        return int(np.prod(shape[1:]))
    if len(shape) == 4 and shape[3] == 1 and "d" in name.split("/")[0]:  # Keras depthwise (kh, kw, C, 1)
        return shape[0] * shape[1]
    return int(np.prod(shape[:-1]))  # Keras conv (kh, kw, I, O), dense (I, O)


def _one(shape, role, name, rng):
    if role == "kernel":
        return rng.standard_normal(shape) * np.sqrt(2 / fan_in(name, shape))
    if role in ("gamma", "variance"):
        return rng.uniform(0.5, 1.5, shape)
    return 0.1 * rng.standard_normal(shape)  # beta, bias, mean
