"""The loop learns, repeats itself bit for bit, ends cleanly, and looks at inputs before it starts."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.data import digits, random_shift
from mobilenet_np.train import SGD, History, confusion_matrix, cosine, evaluate, fit, loop

MODEL = dict(width=0.25, classes=10)


@pytest.fixture(scope="module")
def few():
    """64 images of the digits 0 and 1, and their labels."""
    split = digits()
    chosen = np.flatnonzero(split.y_train < 2)[:64]
    return split.x_train[chosen] * 2 - 1, split.y_train[chosen]


def _fit(few, model="v3-small", net_seed=0, **options):
    net = mn.build(model, rng=net_seed, **MODEL)
    return net, fit(net, *few, **dict(epochs=2, batch_size=16, lr=0.02, progress=False) | options)


def _arrays(net):
    return np.concatenate([array.ravel() for array in [*net.params.values(), *net.buffers.values()]])


def test_loss_falls_and_accuracy_rises(few):
    net, history = _fit(few, epochs=6)
    assert np.mean(history.loss[-4:]) < 0.2 * np.mean(history.loss[:4])
    assert history.loss[0] == pytest.approx(np.log(10), abs=0.5)  # a network that knows nothing
    assert history.train_accuracy[-1] > 0.9 > history.train_accuracy[0]
    assert not history.interrupted


def test_history_has_a_number_for_every_step_and_every_epoch(few):
    _, history = _fit(few, epochs=3, test=(few[0][:8], few[1][:8]))
    assert len(history.loss) == len(history.lr) == 3 * 64 // 16
    assert len(history.train_accuracy) == len(history.test_accuracy) == 3
    assert history.lr == [cosine(step, total=12, warmup=1, peak=0.02) for step in range(12)]
    assert 0 < history.first_step < history.seconds


def test_one_step_is_forward_backward_and_sgd(few):
    """One batch that holds all images: the order cannot matter but for rounding, so it is reproduced by hand."""
    x, y = (a[:16] for a in few)
    net, history = _fit((x, y), epochs=1, warmup=0, weight_decay=0.01)
    by_hand = mn.build("v3-small", **MODEL)
    order = np.random.default_rng(0).permutation(16)
    loss, cache = mn.ops.softmax_cross_entropy.softmax_cross_entropy_forward(
        by_hand.forward(x[order], train=True), y[order]
    )
    by_hand.backward(mn.ops.softmax_cross_entropy.softmax_cross_entropy_backward(1.0, cache))
    SGD(0.9, 0.01).step(by_hand.params, by_hand.grads, lr=0.02)
    assert history.loss == [loss]
    assert (_arrays(net) == _arrays(by_hand)).all()


def test_every_epoch_sees_every_image_once_in_another_order(few, monkeypatch):
    seen = []
    monkeypatch.setattr(loop, "_step", lambda net, x, y, sgd, lr: (seen.append(x), (1.0, np.eye(10)[y]))[1])
    _, history = _fit(few)
    first, second = np.concatenate(seen[:4]), np.concatenate(seen[4:])
    assert (first != second).any()
    for epoch in (first, second):
        assert sorted(x.tobytes() for x in epoch) == sorted(x.tobytes() for x in few[0])
    assert history.train_accuracy == [1.0, 1.0]


def test_what_is_left_over_sits_out(few, monkeypatch):
    seen = []
    monkeypatch.setattr(loop, "_step", lambda net, x, y, sgd, lr: (seen.append(len(x)), (1.0, np.eye(10)[y]))[1])
    _fit(few, batch_size=24)
    assert seen == [24, 24, 24, 24]


def test_augment_changes_what_is_learned_from_and_nothing_else(few, monkeypatch):
    """Every batch goes through it, with the training's generator; the labels and the test images do not."""
    seen = []

    def negative(images, rng):
        assert isinstance(rng, np.random.Generator)
        return -images

    def watch(net, x, y, sgd, lr, step=loop._step):
        seen.append((x, y))
        return step(net, x, y, sgd, lr)

    monkeypatch.setattr(loop, "_step", watch)
    before = few[0].copy()
    net, history = _fit(few, epochs=1, augment=negative, test=few)
    assert history.test_accuracy == [evaluate(net, *few)[0]]
    assert (few[0] == before).all()
    pairs = sorted((x.tobytes(), label) for x, y in seen for x, label in zip(-x, y, strict=True))
    assert pairs == sorted((x.tobytes(), label) for x, label in zip(*few, strict=True))


@pytest.mark.parametrize("model", ["v1", "v2", "v3-small"])
def test_same_seed_same_bits(few, model):
    """With shifts from the training's seed, and dropout, whose masks come from the network's."""
    first, again = (_fit(few, model, rng=5, augment=random_shift)[0] for _ in range(2))
    assert (_arrays(first) == _arrays(again)).all()


def test_another_seed_is_another_training(few):
    assert (_arrays(_fit(few, rng=5)[0]) != _arrays(_fit(few, rng=6)[0])).any()


