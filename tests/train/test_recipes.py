"""Real data: a small MobileNet reads handwritten digits that it has never seen."""

import numpy as np
import pytest

from mobilenet_np.data import digits
from mobilenet_np.models import preprocess
from mobilenet_np.train import RECIPES, confusion_matrix, evaluate, small_network, train_digits


@pytest.fixture(scope="module")
def split():
    return digits()


def test_reads_97_percent_of_digits_never_seen(split):
    net, history = train_digits(RECIPES["v3-small"], split, progress=False)
    accuracy, predictions = evaluate(net, preprocess(split.x_test, net), split.y_test)
    assert accuracy >= 0.97
    assert accuracy == history.test_accuracy[-1]
    assert len(history.loss) == RECIPES["v3-small"].epochs * (len(split.x_train) // 32)
    counts = confusion_matrix(split.y_test, predictions, 10)
    assert counts.trace() == (predictions == split.y_test).sum()
    assert (counts.diagonal() >= 0.85 * counts.sum(axis=1)).all()  # no digit is left out


def test_a_recipe_for_every_version():
    assert [recipe.model for recipe in RECIPES.values()] == list(RECIPES) == ["v1", "v2", "v3-small"]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_residual_blocks_begin_as_the_identity(recipe):
    net = small_network(recipe)
    residual = [net.children[block.name] for block in net.architecture.blocks if block.residual]
    assert bool(residual) == (recipe.model != "v1")
    for block in residual:
        channels = block.children["project"].params["bn.gamma"].size
        x = np.random.default_rng(0).normal(size=(2, 4, 4, channels)).astype(np.float32)
        assert (block.forward(x, train=True) == x).all()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_running_statistics_forget_within_the_training(recipe):
    """After 100 batches no more than 1/1000 of the start is left."""
    net = small_network(recipe)
    norms = [leaf for _, leaf in net.walk() if leaf.op == "batch_norm"]
    assert norms
    assert all(leaf.decay**100 < 1e-3 for leaf in norms)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_seed_decides_everything(recipe, split):
    """Same seed, same bits; another seed, another network."""
    few = split._replace(
        x_train=split.x_train[:64], y_train=split.y_train[:64], x_test=split.x_test[:8], y_test=split.y_test[:8]
    )
    first, again, other = (
        train_digits(recipe._replace(epochs=1), few, rng, progress=False)[0].params for rng in (3, 3, 4)
    )
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
