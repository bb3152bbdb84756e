"""Importing the package is quick and quiet, and works where nothing can be written."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mobilenet_np
from mobilenet_np.forms import HAVE_NUMBA

HEAVY = ("matplotlib", "numba", "llvmlite", "sklearn", "tqdm", "torch")


def _python(code, cwd=None, **environment):
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_loads_neither_matplotlib_nor_a_compiler():
    code = f"import sys, mobilenet_np; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert _python(code) == "[]"


def test_import_costs_few_modules_beyond_what_it_needs():
    """A count and not a time: a time would depend on the machine. benchmarks/ has the seconds."""
    code = (
        "import sys, numpy.random, concurrent.futures.thread, dataclasses, html, importlib.util, pathlib, tempfile\n"
        "before = set(sys.modules)\n"
        "import mobilenet_np\n"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('mobilenet_np')))"
    )
    assert len(ast.literal_eval(_python(code))) < 10


# What a first lesson does. Prints the form, the labels' shape, and whether all is as it should be.
LESSON = """
import numpy as np
import mobilenet_np as mn
from mobilenet_np.train import fit
net = mn.build("v3-small", 0.5, 8)
x = np.random.default_rng(0).standard_normal((4, 32, 32, 3), np.float32)
y = net.forward(x)
assert y.dtype == np.float32
assert net.backward(np.ones_like(net.forward(x, train=True))).shape == x.shape
y = net.forward(x)
assert np.abs(mn.compile(net)(x) - y).max() < 1e-4 * np.abs(y).max()
history = fit(net, x, np.arange(4), epochs=1, batch_size=4, progress=False)
assert np.isfinite(history.loss).all()
print(mn.current_form())
"""


@pytest.mark.skipif(not HAVE_NUMBA, reason="needs the package numba")
def test_works_where_machine_code_can_be_kept_nowhere(tmp_path):
    """A file stands in the place of each folder that Numba would make, which stops root, too."""
    package = tmp_path / "mobilenet_np"
    shutil.copytree(Path(mobilenet_np.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    (tmp_path / "home").touch()
    home = str(tmp_path / "home")
    before = set(tmp_path.rglob("*"))
    code = f"import mobilenet_np; assert mobilenet_np.__file__.startswith({str(tmp_path)!r})\n{LESSON}"
    assert _python(code, cwd=tmp_path, HOME=home, XDG_CACHE_HOME=home, NUMBA_CACHE_DIR="") == "numba"
    assert set(tmp_path.rglob("*")) == before


def _without_numba(code, **options):
    """None in its place makes an import fail as if the package were not there."""
    return _python(f"import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None\n{code}", **options)


def test_a_lesson_without_numba():
    assert _without_numba(LESSON) == "numpy"


def test_everything_else_without_numba():
    """A piece of each chapter of the tour, gradient checks, a trace, and what compiles kernels."""
    code = """
import numpy as np
import mobilenet_np as mn
from mobilenet_np.cli import main
from mobilenet_np.counted import count_forward
from mobilenet_np.measured import explain, latency
from mobilenet_np.tour import factorization
from mobilenet_np.warmup import warmup

assert factorization.measure(2, 2, 3).ratio
assert mn.trace(mn.build("v2", 0.35, 4), np.zeros((1, 32, 32, 3), np.float32)).form == "numpy"
assert explain("v2", "block3", 64).agrees
assert count_forward(np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 5)))[1] == 360
assert latency(mn.build("v1", 0.25, 4), 32, seconds=0) > 0
assert warmup() == 0
assert main(["gradcheck", "linear", "pool"]) == 0
assert main(["cost", "v2", "--resolution", "32"]) == 0
print("---")
assert main(["warmup"]) == 0
try:
    with mn.form("numba"):
        pass
except ValueError as error:
    print(error)
"""
    assert _without_numba(code).rpartition("---\n")[2].splitlines() == [
        "nothing to compile: Numba is not installed",
        "form('numba'): needs the package numba, which is not installed (pip install numba)",
    ]
