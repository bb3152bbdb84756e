"""A browser for all tests of pages."""

import pytest

import browsers


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    browser = browsers.start(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium):
    """A window of a laptop's size in the light, and no errors left behind by any test."""
    chromium.get("about:blank")
    browsers.look(chromium)
    chromium.get_log("browser")
    yield chromium
    assert chromium.get_log("browser") == []
