"""Figures in the notebooks."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from mobilenet_np import course, show
from mobilenet_np.show.style import BLUE


@pytest.fixture(autouse=True)
def _as_before():
    with mpl.rc_context():
        yield


def test_setup_is_the_house_style_for_a_projector():
    course.setup()
    assert mpl.rcParams["axes.spines.top"] is False
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"][0] == BLUE
    figure, ax = plt.subplots()
    pixels = ax.xaxis.label.get_size() * figure.dpi / 72
    plt.close(figure)
    assert pixels >= 20  # beside a notebook's text of 14


def test_plots_of_the_package_are_as_large():
    course.setup()
    ax = show.width_law("v1")
    assert ax.figure.dpi == 120
    plt.close(ax.figure)
