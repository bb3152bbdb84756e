"""Every number stands in its own cell, beside its own indices."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import show

X, W = np.arange(12).reshape(3, 4), np.array([[0.5, -2.0]])


def _ax():
    return plt.figure().add_subplot()


def _at(ax, x, y):
    """The text in the middle of the cell at (x, y)."""
    (text,) = [t for t in ax.texts if np.allclose(t.get_position(), (x + 0.5, y + 0.5), atol=0.1)]
    return text


def test_every_number_in_its_cell():
    ax = show.numbers({"x": X, "w": W}, ax=_ax())
    for r, s in np.ndindex(X.shape):
        assert _at(ax, s, r).get_text() == str(X[r, s])
    left = 4 + 1.6
    assert [_at(ax, left + s, 1).get_text() for s in range(2)] == ["0.5", "-2"]  # one row, in the middle of three
    assert {"x", "w"} < {t.get_text() for t in ax.texts}


def test_minus_zero_is_zero():
    assert _at(show.numbers({"x": np.array([[-0.0]])}, ax=_ax()), 0, 0).get_text() == "0"


def test_wide_numbers_do_not_touch_their_neighbours():
    """Nor the lines between; in letters for a projector, too, and bold."""
    x = np.array([[-2.32, 1234.0, -12.25], [-0.0625, 3.0, 100000.0]])
    for points in (10, 14):
        with plt.rc_context({"font.size": points}):
            ax = show.numbers({"x": x, "w": W}, marked={"x": list(np.ndindex(x.shape))})
            ax.figure.canvas.draw()
        cells = {tuple(np.round(p.get_center(), 6)): p.get_window_extent() for p in ax.patches}
        texts = [t for t in ax.texts if t.get_weight() == "bold"]
        assert len(texts) == x.size
        for text in texts:
            cell = min(cells.items(), key=lambda item: np.hypot(*np.subtract(item[0], text.get_position())))[1]
            extent = text.get_window_extent()
            assert cell.x0 < extent.x0
            assert extent.x1 < cell.x1
    plt.close("all")


def test_indices_count_from_the_image_and_padding_is_outside():
    ax = show.numbers({"x": X}, padding={"x": ((1, 0), (0, 2))}, ax=_ax())
    assert [_at(ax, s, 0).get_text() for s in range(6)] == ["0"] * 6  # the padding above
    assert _at(ax, 3, 1).get_text() == "3"
    assert _at(ax, 5, 2).get_text() == "0"
    rows = [t.get_text() for t in ax.texts if t.get_position()[0] < 0]
    columns = [t.get_text() for t in ax.texts if t.get_fontsize() < 10 and -1 < t.get_position()[1] < 0]
    assert (rows, columns) == (["-1", "0", "1", "2"], ["0", "1", "2", "3", "4", "5"])


def test_marked_cells_are_bold_and_filled():
    ax = show.numbers({"x": X}, marked={"x": [(-1, 0), (2, 3)]}, padding={"x": ((1, 1), (1, 1))}, ax=_ax())
    assert [t.get_text() for t in ax.texts if t.get_weight() == "bold"] == ["0", "11"]
    assert [p.get_xy() for p in ax.patches if p.get_fill()] == [(1, 0), (4, 3)]


def test_a_figure_of_its_own_has_room_for_all():
    small, large = show.numbers({"x": W}), show.numbers({"x": X, "w": W, "y": X})
    assert large.figure.get_figwidth() > 2 * small.figure.get_figwidth()
    plt.close("all")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(arrays={}), "arrays is empty"),
        (dict(arrays={"x": np.zeros(3)}), r"x has shape \(3,\)"),
        (dict(arrays={"x": X}, marked={"y": [(0, 0)]}), "'y' is no title"),
        (dict(arrays={"x": X}, padding={"y": ((0, 0), (0, 0))}), "'y' is no title"),
        (dict(arrays={"x": X}, marked={"x": [(0, 0), (3, 0)]}), r"\[\(3, 0\)\] are not in x"),
    ],
)
def test_what_cannot_be_drawn(arguments, says):
    with pytest.raises(ValueError, match=says):
        show.numbers(**arguments, ax=_ax())
    plt.close("all")
