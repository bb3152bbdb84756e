"""Chapter 6 of the tour: a small network of each version learns to read handwritten digits."""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np

from ..data import Split, digits
from ..models import Network, preprocess
from ..report import Section, chart, gallery, picture, table
from ..show import accuracies, confusion_matrix, feature_maps, filters, losses
from ..trace import trace
from ..train import RECIPES, History, confusion_matrix as count_confusions, evaluate, train_digits
from .result import Result

NAMES = {"v1": "V1", "v2": "V2", "v3-small": "V3-Small"}
QUICK_EPOCHS = 2
# The least share of right answers that counts as learned, of each network and of the best; guessing gives a tenth.
LEARNED, BEST = 0.95, 0.97
LEARNED_QUICK = 0.2
SHOWN = 12  # mistakes of each network


class Trained(NamedTuple):
    """One network after its training."""

    name: str
    net: Network
    history: History
    accuracy: float
    predictions: np.ndarray
    """(N,), of the test images"""


def run(seed: int, quick: bool) -> Result:
    """Train the three networks, judge them, and write the chapter.

    Parameters
    ----------
    seed : int
        Of the initial weights and the order of the images.
    quick : bool
        `QUICK_EPOCHS` instead of the recipes' number.
    """
    split = digits()
    trained = [_train(model, split, seed, quick) for model in RECIPES]
    right = ", ".join(f"{t.name} {t.accuracy:.1%}" for t in trained)
    return Result(
        ok=_learned([t.accuracy for t in trained], quick),
        summary=f"right on {len(split.y_test)} digits never seen in training: {right}",
        fact=("Digits read", f"{max(t.accuracy for t in trained):.1%}", f"of {len(split.y_test)} test images: {right}"),
        section=Section("training", "Three networks learn to read", _chapter(split, trained)),
    )


def _learned(accuracies: list[float], quick: bool) -> bool:
    if quick:
        return min(accuracies) > LEARNED_QUICK
    return min(accuracies) > LEARNED and max(accuracies) >= BEST


def _train(model: str, split: Split, seed: int, quick: bool) -> Trained:
    recipe = RECIPES[model]._replace(epochs=QUICK_EPOCHS) if quick else RECIPES[model]
    net, history = train_digits(recipe, split, seed, progress=sys.stderr.isatty())
    if history.interrupted:
        raise KeyboardInterrupt
    accuracy, predictions = evaluate(net, preprocess(split.x_test, net), split.y_test)
    return Trained(NAMES[model], net, history, accuracy, predictions)


def _chapter(split: Split, trained: list[Trained]) -> str:
    histories = {t.name: t.history for t in trained}
    rows = [
        (
            t.name,
            f"{t.net.architecture.width:g}",
            sum(p.size for p in t.net.params.values()),
            len(t.history.train_accuracy),
            f"{t.history.loss[-1]:.3f}",
            f"{t.accuracy:.1%}",
            int((t.predictions != split.y_test).sum()),
            f"{t.history.seconds:.0f}",
        )
        for t in trained
    ]
    head = ("network", "width", "parameters", "epochs", "last loss", "right", "mistakes", "seconds")
    height, width = split.x_train.shape[1:3]
    examples = [split.x_train[np.flatnonzero(split.y_train == digit)[0]] for digit in range(10)]
    matrices = [
        chart(
            lambda ax, t=t: confusion_matrix(count_confusions(split.y_test, t.predictions, 10), ax).set_title(t.name),
            f"Confusion matrix of {t.name}: {t.accuracy:.1%} on the diagonal",
            size=(4.2, 4.0),
        )
        for t in trained
    ]
    return f"""
<p>The proof of a network is that it learns. {len(split.y_train)} scans of handwritten digits, enlarged to
{height}&thinsp;×&thinsp;{width} pixels, are shown to a small network of each version; {
        len(split.y_test)
    } others are kept
back to judge it. (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository 1998, as shipped with scikit-learn.)</p>
{gallery(*(picture(image, f"A handwritten {digit}") for digit, image in enumerate(examples)), columns=10)}
{table(head, rows, "lrrrrrrr")}
<p>In each step a network sees a small batch of images, its hand-written backward pass says how each weight would lower
the loss, and all weights move a little that way. The loss is the cross entropy: minus the logarithm of the probability
that the network gave to the right digit.</p>
{
        gallery(
            chart(
                lambda ax: losses(histories, ax),
                "Training loss of the three networks falls over the epochs",
                "Loss of every batch (faint), and its mean over each epoch.",
            ),
            chart(
                lambda ax: accuracies(histories, ax),
                "Accuracy of the three networks rises over the epochs",
                "Share of right answers. The training batches are judged while the weights still change.",
            ),
        )
    }
{_inside(trained[0], examples[3])}
<h3>What was taken for what</h3>
<p>A row holds all test images of one digit; the columns are what the network said. Everything off the diagonal is a
mistake.</p>
{gallery(*matrices, smallest=18)}
<h3>The mistakes</h3>
<p>Which digit it is, and what the network took it for. Some of them are hard to read for people, too.</p>
{"".join(_mistakes(split, t) for t in trained)}"""


def _inside(t: Trained, image: np.ndarray) -> str:
    """The first depthwise separable block of V1 after training: its kernels, and what both halves make of a digit."""
    steps = trace(t.net, preprocess(image[None], t.net))
    w, depthwise, block = t.net.params["block1.depthwise.conv.w"], steps["block1.depthwise"], steps["block1"]
    return f"""
<h3>What it has learned to look at</h3>
<p>The first block of {t.name} after its training, and what it makes of the 3 above. Each depthwise kernel looks at one
channel alone, for edges of one direction, say; the pointwise convolution behind it mixes what they found.</p>
{
        gallery(
            chart(
                lambda ax: filters(w, ax),
                f"{w.shape[-1]} depthwise kernels of three by three weights, as tiles of colour",
                "Depthwise kernels. White is 0, purple positive, orange negative.",
                size=(4.6, 2.7),
            ),
            chart(
                lambda ax: feature_maps(depthwise.forward.y[0], ax),
                "What each depthwise kernel made of a handwritten 3",
                "A map for each of them, after BatchNorm and ReLU.",
                size=(4.6, 2.7),
            ),
            chart(
                lambda ax: feature_maps(block.forward.y[0], ax),
                "Maps of the pointwise convolution, each a mixture of all depthwise maps",
                "Pointwise: every map a mixture of all those before.",
                size=(4.6, 2.7),
            ),
            smallest=18,
        )
    }"""


def _mistakes(split: Split, trained: Trained) -> str:
    wrong = np.flatnonzero(trained.predictions != split.y_test)
    if not len(wrong):
        return f"<p>{trained.name} made none.</p>"
    pictures = [
        picture(
            split.x_test[i],
            f"A handwritten {split.y_test[i]} that {trained.name} took for a {trained.predictions[i]}",
            f"{split.y_test[i]} → {trained.predictions[i]}",
        )
        for i in wrong[:SHOWN]
    ]
    which = f"the first {SHOWN} of {len(wrong)}" if len(wrong) > SHOWN else f"all {len(wrong)}"
    return f"<p>{trained.name}, {which}:</p>{gallery(*pictures, smallest=5)}"
