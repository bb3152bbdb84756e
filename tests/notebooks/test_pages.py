"""Every executed notebook as a web page in a real browser."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import browsers
from webpages import look_at

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
pytestmark = [
    browsers.needed,
    pytest.mark.skipif(not find_spec("latex2mathml"), reason="needs latex2mathml: the notebooks extra"),
]


@pytest.fixture(scope="session")
def site(executed, tmp_path_factory):
    """The folder of the pages."""
    from mobilenet_np.course.site import publish, read

    out, sources = tmp_path_factory.mktemp("site"), read(FOLDER)
    for (path, which), notebook in executed.items():
        if which == "solutions" and not isinstance(notebook, Exception):
            sources[path.name] = notebook
    return publish(out, sources, FOLDER).parent


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("which", ["solutions"])
def test_page(browser, site, path, which, outputs):
    look_at(browser, (site / f"{path.stem}.html").as_uri())
    shown = [output.get("data", {}) for cell in outputs for output in cell.get("outputs", ())]
    drawn = ["image/png" in data for data in shown]
    assert len(browser.find_elements("css selector", ".picture img")) == sum(drawn)
    played = ["<iframe" in data.get("text/html", "") for data in shown]
    frames = browser.find_elements("css selector", ".output iframe")
    assert len(frames) == sum(played)
    for frame in frames:  # each stepper is live
        browser.switch_to.frame(frame)
        browser.execute_script("document.querySelector('[data-do=next]').click()")
        assert re.match(r"1 of", browser.find_element("css selector", ".where").text)
        browser.switch_to.default_content()
