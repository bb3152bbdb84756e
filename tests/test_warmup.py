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
from mobilenet_np.infer.run import worker
from mobilenet_np.kernels import conv2d, depthwise, depthwise_backward, matmul

print(sum(sum(f.stats.cache_misses.values()) for f in (
    worker, conv2d._convolve, conv2d._weights, conv2d._scatter, depthwise._rows_of_batch,
    depthwise_backward._sweep, matmul._multiply, matmul._multiply_transposed)))
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert int(runs[0]) > 0
    assert int(runs[1]) == 0
