"""How long a network takes for one image: the compiled one altogether, and the readable one layer by layer."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ..infer import compile
from ..models import Network


def latency(net: Network, resolution: int | tuple[int, int] = 224, seconds: float = 0.2) -> float:
    """Milliseconds that the compiled network takes for one image.

    Parameters
    ----------
    net : Network
        float32; it is compiled here, with `mobilenet_np.compile`.
    resolution : int or (int, int)
    seconds : float
        How long to measure; at least five times.

    Returns
    -------
    float
        The median.

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> latency(build("v2", width=0.35, classes=10), 64, seconds=0) > 0
    True
    """
    fast, x = compile(net), _image(resolution, "float32")
    return 1e3 * float(np.median(_times(lambda: fast(x), seconds)))


def layer_seconds(net: Network, resolution: int | tuple[int, int] = 224, seconds: float = 0.5) -> dict[str, float]:
    """Seconds that each layer takes for one image when the network runs op by op, in the current form.

    Parameters
    ----------
    net : Network
    resolution : int or (int, int)
    seconds : float
        How long to measure; at least five times.

    Returns
    -------
    dict
        By the names of the architecture's rows ("block3.depthwise"): the convolution and the BatchNorm and nonlinearity
        behind it. The medians.

    Examples
    --------
    >>> from mobilenet_np.models import build
    >>> net = build("v1", width=0.25, classes=10)
    >>> list(layer_seconds(net, 32, seconds=0))[:3]
    ['stem', 'block1.depthwise', 'block1.pointwise']
    """
    x = _image(resolution, net.dtype)
    leaves = [(_row_of(name, net), leaf) for name, leaf in net.walk()]
    runs: list[dict[str, float]] = []

    def timed(row: str, forward: Callable) -> Callable:
        def run(x, train=False):
            start = time.perf_counter()
            y = forward(x, train)
            runs[-1][row] = runs[-1].get(row, 0.0) + time.perf_counter() - start
            return y

        return run

    def once() -> None:
        runs.append({})
        net.forward(x)

    for row, leaf in leaves:
        leaf.forward = timed(row, leaf.forward)
    try:
        _times(once, seconds)
    finally:
        for _, leaf in leaves:
            del leaf.forward  # the class's own method comes back
    return {row: float(np.median([run[row] for run in runs[1:]])) for row in runs[0]}


def _row_of(name: str, net: Network) -> str:
    return next(row.name for row in net.architecture.rows if name == row.name or name.startswith(f"{row.name}."))


def _image(resolution: int | tuple[int, int], dtype: str | np.dtype) -> np.ndarray:
    height, width = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    return np.random.default_rng(0).standard_normal((1, height, width, 3)).astype(dtype)


def _times(call: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each of at least five calls, after one that does not count: kernels may have to be compiled."""
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times
