"""Compute Keras' reference vectors once more, with everything in float64: python make_golden.py OUT_FOLDER

The vectors in tests/data/golden/keras_*.npz came from networks in float64 whose BatchNormalization and means
nevertheless compute in float32 (Keras promotes float64 with float32 to float32 on every backend but TensorFlow), so
they are good to five digits only. The *_float64.npz beside them are the same networks, weights and images without that
promotion.
"""

import json
import sys
from pathlib import Path

import numpy as np

from frameworks import keras_in_float64, keras_net, keras_tensors, run_keras
from golden_rule import draw, images_and_labels

FOLDER = Path(__file__).parents[1] / "data" / "golden"


def main(out):
    for path in sorted(FOLDER.glob("keras_*.json")):
        info = json.loads(path.read_text())
        model = "-".join(path.stem.split("_")[1:-1])
        x, labels = images_and_labels(info["seed"], info["batch"], info["height"], info["width"], info["classes"])
        with keras_in_float64():
            net = keras_net(model, 1.0, info["classes"], info["height"], info["width"])
            assert [[n, list(s), r] for n, s, r in keras_tensors(net)] == info["tensors"]
            result = run_keras(net, draw(info["tensors"], info["seed"]), x, labels)
        names = [name for name, _, _ in info["tensors"]]
        np.savez_compressed(
            Path(out) / f"{path.stem}_float64.npz",
            eval_logits=result["eval_logits"],
            train_logits=result["train_logits"],
            loss=result["loss"],
            grad_norm=[np.linalg.norm(result["grads"].get(name, np.nan)) for name in names],
            grad_head=[_head(result["grads"].get(name), 16) for name in names],
            stat_head=[_head(result["stats"].get(name), 16) for name in names],
            dx_norm=np.linalg.norm(result["dx"]),
            dx_head=_head(result["dx"], 64),
        )
        print(path.stem)


def _head(array, count):
    if array is None:
        return np.full(count, np.nan)
    flat = np.asarray(array).ravel()[:count]
    return np.pad(flat, (0, count - flat.size))


if __name__ == "__main__":
    main(sys.argv[1])
