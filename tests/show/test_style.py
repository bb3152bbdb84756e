"""One look, in light and in dark."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import show
from mobilenet_np.costs.rows import OPS
from mobilenet_np.show.style import OP_COLOURS, OP_NAMES, PAGE, SERIES, THEMES, greys, with_letters


def test_every_op_with_multiplications_has_a_colour_and_a_name():
    assert set(OP_COLOURS) == set(OP_NAMES) == set(OPS)
    assert len(set(OP_COLOURS.values())) == len(OPS)


@pytest.mark.parametrize("theme", THEMES)
def test_style_is_left_behind(theme):
    before = dict(mpl.rcParams)
    with show.style(theme):
        assert mpl.rcParams["text.color"] == THEMES[theme][0]
        assert plt.figure().get_facecolor() == (0, 0, 0, 0)
    assert dict(mpl.rcParams) == before


def test_interactive_drawing_that_a_notebook_switches_on_inside_stays_on():
    before = mpl.is_interactive()
    try:
        mpl.interactive(False)
        with show.style():
            mpl.interactive(True)  # as the backend does with the first figure
        assert mpl.is_interactive()
    finally:
        mpl.interactive(before)


@pytest.mark.parametrize("theme", THEMES)
def test_letters_and_lines_can_be_read_on_their_page(theme):
    """WCAG 2.1: a contrast of 4.5 for text; 3 is asked of graphics, and orange on white may have 2."""
    paper = {"light": "#fdfdfc", "dark": "#14171c"}[theme]
    assert _contrast(THEMES[theme][0], paper) > 7
    assert all(_contrast(colour, paper) > 2 for colour in SERIES[theme])


def test_figures_grow_with_their_letters_up_to_the_width_of_a_page():
    with plt.rc_context({"font.size": 12}):
        assert with_letters((5, 3)) == pytest.approx((6, 3.6))
        assert with_letters((9, 4)) == pytest.approx((PAGE, 4 * PAGE / 9))
        assert with_letters((16, 6)) == (16, 6)
    with plt.rc_context({"font.size": 8}):
        assert with_letters((5, 3)) == (5, 3)


def test_unknown_theme():
    with pytest.raises(ValueError, match="did you mean 'dark'"), show.style("darc"):
        pass


def test_greys():
    assert greys(np.array([[-1.0, 0.0, 3.0]]), limit=2.0).tolist() == [[0.25, 0.5, 1.0]]
    assert greys(np.array([[0.0, 1.0, 3.0]]), limit=2.0).tolist() == [[0.0, 0.5, 1.0]]
    assert greys(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
    many = np.r_[np.ones(999), 1000.0]
    assert greys(many)[0] > 0.9  # one outlier does not make everything else black


def _contrast(one, other):
    def luminance(colour):
        rgb = np.array(mpl.colors.to_rgb(colour))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    bright, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)
