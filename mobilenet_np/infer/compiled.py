"""`compile`: a network, folded, planned and fused, as a function of images."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from ..errors import InputTypeError
from ..forms import HAVE_NUMBA
from ..memory import lines
from ..models import Network, check_images
from ..threads import desks, get_threads, with_helpers
from .fits import fits
from .folded import Folded
from .plan import Plan, plan
from .weights import Weights, padded

_KEPT = 8  # shapes of batches whose plan and working space are kept; those that were used last


class _Room(NamedTuple):
    """Working space of one call."""

    spaces: np.ndarray
    scratches: np.ndarray
    head: np.ndarray
    counters: np.ndarray


class Compiled:
    """A network for inference: ``fast(x)`` gives the logits of ``net.forward(x)``, within float32 rounding.

    Made by `compile`. It holds a copy of the weights: train the network further, and compile it again. Several threads
    may call it at once, and so may a forked child: there is no lock that somebody could hold meanwhile.
    """

    def __init__(self, net: Network):
        self.architecture = net.architecture
        self._weights = Weights(net)
        self._plan = lru_cache(_KEPT)(partial(plan, self.architecture, self._weights))
        self._rooms = lru_cache(_KEPT)(lambda N, H, W, threads: [])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Logits.

        Parameters
        ----------
        x : (N, H, W, 3) float32
            Normalized images (see `mobilenet_np.preprocess`), H and W at least 32.

        Returns
        -------
        y : (N, classes) float32

        Raises
        ------
        ValueError, TypeError
            Of images of another shape or dtype.
        """
        from .run import Work, on_all_threads

        check_images(self.architecture.model, x, np.dtype(np.float32))
        N, H, W, _ = x.shape
        threads = get_threads()
        steps = self._plan(N, H, W)
        whole_images = 4 * threads <= N or N % threads == 0
        images = np.ascontiguousarray(x).reshape(N, H * W * 3)
        rooms = self._rooms(N, H, W, threads)
        room = self._taken(rooms, steps, N, threads, whole_images)
        room.counters[:] = 0
        work = Work(
            steps.steps, steps.heads, self._weights.array, images, room.spaces, room.scratches, room.head,
            steps.features, room.counters, whole_images,
        )  # fmt: skip
        with_helpers(lambda threads: on_all_threads(desks, threads, work), threads)
        outputs = self.architecture.tail[-1].c_out  # features, of a network without a classifier
        logits = room.head[-N * padded(outputs) :].reshape(N, padded(outputs))[:, :outputs].copy()
        rooms.append(room)
        return logits

    @staticmethod
    def _taken(rooms: list[_Room], steps: Plan, N: int, threads: int, whole_images: bool) -> _Room:
        """Working space that no other call is using: writing to fresh memory costs more than computing."""
        try:
            return rooms.pop()  # which gives one room to one thread, without a lock
        except IndexError:
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
        ``fast(x)`` is ``net.forward(x)``, faster. Where Numba is not installed, or for a network that no plan is for
        (with layers of your own, or windows of 7x7), a `Folded`: BatchNorm is folded, the rest runs op by op.

    Raises
    ------
    TypeError
        Of what is no `Network`.
    ValueError
        If a running variance plus eps is not positive.

    Examples
    --------
    >>> import mobilenet_np as mn
    >>> net = mn.build("v2", width=0.35, classes=10)
    >>> fast = compile(net)
    >>> x = np.random.default_rng(0).standard_normal((2, 64, 64, 3), np.float32)
    >>> bool(np.allclose(fast(x), net.forward(x), atol=1e-4))
    True
    """
    if not isinstance(net, Network):
        raise InputTypeError(f"compile: net is a {type(net).__name__}; it must be a Network, as build makes them")
    return Compiled(net) if HAVE_NUMBA and fits(net) else Folded(net)
