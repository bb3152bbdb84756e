"""Take turns: every contender once, then every contender again, so that a drifting machine drifts for all."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from tqdm import tqdm


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
