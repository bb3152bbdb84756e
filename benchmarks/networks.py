"""What benchmarks of whole networks have in common: models, batches and threads, one after the other."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

import numpy as np

import mobilenet_np as mn
from mobilenet_np.measured import machine

from . import arguments, peers, side_by_side
from .roof import network_ms
from .timing import using

Calls = dict[str, Callable[[], object]]


def options(parser: ArgumentParser, threads: list[int] | None = None) -> None:
    arguments.add_models(parser)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32])
    arguments.add_threads(parser, threads)
    parser.add_argument("--resolution", type=int, default=224)
    arguments.add_seconds(parser, 10, "model, batch and number of threads")


def run(a: Namespace, ours: str, contenders: Callable[[mn.Network, np.ndarray, int], Calls]) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads.

    Parameters
    ----------
    a : Namespace
        With `options`.
    ours : str
        The contender that all are compared with.
    contenders : callable
        Given a network, images and a number of threads, what each contender does.
    """
    rows = []
    for model in a.models:
        net = peers.our_network(model)
        for batch in a.batch:
            x = np.random.default_rng(0).standard_normal((batch, a.resolution, a.resolution, 3), np.float32)
            for threads in a.threads:
                calls = contenders(net, x, threads)
                with using(threads):
                    peers.validate(calls)
                    least = network_ms(net, batch, a.resolution, machine())
                    labels = dict(model=model, batch=batch, resolution=a.resolution, threads=threads)
                    rows.append(side_by_side.row(calls, ours, a.seconds, least, **labels))
    return rows
