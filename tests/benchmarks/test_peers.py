"""Ours and the other libraries, where they are installed, compute what the definitions do in float64."""

import warnings

import pytest

from benchmarks import peers, steps
from benchmarks.processes import result_of
from benchmarks.sizes import Size

SIZE = Size("v3-small", batch=8, resolution=64, threads=1, width=0.35)  # enough for BatchNorm in float32


@pytest.mark.parametrize(
    ("name", "part"),
    [(name, peers) for name in peers.NAMES] + [(name, steps) for name in steps.NAMES],
    ids=[*(f"inference, {name}" for name in peers.NAMES), *(f"step, {name}" for name in steps.NAMES)],
)
def test_results(name, part):
    if not peers.can_run(name, SIZE.model):
        pytest.skip(f"needs what {name} needs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        part.check(name, result_of(part.build(name, SIZE)), SIZE)
