"""The learning rate over time: a short warmup, then half a cosine wave down to zero.

For step s of S, of which the first W are warmup::

    lr(s) = peak * (s + 1) / W                                 s < W
    lr(s) = peak * (1 + cos(pi * (s - W) / (S - W))) / 2       s >= W

The first gradients of a random network are large and point anywhere, and BatchNorm's statistics jump with every step:
small steps then, until both have settled. The flat top of the cosine explores, its tail averages the noise away.

Source: Loshchilov and Hutter, SGDR, arXiv:1608.03983, eq. 5 (one period, without restarts); Goyal et al., Accurate,
Large Minibatch SGD, arXiv:1706.02677, section 2.2 (gradual warmup).
"""

from __future__ import annotations

import math

from ..errors import check, check_positive


def cosine(step: int, total: int, warmup: int, peak: float) -> float:
    """Learning rate of one step.

    Parameters
    ----------
    step : int
        0 for the first step, ``total - 1`` for the last; ``total`` itself gives 0.
    total : int
        Steps in all.
    warmup : int
        Steps of linear growth, fewer than ``total``; the last of them has the peak.
    peak : float
        The highest learning rate.

    Raises
    ------
    ValueError
        For a step or a warmup out of range, or a peak that is not positive.

    Examples
    --------
    >>> [round(cosine(step, total=8, warmup=4, peak=1.0), 3) for step in range(9)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    check_positive("cosine", "total", total, integer=True)
    check_positive("cosine", "peak", peak)
    check(
        0 <= warmup < total, f"cosine: warmup is {warmup} steps of {total}; it must be at least 0 and below the total"
    )
    check(0 <= step <= total, f"cosine: step is {step} of {total}; it must be between 0 and the total")
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
