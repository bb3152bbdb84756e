"""Keras, on PyTorch. Its networks pad in their own way, so ours under its convention is what they are checked with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

import numpy as np

import mobilenet_np as mn


def model(net: mn.Network, resolution: int):
    """Keras' network of the same model and width, with our weights; ``net`` has the convention "keras"."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its tensors do not know NumPy 2's copy keyword
        import keras

        ours = net.architecture
        common = dict(
            input_shape=(resolution, resolution, 3), alpha=ours.width, weights=None, classes=ours.classes,
            classifier_activation=None,
        )  # fmt: skip
        if ours.model == "v1":
            theirs = keras.applications.MobileNet(dropout=0.0, **common)
        elif ours.model == "v2":
            theirs = keras.applications.MobileNetV2(**common)
        else:
            size = "MobileNetV3Large" if ours.model == "v3-large" else "MobileNetV3Small"
            theirs = getattr(keras.applications, size)(include_preprocessing=False, dropout_rate=0.0, **common)
        state = mn.state_for(net, "keras")
        for layer in theirs.layers:
            for variable in layer.weights:
                variable.assign(state[f"{layer.name}/{variable.name}"])
    return theirs


def forward(net: mn.Network, x: np.ndarray) -> Callable[[], np.ndarray]:
    """Keras' inference."""
    import torch

    theirs, images = model(net, x.shape[1]), torch.from_numpy(x)

    def call():
        with torch.inference_mode():
            return theirs(images, training=False).numpy()

    return call
