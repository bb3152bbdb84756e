"""Take turns: every contender once, then every contender again, so that a drifting machine drifts for all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import mobilenet_np as mn

QUARTILES = (0.25, 0.5, 0.75)


def take_turns(contenders: dict[str, Callable[[], object]], seconds: float, label: str) -> dict[str, np.ndarray]:
    """Milliseconds of each call, for each contender, over about ``seconds`` altogether and five rounds at least.

    Only one contender runs at a time, and each is called twice in a row, of which the second call counts: a thread pool
    that was asleep needs a moment to wake.
    """
    for call in contenders.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    end, rounds = time.perf_counter() + seconds, 0
    with tqdm(desc=label, unit=" rounds", leave=False, disable=None) as bar:
        while rounds < 5 or time.perf_counter() < end:
            for name, call in contenders.items():
                call()
                start = time.perf_counter()
                call()
                times[name].append(1e3 * (time.perf_counter() - start))
            rounds += 1
            bar.update()
    return {name: np.array(values) for name, values in times.items()}


def quartiles(times: dict[str, np.ndarray], ours: str) -> dict[str, dict[str, list[float]]]:
    """Quartiles of the milliseconds, and of how many times as long as ``ours`` each took in the same round.

    Examples
    --------
    >>> found = quartiles({"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 4.0, 6.0])}, "a")
    >>> found["ms"]["b"], found["ratios"]["b"]
    ([3.0, 4.0, 5.0], [2.0, 2.0, 2.0])
    """
    return {
        "ms": {name: np.quantile(t, QUARTILES).tolist() for name, t in times.items()},
        "ratios": {name: np.quantile(t / times[ours], QUARTILES).tolist() for name, t in times.items()},
    }


@contextmanager
def using(threads: int) -> Iterator[None]:
    """Everybody computes with so many threads: this package, NumPy's BLAS, and PyTorch if it is there."""
    before = mn.get_threads()
    mn.set_threads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        mn.set_threads(before)
