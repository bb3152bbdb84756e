"""Machine code is kept only as long as it is right."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mobilenet_np
from mobilenet_np.machine_code import KERNELS, cached_njit, fingerprint

ROOT = Path(mobilenet_np.__file__).parent


def test_any_change_in_the_kernels_gives_another_name(tmp_path):
    """A caller keeps its own file, and so its machine code, when a helper in another file changes."""
    names = []
    for helper in ("def helper(x): return x\n", "def helper(x): return 2 * x\n"):
        (tmp_path / "caller.py").write_text("from helper import helper\n")
        (tmp_path / "helper.py").write_text(helper)
        fingerprint.cache_clear()
        names.append(fingerprint(tmp_path))
    fingerprint.cache_clear()
    assert names[0] != names[1]


def test_the_name_carries_the_fingerprint():
    pytest.importorskip("numba")
    name = cached_njit(fingerprint.__wrapped__, "_variant").__name__
    assert name == f"fingerprint_variant_{fingerprint(KERNELS)}{fingerprint(ROOT)}"


def test_what_threads_do_together_changes_with_the_files_that_it_is_made_of():
    pytest.importorskip("numba")
    from mobilenet_np.infer import run
    from mobilenet_np.kernels import product

    assert {fingerprint(KERNELS), fingerprint(ROOT)} <= _fingerprints(product._pack)
    assert {fingerprint(KERNELS), fingerprint(ROOT), fingerprint(ROOT / "infer")} <= _fingerprints(run.on_all_threads)


KERNEL = """
import numpy as np
from mobilenet_np.kernels.turns import in_turns, take_turns

@in_turns
def mark(out, start, stop):
    for i in range(start, stop):
        out[i] = AMOUNT

if __name__ == "__main__":
    out = np.zeros(1)
    take_turns(mark, (out,), 1, work=1)
    print(out[0])
"""


@pytest.mark.parametrize("by", ["file", "standard input"])
def test_a_kernel_of_somebody_elses_is_compiled_again_when_it_changes(by, tmp_path):
    pytest.importorskip("numba")
    for amount in ("1.0", "2.0"):
        text = KERNEL.replace("AMOUNT", amount)
        (tmp_path / "script.py").write_text(text)
        command, given = ([str(tmp_path / "script.py")], None) if by == "file" else (["-"], text)
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        said = subprocess.run(
            [sys.executable, *command], input=given, env=environment, capture_output=True, text=True, check=True
        )
        assert said.stdout.strip() == amount


def _fingerprints(kernel):
    """All that may be one in the name of a compiled function."""
    name = kernel.py_func.__name__
    return {name[at : at + 8] for at in range(len(name))}


def test_nothing_else_keeps_machine_code():
    keeping = [
        p.name for p in ROOT.rglob("*.py") if re.search(r"^\s*(@|return )n?jit\(.*cache=True", p.read_text(), re.M)
    ]
    assert keeping == ["machine_code.py"]
