"""Importing the package is quick and quiet, and works where nothing can be written."""

import os
import subprocess
import sys

HEAVY = ("matplotlib", "numba", "llvmlite", "sklearn", "tqdm", "torch")


def _python(code, **environment):
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_loads_neither_matplotlib_nor_a_compiler():
    code = f"import sys, mobilenet_np; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert _python(code) == "[]"


def test_import_costs_few_modules_beyond_numpy():
    """A count and not a time: a time would depend on the machine. benchmarks/ has the seconds."""
    code = (
        "import sys, numpy; before = set(sys.modules); import mobilenet_np; "
        "print(sum(not m.startswith('mobilenet_np') for m in set(sys.modules) - before))"
    )
    assert int(_python(code)) < 60


def test_works_without_a_writable_cache_folder(tmp_path):
    """Numba raises where it finds no folder for its machine code; the kernels are then compiled for the process."""
    code = (
        "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n"
        "import numpy as np, mobilenet_np as mn\n"
        "net = mn.build('v3-small', 0.5, 8)\n"
        "x = np.zeros((1, 32, 32, 3), np.float32)\n"
        "net.backward(net.forward(x, train=True))\n"
        "print(mn.compile(net)(x).shape)"
    )
    assert _python(code) == "(1, 8)"


def test_works_without_numba():
    code = (
        "import sys, importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'numba' else real(name, *a)\n"
        "sys.modules['numba'] = None\n"
        "import numpy as np, mobilenet_np as mn\n"
        "net = mn.build('v3-small', 0.25, 10)\n"
        "print(mn.current_form(), net.forward(np.zeros((1, 32, 32, 3), np.float32)).shape)"
    )
    assert _python(code) == "numpy (1, 10)"