def test_ctrl_c_ends_cleanly(few, monkeypatch, capsys):
    steps = []

    def interrupted_in_the_sixth(*args, step=loop._step):
        steps.append(1)
        if len(steps) == 6:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(loop, "_step", interrupted_in_the_sixth)
    net, history = _fit(few, epochs=4, test=few, progress=True)
    assert history.interrupted
    assert len(history.loss) == len(history.lr) == 5
    assert len(history.train_accuracy) == len(history.test_accuracy) == 1
    assert history.seconds > 0
    assert np.isfinite(net.forward(few[0])).all()
    assert fit(net, *few, epochs=1, batch_size=16, progress=False).interrupted is False  # and can go on


def test_ctrl_c_in_the_first_step(few, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_step", interrupt)
    _, history = _fit(few)
    assert history == History(steps=history.steps, seconds=history.seconds, interrupted=True)


def test_the_bar_says_when_kernels_are_compiled_and_then_what_is_reached(few, capsys):
    with mn.form("numba"):
        _fit(few, test=few, progress=True)
    text = capsys.readouterr().err
    assert "first step (compiles the kernels on first use)" in text
    assert "epoch 2/2" in text
    assert "loss=" in text
    assert "test=" in text
    with mn.form("numpy"):
        _fit(few, epochs=1, progress=True)
    assert "compiles" not in capsys.readouterr().err


def test_no_bar(few, capsys):
    _fit(few, epochs=1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_loss_that_is_not_finite_stops_at_once(few, monkeypatch):
    x = few[0].copy()
    x[:, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="the loss is nan; lower lr"):
        _fit((x, few[1]))


def test_evaluate_does_not_depend_on_the_batch_size_and_changes_nothing(few):
    net, _ = _fit(few, epochs=4)
    before = _arrays(net)
    accuracy, predictions = evaluate(net, *few)
    again, same = evaluate(net, *few, batch_size=7)
    assert accuracy == again == (predictions == few[1]).mean()
    assert (predictions == same).all()
    assert predictions.shape == (64,)
    assert (_arrays(net) == before).all()


def test_confusion_matrix():
    labels, predictions = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    counts = confusion_matrix(labels, predictions, 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    assert counts.trace() == (labels == predictions).sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(epochs=0), "fit: epochs is 0; it must be a positive integer"),
        (dict(epochs=1.5), "fit: epochs is 1.5"),
        (dict(batch_size=65), "fit: x has 64 images, fewer than one batch of 65"),
        (dict(batch_size=0), "fit: batch_size is 0"),
        (dict(lr=0.0), "fit: lr is 0.0"),
        (dict(lr=float("inf")), "fit: lr is inf"),
        (dict(warmup=1), "fit: warmup is 1; it must be a share of the training"),
        (dict(warmup=-0.1), "fit: warmup is -0.1"),
        (dict(momentum=1), "SGD: momentum is 1"),
        (dict(weight_decay=-1), "SGD: weight_decay is -1"),
    ],
)
def test_errors_in_the_numbers(few, options, message):
    with pytest.raises(ValueError, match=message):
        _fit(few, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y[:-1]), "x has 64 images, y 63 labels; every image needs one"),
        (lambda x, y: (x, y.astype(float)), "y is float64; it must be a NumPy array of integers"),
        (lambda x, y: (x, list(y)), "y is a list; it must be a NumPy array of integers"),
        (lambda x, y: (x, y[:, None]), r"y has shape \(64, 1\); it must be \(N,\)"),
        (lambda x, y: (x, y - 1), "y reaches from -1 to 0; 10 classes allow 0 to 9"),
        (lambda x, y: (x, y + 9), "y reaches from 9 to 10; 10 classes allow 0 to 9"),
        (lambda x, y: (x.astype(float), y), "x is float64, the network float32"),
        (lambda x, y: (x[:, :16], y), "x is 16x32; images must be at least 32x32"),
    ],
)
def test_errors_in_the_images_and_labels(few, change, message):
    """Before anything is computed: for the training and for the test images, and in evaluate."""
    net = mn.build("v3-small", **MODEL)
    before = _arrays(net)
    wrong = change(*few)
    options = dict(epochs=1, batch_size=16, progress=False)
    with pytest.raises(ValueError, match=f"fit: {message}"):
        fit(net, *wrong, **options)
    with pytest.raises(ValueError, match=f"fit, test: {message}"):
        fit(net, *few, test=wrong, **options)
    with pytest.raises(ValueError, match=f"evaluate: {message}"):
        evaluate(net, *wrong)
    assert (_arrays(net) == before).all()


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [0], "2 labels, 1 predictions"),
        ([0, 3], [0, 1], "labels reaches from 0 to 3; 3 classes allow 0 to 2"),
        ([0, 1], [-1, 1], "predictions reaches from -1 to 1; 3 classes allow 0 to 2"),
        ([0.0, 1.0], [0, 1], "labels is float64"),
    ],
)
def test_errors_in_the_confusion_matrix(labels, predictions, message):
    with pytest.raises(ValueError, match=f"confusion_matrix: {message}"):
        confusion_matrix(np.array(labels), np.array(predictions), 3)
