"""The figures for slides: of the right size, whole, and readable."""

import struct
from xml.etree import ElementTree

import matplotlib.text
import pytest

from mobilenet_np.course.figures import FIGURES, PIXELS, draw, figures, images


@pytest.mark.parametrize("name", FIGURES)
def test_everything_fits_and_can_be_read(name):
    figure = draw(FIGURES[name])
    figure.draw_without_rendering()
    page = figure.bbox
    drawn = figure.get_tightbbox()  # in inches
    assert drawn.x0 > 0
    assert drawn.y0 > 0
    assert drawn.x1 * figure.dpi < page.x1
    assert drawn.y1 * figure.dpi < page.y1
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text().strip() and text.get_visible()]
    heights = [text.get_fontsize() / 72 * figure.dpi for text in texts]
    assert min(heights) > 15  # pixels of 1080: a slide's smallest


def test_files(tmp_path, monkeypatch):
    few = {name: FIGURES[name] for name in ("saving", "nonlinearities")}
    monkeypatch.setattr("mobilenet_np.course.figures.FIGURES", few)
    written = figures(tmp_path / "slides")
    assert [path.name for path in written] == ["saving.svg", "saving.png", "nonlinearities.svg", "nonlinearities.png"]
    assert sorted(path.name for path in (tmp_path / "slides").iterdir()) == sorted(path.name for path in written)
    for path in written:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert struct.unpack(">II", content[16:24]) == PIXELS
        else:
            assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
            assert b"<image" not in content  # lines stay lines


def test_the_same_numbers_give_the_same_file():
    assert images(FIGURES["saving"]) == images(FIGURES["saving"])
