"""After a warmup nothing is left to compile."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from mobilenet_np.cli import main


def test_command(capsys):
    pytest.importorskip("numba")  # tests/test_import.py knows what it says without
    assert main(["warmup"]) == 0
    assert capsys.readouterr().out.startswith("all kernels are compiled")


USES = """
import gc, json
import numpy as np
import mobilenet_np as mn
from mobilenet_np.train import fit

for model in ("v1", "v2", "v3-large", "v3-small"):
    for dtype, width, classes in (("float32", 0.25, 10), ("float32", 0.5, 16), ("float64", 0.25, 10)):
        net = mn.build(model, width, classes, dtype=dtype)
        x = np.random.default_rng(0).standard_normal((3, 33, 32, 3)).astype(dtype)
        net.backward(net.forward(x, train=True))
        net.backward(net.forward(x, train=True), wants_dx=False)
        net.forward(x)
        mn.compile(net)(x.astype(np.float32))
    FIT
"""
FIT = """
    for dtype in ("float32", "float64"):
        x = np.random.default_rng(0).standard_normal((4, 32, 32, 3)).astype(dtype)
        labels = np.arange(4)
        fit(mn.build(model, 0.25, 10, dtype=dtype), x, labels, 1, batch_size=2, test=(x, labels), progress=False)
"""
# Every compiled function that can be called from Python, wherever it is kept: Numba has no list of them.
MISSES = """
from numba.core.dispatcher import Dispatcher

made = [f for f in gc.get_objects() if isinstance(f, Dispatcher) and f.py_func.__module__.startswith("mobilenet_np")]
used = [f for f in made if f.signatures]
missed = {f.py_func.__module__ + "." + f.py_func.__name__: sum(f.stats.cache_misses.values()) for f in used}
kept = sum(sum(f.stats.cache_hits.values()) for f in used)
print(json.dumps([kept, sorted(name for name, count in missed.items() if count)]))
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A folder with the machine code that `warmup` leaves where there was none; what it compiled."""
    pytest.importorskip("numba")
    folder = tmp_path_factory.mktemp("machine code")
    return folder, *_run("import gc, json\nfrom mobilenet_np.warmup import warmup\nwarmup(progress=False)", folder)


def _run(code, folder):
    """Run it in a process of its own: how often machine code was found, and the names of what had to be compiled."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", code + MISSES]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def test_a_warmup_compiles(warm):
    """Or what the next processes find would be no merit of its."""
    _, kept, compiled = warm
    assert kept == 0
    assert len(compiled) > 40


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("", id="steps and compiled networks"),
        pytest.param(
            FIT,
            id="fit",
            marks=pytest.mark.xfail(strict=True, reason="warmup computes no loss: ops/softmax_cross_entropy.py"),
        ),
    ],
)
def test_the_next_process_compiles_nothing(warm, more, tmp_path):
    """Whatever the model, and at other widths, sizes and numbers of classes than those of the warmup."""
    folder = shutil.copytree(warm[0], tmp_path / "machine code")  # for the next process, as warmup has left it
    kept, compiled = _run(USES.replace("FIT", more), folder)
    assert kept > 40
    assert compiled == []
