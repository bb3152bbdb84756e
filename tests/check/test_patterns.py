"""Where a gradient is wrong, in words. The forward pass is x * 1; backward spoils dy."""

import numpy as np
import pytest

from mobilenet_np.check import gradcheck

X = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3) / 10 - 6.0  # -6.0, -5.9 ... 5.9


def where(spoil, x=X):
    """What is said about dx when ``spoil(dx, x, dy)`` has been at it."""

    def backward(dy, x):
        dx = dy.copy()
        return spoil(dx, x, dy) if dx.ndim == X.ndim else dx

    report = gradcheck((lambda x: (x * 1, x), backward), x)
    (finding,) = report.diagnosis.findings
    (words,) = finding.where
    return words.partition("; ")[2]


def added(*index):
    def spoil(dx, x, dy):
        dx[index] += 1
        return dx

    return spoil


def added_where(mask):
    return lambda dx, x, dy: dx + mask(x)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (added(1), "exactly those in the last image"),
        (added(np.s_[:], 0), "exactly those in the first row"),
        (added(np.s_[:], np.s_[:], 2), "exactly those in column 2"),
        (added(np.s_[:], np.s_[1:3]), "exactly those in rows 1 to 2"),
        (added(np.s_[:], np.s_[:], np.s_[::2]), "exactly those in every 2nd column from 0 on"),
        (added(np.s_[:], np.s_[:], [0, 4]), "exactly those in the first and the last column"),
        (added(np.s_[:], np.s_[:], [0, 1, 4]), "exactly those in columns 0, 1, 4"),
        (added(0, np.s_[:], np.s_[:], 1), "exactly those in the first image, channel 1"),
        (added_where(lambda x: x > 2.05), "exactly those where x is above a number between 2 and 2.1"),
        (added_where(lambda x: x < -3.55), "exactly those where x is below a number between -3.6 and -3.5"),
        (
            added_where(lambda x: np.abs(x) < 3.05),
            "exactly those where x is inside a range that begins between -3.1 and -3 and ends between 3 and 3.1",
        ),
        (
            added_where(lambda x: np.abs(x) > 3.05),
            "exactly those where x is outside a range that begins between -3.1 and -3 and ends between 3 and 3.1",
        ),
    ],
)
def test_places(spoil, words):
    assert where(spoil).startswith(words)


def test_several_entries():
    x = np.arange(6.0)
    report = gradcheck((lambda x: (x * x, x), lambda dy, x: np.where((x > 0.5) & (x < 4.5), 3, 2) * dy * x), x)
    assert "exactly those in entries 1 to 4" in str(report.diagnosis)


def border(dx, x, dy):
    inner = dx[:, 1:-1, 1:-1].copy()
    dx += 1
    dx[:, 1:-1, 1:-1] = inner
    return dx


def test_the_border():
    assert where(border).startswith("right in rows 1 to 2, columns 1 to 3 alone")

    def most_of_it(dx, x, dy):
        border(dx, x, dy)[0, 0, 0, 0] -= 1
        return dx

    assert where(most_of_it).startswith("only at the border, though not all of it")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda dx, x, dy: np.where(x > 2.05, 0, dx), "ours is zero there"),
        (lambda dx, x, dy: np.where(x > 2.05, -2.5 * dx, dx), "ours is -2.5 times the true gradient there"),
        (
            lambda dx, x, dy: dx * [1.5, -2.0, 3.0],
            "off by one factor in each channel: 1.5, -2, 3",
        ),
        (lambda dx, x, dy: dx * (1 + 1e-8 * np.sin(x * 99)), "the errors are as small as rounding in float32"),
    ],
)
def test_numbers(spoil, words):
    assert words in where(spoil)


def test_no_pattern_is_made_up():
    noise = np.random.default_rng(0).standard_normal(X.shape)
    assert where(lambda dx, x, dy: dx + noise[: len(dx), : dx.shape[1], : dx.shape[2]] if len(dx) == 2 else dx) == ""


def test_another_mask():
    def forward(x):
        return np.where(x.real > 0, 2 * x, 0), x

    def backward(dy, x):
        other = np.random.default_rng(0).random(x.shape) > 0.5
        return 2 * dy * other

    report = gradcheck((forward, backward), np.random.default_rng(1).standard_normal((4, 6)))
    assert not report.diagnosis.findings[0].named
    assert "both are one number times dy, or zero, in different places: another mask" in str(report)
