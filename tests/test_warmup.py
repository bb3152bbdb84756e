"""After a warmup nothing is left to compile."""

import json
import os
import subprocess
import sys

import pytest

from mobilenet_np.cli import main


def test_command(capsys):
    pytest.importorskip("numba")  # tests/test_import.py knows what it says without
    assert main(["warmup"]) == 0
    assert capsys.readouterr().out.startswith("all kernels are compiled")


# Other widths, sizes and numbers of classes than those of the warmup.
USES = """
import gc, json
import numpy as np
import mobilenet_np as mn
from mobilenet_np.train import fit

for model in ("v1", "v2", "v3-large", "v3-small"):
    for dtype, width, classes in (("float32", 0.25, 10), ("float32", 0.5, 16), ("float64", 0.25, 10)):
        net = mn.build(model, width, classes, dtype=dtype)
        x = np.random.default_rng(0).standard_normal((4, 33, 32, 3)).astype(dtype)
        net.backward(net.forward(x, train=True))
        mn.compile(net)(x.astype(np.float32))
        fit(net, x, np.arange(4), 1, batch_size=2, test=(x, np.arange(4)), progress=False)
"""
# Every compiled function that can be called from Python, wherever it is: Numba has no list of them. Parts of others
# have no machine code of their own to keep.
FOUND = """
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher

found = {}
for f in gc.get_objects():
    if isinstance(f, Dispatcher) and f.py_func.__module__.startswith("mobilenet_np"):
        if not isinstance(f._cache, NullCache) or f.signatures:
            counts = [sum(count.values()) for count in (f.stats.cache_hits, f.stats.cache_misses)]
            found[f.py_func.__module__ + "." + f.py_func.__name__] = counts
print(json.dumps(found))
"""


def run(code, folder):
    """In a process of its own: how often the machine code of each function was in the folder, and how often it was not
    and had to be made."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", code + FOUND]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """What a warmup with an empty folder compiles, and then what somebody who uses the networks does."""
    pytest.importorskip("numba")
    folder = tmp_path_factory.mktemp("machine_code")
    warmup = "import gc, json\nfrom mobilenet_np.warmup import warmup\nwarmup(progress=False)"
    return run(warmup, folder), run(USES, folder)


def test_a_warmup_compiles_every_kernel_of_what_it_imports(processes):
    """But for what only threads use that wait for Python's tasks."""
    warmup, _ = processes
    assert [name for name, (hits, _) in warmup.items() if hits] == []
    never = [name for name, (_, misses) in warmup.items() if not misses]
    assert [name for name in never if not name.startswith("mobilenet_np.atomic.wait_while")] == []
    assert sum(name.startswith("mobilenet_np.kernels.turns.") for name in warmup) > 20


def test_the_next_process_compiles_nothing(processes):
    _, uses = processes
    assert sum(hits for hits, _ in uses.values()) > 40
    assert had_to_be_made(uses) == []


def had_to_be_made(found):
    return [name for name, (_, misses) in found.items() if misses]
