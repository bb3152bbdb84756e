"""Without Numba, what needs it is skipped and says so. Everything else must pass."""

from pathlib import Path

import pytest

from mobilenet_np.forms import HAVE_NUMBA

ROOT = Path(__file__).parent
NEEDED = "needs the package numba"
# Modules that import it in their first lines: the kernels, what runs them, and their tests.
COMPILED = (
    "mobilenet_np/atomic.py", "mobilenet_np/jobs.py", "mobilenet_np/parts.py", "mobilenet_np/kernels/",
    "mobilenet_np/infer/run.py", "mobilenet_np/layers/links.py", "tests/kernels/", "tests/measured/test_machine.py",
    "tests/test_jobs.py",
)  # fmt: skip

if not HAVE_NUMBA:

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(collector):
        """Do not even try to import such a module."""
        if isinstance(collector, pytest.File) and collector.path.is_file():
            name = collector.path.relative_to(ROOT).as_posix()
            if name.startswith(COMPILED):
                return pytest.CollectReport(collector.nodeid, "skipped", (name, 1, f"Skipped: {NEEDED}"), [])
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(item):
        """Where the library itself refuses, as ``form("numba")`` does, there is nothing to test."""
        try:
            return (yield)
        except ValueError as error:
            if NEEDED in str(error):
                pytest.skip(NEEDED)
            raise
