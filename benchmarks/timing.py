"""Take turns: every contender for a moment, then every contender again; a drifting machine drifts for all."""

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


class Lost(Exception):
    """A contender that cannot go on, and why."""


def take_turns(turns: dict[str, Callable[[float], float]], seconds: float, label: str) -> dict[str, np.ndarray]:
    """Milliseconds of a call in each round, for each contender.

    Parameters
    ----------
    turns : dict
        For each contender, what computes for about so many seconds and returns the milliseconds of one call: `turn`,
        or the turn of a process. Who raises `Lost` is left out.
    seconds : float
        For all together, shared out in twenty rounds; but there are five rounds at least, of one call each at least.
    label : str
        What the progress bar says.
    """
    times: dict[str, list[float]] = {name: [] for name in turns}
    each, start, rounds = seconds / (20 * max(1, len(turns))), time.perf_counter(), 0
    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=label, bar_format=form, leave=False, disable=None) as bar:
        while (done := min(rounds / 5, (time.perf_counter() - start) / seconds if seconds else 1)) < 1:
            bar.update(done - bar.n)
            for name in list(times):
                try:
                    times[name].append(turns[name](each))
                except Lost:
                    del times[name]
            rounds += 1
    return {name: np.array(values) for name, values in times.items()}


def turn(call: Callable[[], object], seconds: float) -> float:
    """Call for about ``seconds``; the median of the milliseconds.

    The first call does not count: caches are cold after the others' turns, and threads that slept need a moment to
    wake. And it returns when this process' threads sleep again, so that they disturb nobody.
    """
    call()
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    rest()
    return float(np.median(times))


def rest() -> None:
    """Return when no thread of this process computes any more.

    The threads of a pool spin for a while after a call, in case that there is a next one, and would take the processors
    from whoever has its turn now. So wait until five milliseconds pass in which this process used less than half of
    one. Threads that still spin after a second will never sleep.
    """
    for _ in range(200):
        before = time.process_time()
        time.sleep(0.005)
        if time.process_time() - before < 0.0005:
            return
    raise Lost("its threads do not go to sleep")


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
