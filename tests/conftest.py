"""What tests of all kinds share: as many threads as there are processors, Ctrl-C, and a browser for pages."""

import signal

import pytest

import mobilenet_np as mn

import browsers


@pytest.fixture(autouse=True)
def default_threads():
    """Whatever a test sets, the next one begins with the default."""
    yield
    mn.set_threads(None)


@pytest.fixture
def ctrl_c_interrupts():
    """Python leaves it to itself where the shell, as for commands in its background, has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
