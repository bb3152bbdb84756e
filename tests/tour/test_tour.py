"""The tour as a whole: what it writes, what it says, and what it leaves behind when something goes wrong."""

import html
import re
from html.parser import HTMLParser

import pytest

from mobilenet_np.report import Section
from mobilenet_np.tour import run, tour
from mobilenet_np.tour.result import Result
from mobilenet_np.tour.run import Stage

import browsers

VOID = {"meta", "link", "br", "img", "wbr", "source"}


class Page(HTMLParser):
    """Every tag is closed where it should be; what the page refers to is kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.addresses, self.ids, self.unbalanced = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(attributes)
        self.addresses += [attributes[name] for name in ("src", "srcset", "href") if name in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.unbalanced.append((tag, self.getpos()))


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The quick tour, once for all tests of this file."""
    path = tmp_path_factory.mktemp("tour") / "report.html"
    assert tour(path, quick=True)
    return path.read_text(encoding="utf-8")


def test_page_is_well_formed(quick):
    page = Page(quick)
    assert page.unbalanced == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids)) == 7


def test_page_is_self_contained(quick):
    page = Page(quick)
    assert len(page.addresses) > 60
    for address in page.addresses:
        assert address.startswith("data:") or address.removeprefix("#") in page.ids, address[:80]
    assert "@import" not in quick
    assert "url(" not in re.sub(r"base64,[^\"]*", "", quick)
    assert len(quick) < 5_000_000  # some mailboxes take no more


TOO_WIDE = """
    document.querySelectorAll("details").forEach(part => part.open = true);
    return [...document.querySelectorAll(".scroll")].filter(box => box.querySelector("table"))
        .map((box, i) => [i, box.scrollWidth - box.clientWidth]).filter(([_, more]) => more > 0)"""


@browsers.needed
def test_tables_fit_a_laptop_and_no_screen_scrolls_sideways(quick, browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(quick, encoding="utf-8")
    browser.get(path.as_uri())
    for width in (1200, 800, 400):
        browsers.look(browser, width=width)
        too_wide = browser.execute_script(TOO_WIDE)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        if width == 1200:
            assert too_wide == []
        assert 0 not in [i for i, _ in too_wide]  # beside the figure, or below it


def test_every_image_says_what_it_shows(quick):
    for image in Page(quick).images:
        assert image.get("alt") or image["class"] == "kernel"


def test_page_has_the_numbers(quick):
    for number in ("568,740,352", "300,774,272", "216,589,760", "56,510,400", "112·112·3<sup>2</sup>·32"):
        assert number in quick
    assert "✗ differs" not in quick
    assert "✗ wrong" not in quick
    assert "182 of 182" in quick


def test_page_uses_what_there_is(quick):
    """Reconciliation, explanations, plots, statistics, receptive field, steppers, the diagnosis of the zoo."""
    for text in (
        "320,300,008",
        "601,548,544",
        "ptflops, pytorch mode",
        "what ran is what the formulas say",
        "✓ 400 of 400",
        "block3.depthwise.conv: y[0, 0, 5, 2] = ",
        "dx is computed with w rotated",
        "dx: overwritten by the next tap",  # in a learner's layer
        "dx[:, rows, columns] = dy * w[a, b]",
    ):
        assert text in quick
    frames = re.findall(r'<iframe srcdoc="([^"]*)" sandbox="allow-scripts" title="([^"]*)">', quick)
    assert [title for _, title in frames] == ["block3.depthwise, step by step", "one convolution, or two, step by step"]
    for document, _ in frames:
        inside = html.unescape(document)
        assert inside.startswith("<!DOCTYPE html>")
        assert "http" not in inside.replace("http://www.w3.org", "")
    alts = {image.get("alt", "").partition(" ")[0] for image in Page(quick).images}
    assert {"MobileNet", "Histograms", "Frames", "Top-1", "Pointwise"} <= alts
    whole = "\n".join(image.get("alt", "") for image in Page(quick).images)
    for plot in ("A spiral, and what ReLU leaves", "The error of a numerical slope", "8 depthwise kernels"):
        assert plot in whole
    assert "What each depthwise kernel made of a handwritten 3" in whole


def test_page_says_that_it_was_quick(quick):
    assert "A quick run" in quick
    assert "mobilenet-np tour --seed 0 --quick --out report.html" in quick


# ---------------------------------------------------------------------------------------------------------------------
# With stages that do nothing


def _result(ok=True):
    return Result(ok, "summary", ("label", "value", "remark"), Section("anchor", "Title", "<p>body</p>"))


def _stages(monkeypatch, *functions):
    stages = [Stage(f"stage {i}", function, 1.0) for i, function in enumerate(functions)]
    monkeypatch.setattr(run, "stages", lambda seed, quick: stages)


def _interrupt():
    raise KeyboardInterrupt


def test_everything_right(monkeypatch, tmp_path, capsys):
    _stages(monkeypatch, _result, _result)
    assert tour(tmp_path / "page.html")
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(
        r"\[1/2\] stage 0, about 2 s left\n +summary \(0\.0 s\)\n\[2/2\] stage 1, about 0 s left", said.err
    )
    assert "A quick run" not in (tmp_path / "page.html").read_text()


def test_something_wrong_is_reported_all_the_same(monkeypatch, tmp_path, capsys):
    _stages(monkeypatch, _result, lambda: _result(ok=False))
    assert not tour(tmp_path / "page.html")
    assert (tmp_path / "page.html").exists()
    assert "SOMETHING IS WRONG" in capsys.readouterr().err


def test_interrupted(monkeypatch, tmp_path, capsys):
    _stages(monkeypatch, _result, _interrupt, _result)
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        tour(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert "interrupted; done until here: stage 0. No report was written." in capsys.readouterr().err


def test_the_seed_is_said(monkeypatch, tmp_path, capsys):
    _stages(monkeypatch, _result)
    tour(tmp_path / "r.html", seed=17)
    assert capsys.readouterr().err.startswith("seed 17\n")


def test_what_the_last_stage_needs_is_checked_before_any_work(monkeypatch, tmp_path):
    _stages(monkeypatch, _interrupt)
    monkeypatch.setattr(run.os, "access", lambda folder, mode: False)
    with pytest.raises(ValueError, match=r"tour: the folder .* is not writable"):
        tour(tmp_path / "r.html")
    monkeypatch.undo()
    _stages(monkeypatch, _interrupt)
    real = run.importlib.util.find_spec
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == "sklearn" else real(name))
    with pytest.raises(ImportError, match=r'tour: needs scikit-learn .* pip install "mobilenet_np\[data\]"'):
        tour(tmp_path / "r.html")


def test_where_to_write_is_checked_before_any_work(monkeypatch, tmp_path):
    _stages(monkeypatch, _interrupt)
    with pytest.raises(ValueError, match="does not exist"):
        tour(tmp_path / "nowhere" / "page.html")
    with pytest.raises(ValueError, match="is a folder"):
        tour(tmp_path)
