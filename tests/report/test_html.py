"""The parts of a page, and the file it is written to."""

import base64
import html
import io
import re
import stat

import numpy as np
import pytest

from mobilenet_np.report import (
    Html,
    Section,
    chart,
    details,
    escape,
    facts,
    frame,
    gallery,
    page,
    picture,
    table,
    verdict,
    write,
)


def test_text_is_escaped_once():
    assert escape("<&>") == "&lt;&amp;&gt;"
    assert escape(escape("<")) == "&lt;"
    assert "&lt;b&gt;" in table(("a",), [("<b>",)], "l")
    assert "<b>x</b>" in table(("a",), [(Html("<b>x</b>"),)], "l")
    assert "&lt;i&gt;" in details("<i>", "")
    assert "&lt;i&gt;" in facts([("<i>", "", "")])
    assert 'alt="&quot;x&quot;"' in picture(np.zeros((2, 2)), '"x"')


def test_table():
    text = table(("name", "count"), [("a", 1234567), ("b", np.int64(89))], "lr", ("all", 1234656))
    assert re.findall(r'<td class="r">([^<]*)</td>', text) == ["1,234,567", "89", "1,234,656"]
    assert text.count("<tr>") == 4
    assert text.startswith('<div class="scroll"')


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: table(("a", "b"), [], "l"), "2 columns, align 'l' has 1 letters"),
        (lambda: table(("a",), [("x", "y")], "l"), "a line has 2 cells, the head has 1"),
    ],
)
def test_table_does_not_lose_cells(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_paths_break_after_a_slash_where_text_may_break():
    text = table(("a", "b", "c"), [("x/y", "x/y", Html("<b>x</b>"))], "lnl")
    assert re.findall(r"<td[^>]*>(.*?)</td>", text) == ["x/<wbr>y", "x/y", "<b>x</b>"]


def test_frame_holds_a_page_of_its_own():
    text = frame("<p title=\"a\">'b' & c</p>", 'a "name"', "<b>table</b>")
    (document,) = re.findall(r'srcdoc="([^"]*)"', text)
    assert html.unescape(document) == "<p title=\"a\">'b' & c</p>"
    assert 'sandbox="allow-scripts" title="a &quot;name&quot;"' in text
    assert "<b>table</b></details>" in text
    assert "<details" not in frame("", "")


def test_wide_charts_scroll_and_others_shrink():
    def draw(axes):
        assert axes.shape == (2,)

    wide = chart(draw, "two", size=(9, 2), columns=2)
    assert '<div class="scroll plain" tabindex="0">' in wide
    assert 'class="chart wide" style="width:57.6rem"' in wide
    assert "scroll" not in chart(lambda ax: ax.plot([1]), "one")


def test_verdict_is_told_apart_without_colour():
    assert "✓ equal" in verdict(True)
    assert "✗ differs" in verdict(False)
    assert 'class="bad"' in verdict(False)


def test_gallery():
    assert "--columns:3" in gallery("a", "b", columns=3)
    assert "--smallest:18rem" in gallery("a", smallest=18)


def test_picture_holds_the_pixels():
    from matplotlib.image import imread

    array = np.tile(np.linspace(0, 1, 64), (48, 1))
    text = picture(array, "a ramp", "from black to white", kernel=np.eye(3))
    (jpeg,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    (png,) = re.findall(r"data:image/png;base64,([^\"]+)", text)
    pixels = imread(io.BytesIO(base64.b64decode(jpeg)), format="jpeg")
    assert pixels.shape == (48, 64, 3)
    assert abs(pixels[..., 0] / 255 - array).max() < 0.03
    assert imread(io.BytesIO(base64.b64decode(png)), format="png")[..., 0].tolist() == np.eye(3).tolist()
    assert "<figcaption>from black to white</figcaption>" in text


def test_chart_is_drawn_for_both_themes_and_is_the_same_every_time():
    def draw(ax):
        ax.plot([0, 1], [0, 1])

    text = chart(draw, "a line", "up")
    images = [base64.b64decode(data).decode() for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", text)]
    assert len(images) == 2
    assert all("<svg" in image for image in images)
    assert "prefers-color-scheme: dark" in text
    assert "#e6e8eb" in images[0]  # the dark theme's ink, in the <source>
    assert "#1c2128" in images[1]
    assert text == chart(draw, "a line", "up")


def test_page():
    text = page("A < B", "<p>lead</p>", [Section("one", "First", "<p>1</p>"), Section("two", "Second", "<p>2</p>")])
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>A &lt; B</title>" in text
    assert re.findall(r'<a href="#(\w+)">', text) == re.findall(r'<section id="(\w+)">', text) == ["one", "two"]
    assert 'name="viewport" content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text
    assert "<script" not in text


def test_written_file_is_whole_and_readable(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    assert write("new ×", path) == path
    assert path.read_text(encoding="utf-8") == "new ×"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert path.stat().st_mode & stat.S_IRUSR
    plain = tmp_path / "plain"
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode


def test_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write("new", path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_where_it_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        write("x", tmp_path / "nowhere" / "page.html")
    with pytest.raises(ValueError, match="is a folder"):
        write("x", tmp_path)
