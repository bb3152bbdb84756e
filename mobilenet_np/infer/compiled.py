"""`compile`: a network, folded, planned and fused, as a function of images."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from ..forms import HAVE_NUMBA
from ..memory import lines
from ..models import Network, check_images
from ..threads import desks, get_threads, with_helpers
from .folded import Folded
from .plan import Plan, plan
from .weights import Weights, padded


class _Room(NamedTuple):
    """Working space of one call."""

    spaces: np.ndarray
    scratches: np.ndarray
    head: np.ndarray
    counters: np.ndarray


class Compiled:
    """A network for inference: ``fast(x)`` gives the logits of ``net.forward(x)``, within float32 rounding.

    Made by `compile`. It holds a copy of the weights: train the network further, and compile it again. Several threads
    may call it at once, and so may a forked child.
    """

    def __init__(self, net: Network):
        self.architecture = net.architecture
        self._weights = Weights(net)
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._rooms: dict[tuple[int, ...], list[_Room]] = {}
        self._lock = threading.Lock()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Logits.

        Parameters
        ----------
        x : (N, H, W, 3) float32
            Normalized images (see `mobilenet_np.preprocess`), H and W at least 32.

        Returns
        -------
        y : (N, classes) float32
        """
        from .run import Work, on_all_threads

        check_images(self.architecture.model, x, np.dtype(np.float32))
        N, H, W, _ = x.shape
        threads = get_threads()
        steps = self._plan(N, H, W)
        whole_images = 4 * threads <= N or N % threads == 0
        images = np.ascontiguousarray(x).reshape(N, H * W * 3)
        key = (N, H, W, threads)
        room = self._take(key, steps, N, threads, whole_images)
        room.counters[:] = 0
        work = Work(
            steps.steps, steps.heads, self._weights.array, images, room.spaces, room.scratches, room.head,
            steps.features, room.counters, whole_images,
        )  # fmt: skip
        with_helpers(lambda threads: on_all_threads(desks, threads, work), threads)
        outputs = self.architecture.tail[-1].c_out  # features, of a network without a classifier
        logits = room.head[-N * padded(outputs) :].reshape(N, padded(outputs))[:, :outputs].copy()
        with self._lock:
            self._rooms[key].append(room)
        return logits

    def _plan(self, N: int, H: int, W: int) -> Plan:
        with self._lock:
            if (N, H, W) not in self._plans:
                self._plans[N, H, W] = plan(self.architecture, self._weights, N, H, W)
            return self._plans[N, H, W]

    def _take(self, key: tuple, steps: Plan, N: int, threads: int, whole_images: bool) -> _Room:
        """Working space that no other call is using: writing to fresh memory costs more than computing."""
        with self._lock:
            rooms = self._rooms.setdefault(key, [])
            if rooms:
                return rooms.pop()
        count = 2 * (1 + N * len(steps.steps) + len(steps.heads))
        return _Room(
            lines(threads if whole_images else 1, steps.activations),
            lines(threads, steps.scratch),
            lines(1, steps.outputs)[0],
            np.zeros(count, np.int64),
        )

    def __repr__(self) -> str:
        net = self.architecture
        return f"<compiled {net.model} width {net.width:g}, {net.classes} classes, {net.convention.source} convention>"


def compile(net: Network) -> Compiled | Folded:
    """Make a network fast for inference.

    BatchNorm is folded into the convolutions, the parts of a block are fused, and what is computed where is planned by
    the size of the caches; `mobilenet_np.infer` is written to be read.

    Parameters
    ----------
    net : Network
        float32, or float64, whose weights are then rounded.

    Returns
    -------
    fast : Compiled
        ``fast(x)`` is ``net.forward(x)``, faster. Where Numba is not installed, a `Folded`: BatchNorm is folded, the
        rest runs op by op.

    Examples
    --------
    >>> import mobilenet_np as mn
    >>> net = mn.build("v2", width=0.35, classes=10)
    >>> fast = compile(net)
    >>> x = np.random.default_rng(0).standard_normal((2, 64, 64, 3), np.float32)
    >>> bool(np.allclose(fast(x), net.forward(x), atol=1e-4))
    True
    """
    return Compiled(net) if HAVE_NUMBA else Folded(net)
