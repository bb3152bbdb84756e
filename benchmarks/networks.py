"""What benchmarks of whole networks have in common: models, batches and threads, one after the other."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tqdm import tqdm

from . import arguments, peers, side_by_side
from .processes import Build, started
from .roof import network_ms, roofline
from .sizes import Size


def options(parser: ArgumentParser, threads: list[int] | None = None) -> None:
    arguments.add_models(parser)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32])
    arguments.add_threads(parser, threads)
    parser.add_argument("--resolution", type=int, default=224)
    arguments.add_seconds(parser, 10, "model, batch and number of threads")


def run(a: Namespace, ours: str, names: tuple[str, ...], build: Build) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads.

    Parameters
    ----------
    a : Namespace
        With `options`.
    ours : str
        The contender that all are compared with.
    names : tuple of str
        All of them, as far as they are installed.
    build : callable
        What each does, see `processes`.
    """
    sizes = [
        Size(model, batch, a.resolution, threads) for model in a.models for batch in a.batch for threads in a.threads
    ]
    rows = []
    with started(names, build) as contenders, tqdm(sizes, leave=False, disable=None) as bar:
        for size in bar:
            bar.set_description(str(size))
            least = network_ms(peers.our_network(size.model), size.batch, size.resolution, roofline(size.threads))
            rows.append(side_by_side.row(contenders, size, peers.check, ours, a.seconds, least))
    return rows
