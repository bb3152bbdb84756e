"""After a warmup nothing is left to compile."""

import os
import subprocess
import sys

import pytest

from mobilenet_np.cli import main


def test_command(capsys):
    pytest.importorskip("numba")  # tests/test_import.py knows what it says without
    assert main(["warmup"]) == 0
    assert capsys.readouterr().out.startswith("all kernels are compiled")


def test_the_next_process_compiles_nothing(tmp_path):
    """Numba tells how many of its calls found their machine code in the folder."""
    pytest.importorskip("numba")
    code = """
import numpy as np
import mobilenet_np as mn
from mobilenet_np.warmup import warmup

warmup(progress=False)
from mobilenet_np.infer.run import on_all_threads
from mobilenet_np.jobs import serve
from mobilenet_np.kernels import (
    chain, chain_conv2d, chain_depthwise, chain_pointwise, conv2d, depthwise, depthwise_backward, gate, matmul,
    normalize, product)

modules = (chain, chain_conv2d, chain_depthwise, chain_pointwise, conv2d, depthwise, depthwise_backward, gate, matmul,
           normalize, product)
made = [f for module in modules for f in vars(module).values() if getattr(f, "__module__", "").endswith(".turns")]
kernels = [on_all_threads, serve, *(f for f in made if hasattr(f, "stats"))]
assert len(kernels) > 20
never = [f.__name__ for f in kernels if not f.signatures]
assert not never, never
print(sum(sum(f.stats.cache_misses.values()) for f in kernels))
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert int(runs[0]) > 0
    assert int(runs[1]) == 0
