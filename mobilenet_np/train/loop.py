"""The training loop: shuffle, forward, loss, backward, step, and once an epoch look at images never trained on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputTypeError, check, check_positive
from ..forms import current_form
from ..models import Network, check_images
from ..ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from .schedule import cosine
from .sgd import SGD


@dataclass
class History:
    """What happened in training.

    Attributes
    ----------
    loss, lr : list of float
        Loss of every batch before its step, and the learning rate of the step.
    train_accuracy : list of float
        One number an epoch: the share of right answers on the training batches, each counted with the weights of its
        moment and the batch's own statistics.
    test_accuracy : list of float
        One number an epoch: after it, on the test images, with the running statistics. Empty without test images.
    steps : int
        Batches of an epoch.
    seconds, first_step : float
        Wall-clock time of the training with its tests, and the part of it that the first step took: on first use that
        step compiles the kernels.
    interrupted : bool
        Whether Ctrl-C ended it early.
    """

    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    first_step: float = 0.0
    interrupted: bool = False


def fit(
    net: Network,
    x: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch_size: int = 32,
    lr: float = 0.1,
    warmup: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    rng: int | np.random.Generator = 0,
    progress: bool = True,
) -> History:
    """Train a network in place, with `SGD` under a `cosine` schedule.

    The same network (built from the same seed), images and seed give the same weights, bit for bit. Ctrl-C ends the
    training and keeps what was learned; it may fall between the updates of two layers, which no network minds.

    Parameters
    ----------
    net : Network
    x : (N, H, W, 3) float, of the network's dtype
        Normalized images, as `mobilenet_np.preprocess` makes them.
    y : (N,) int
        The class of every image.
    epochs : int
        How often every image is seen. What is left over of the shuffled images after the last full batch sits out that
        epoch: a batch of one image has no variance to normalize by.
    batch_size : int
    lr : float
        Peak of the learning rate.
    warmup : float
        Share of the training, in [0, 1), in which the learning rate grows linearly.
    momentum, weight_decay : float
        See `SGD`.
    augment : callable, optional
        ``augment(images, rng)`` changes a batch before it is learned from: `mobilenet_np.data.random_shift`.
    test : (x, y), optional
        Images and labels to judge by after every epoch.
    rng : int or Generator
        Seed of the order of the images and of ``augment``. (Dropout masks come from the network's own seed.)
    progress : bool
        Show a progress bar.

    Returns
    -------
    history : History

    Raises
    ------
    ValueError, TypeError
        If the images and labels, or the numbers, do not fit together.
    FloatingPointError
        If the loss is no longer finite.
    """
    check_positive("fit", "epochs", epochs, integer=True)
    check_positive("fit", "batch_size", batch_size, integer=True)
    check_positive("fit", "lr", lr)
    check(0 <= warmup < 1, f"fit: warmup is {warmup!r}; it must be a share of the training, at least 0 and below 1")
    _check_examples("fit", net, x, y)
    if test is not None:
        _check_examples("fit, test", net, *test)
    check(len(x) >= batch_size, f"fit: x has {len(x)} images, fewer than one batch of {batch_size}")

    from tqdm import tqdm

    rng, sgd, steps = np.random.default_rng(rng), SGD(momentum, weight_decay), len(x) // batch_size
    history = History(steps=steps)
    total = epochs * steps
    begin = time.perf_counter()
    with tqdm(total=total, disable=not progress, unit="step") as bar:
        if current_form() == "numba":
            bar.set_description("first step (compiles the kernels on first use)")
        try:
            for epoch in range(epochs):
                right = 0
                for batch in rng.permutation(len(x))[: steps * batch_size].reshape(steps, batch_size):
                    rate = cosine(len(history.loss), total, int(warmup * total), lr)
                    images = augment(x[batch], rng) if augment else x[batch]
                    loss, p = _step(net, images, y[batch], sgd, rate)
                    history.loss.append(loss)
                    history.lr.append(rate)
                    right += (p.argmax(axis=1) == y[batch]).sum()
                    if len(history.loss) == 1:
                        history.first_step = time.perf_counter() - begin
                    bar.set_description(f"epoch {epoch + 1}/{epochs}", refresh=False)
                    bar.update()
                history.train_accuracy.append(float(right / (steps * batch_size)))
                if test is not None:
                    history.test_accuracy.append(evaluate(net, *test)[0])
                bar.set_postfix(_latest(history))
        except KeyboardInterrupt:
            history.interrupted = True
    history.seconds = time.perf_counter() - begin
    return history


def _step(net: Network, x: np.ndarray, y: np.ndarray, sgd: SGD, lr: float) -> tuple[float, np.ndarray]:
    """Learn from one batch: its loss and the probabilities, both from before the update."""
    logits = net.forward(x, train=True)
    loss, cache = softmax_cross_entropy_forward(logits, y)
    if not np.isfinite(loss):
        raise FloatingPointError(f"fit: the loss is {loss}; lower lr (now {lr:.3g}), or lengthen the warmup")
    net.backward(softmax_cross_entropy_backward(1.0, cache), wants_dx=False)
    sgd.step(net.params, net.grads, lr)
    return float(loss), cache.p


def evaluate(net: Network, x: np.ndarray, y: np.ndarray, batch_size: int = 64) -> tuple[float, np.ndarray]:
    """Accuracy and predictions in inference mode.

    Parameters
    ----------
    net : Network
    x : (N, H, W, 3) float, of the network's dtype
        Normalized images.
    y : (N,) int
    batch_size : int
        Images at a time; the result does not depend on it.

    Returns
    -------
    accuracy : float
        Share of the images whose largest logit is the right one.
    predictions : (N,) int
    """
    check_positive("evaluate", "batch_size", batch_size, integer=True)
    _check_examples("evaluate", net, x, y)
    predictions = np.concatenate(
        [net.forward(x[i : i + batch_size]).argmax(axis=1) for i in range(0, len(x), batch_size)]
    )
    return float((predictions == y).mean()), predictions


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """How often each class was taken for each other.

    Parameters
    ----------
    labels, predictions : (N,) int
        Right and given answers, 0 to classes - 1.
    classes : int

    Returns
    -------
    counts : (classes, classes) int
        Row: the label; column: the prediction. Right answers are on the diagonal.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), 3)
    array([[1, 0, 1],
           [0, 1, 0],
           [0, 0, 1]])
    """
    op = "confusion_matrix"
    check_positive(op, "classes", classes, integer=True)
    _check_classes(op, "labels", labels, classes)
    _check_classes(op, "predictions", predictions, classes)
    check(len(labels) == len(predictions), f"{op}: {len(labels)} labels, {len(predictions)} predictions")
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def _check_examples(op: str, net: Network, x: np.ndarray, y: np.ndarray) -> None:
    check_images(op, x, net.dtype)
    _check_classes(op, "y", y, net.architecture.classes)
    check(len(x) == len(y), f"{op}: x has {len(x)} images, y {len(y)} labels; every image needs one")


def _check_classes(op: str, name: str, values: np.ndarray, classes: int) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iu":
        seen = values.dtype if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        raise InputTypeError(f"{op}: {name} is {seen}; it must be a NumPy array of integers")
    check(values.ndim == 1 and values.size > 0, f"{op}: {name} has shape {values.shape}; it must be (N,), N at least 1")
    check(
        values.min() >= 0 and values.max() < classes,
        f"{op}: {name} reaches from {values.min()} to {values.max()}; {classes} classes allow 0 to {classes - 1}",
    )


def _latest(history):
    kinds = {"train": history.train_accuracy, "test": history.test_accuracy}
    return {"loss": f"{history.loss[-1]:.3f}"} | {name: f"{a[-1]:.1%}" for name, a in kinds.items() if a}
