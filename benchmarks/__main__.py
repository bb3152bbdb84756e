"""`python -m benchmarks ops`, `... inference`, `... training`, `... layers`: validate first, then time."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from threadpoolctl import threadpool_info

from mobilenet_np import __version__, get_threads

from . import inference, layers, ops, peers, training


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("ops", help="every op, NumPy beside Numba")
    one.add_argument("--seconds", type=float, default=4, help="per op")
    two = commands.add_parser("inference", help="whole networks beside the other libraries that are installed")
    two.add_argument("--models", nargs="+", default=list(peers.SOURCES), choices=list(peers.SOURCES))
    two.add_argument("--batch", nargs="+", type=int, default=[1, 32])
    two.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    two.add_argument("--resolution", type=int, default=224)
    two.add_argument("--seconds", type=float, default=10, help="per model, batch and number of threads")
    three = commands.add_parser("training", help="training steps beside PyTorch")
    three.add_argument("--models", nargs="+", default=list(peers.SOURCES), choices=list(peers.SOURCES))
    three.add_argument("--shapes", nargs="+", default=["32x96", "16x224"], help="batch x resolution")
    three.add_argument("--threads", nargs="+", type=int, default=[2])
    three.add_argument("--seconds", type=float, default=20, help="per model, shape and number of threads")
    four = commands.add_parser("layers", help="where the time of a compiled network goes, on one thread")
    four.add_argument("--models", nargs="+", default=list(peers.SOURCES), choices=list(peers.SOURCES))
    four.add_argument("--resolution", type=int, default=224)
    arguments = parser.parse_args()

    blas = ", ".join(f"{pool['internal_api']} {pool['num_threads']} threads" for pool in threadpool_info())
    print(f"mobilenet_np {__version__}, {get_threads()} threads; {blas}; {os.cpu_count()} processors")
    if arguments.command == "ops":
        rows = ops.run(arguments.seconds)
        print(ops.table(rows))
    elif arguments.command == "layers":
        rows = layers.run(arguments.models, arguments.resolution)
        print(layers.table(rows))
    elif arguments.command == "training":
        shapes = [tuple(int(n) for n in shape.split("x")) for shape in arguments.shapes]
        rows = training.run(arguments.models, shapes, arguments.threads, arguments.seconds)
        print(training.table(rows))
    else:
        if absent := peers.missing():
            print(f"not installed, and so not compared: {', '.join(absent)}")
        rows = inference.run(
            arguments.models, arguments.batch, arguments.threads, arguments.resolution, arguments.seconds
        )
        print(inference.table(rows))
    if arguments.json:
        part = arguments.json.with_suffix(".part")
        part.write_text(json.dumps(rows, indent=1))
        part.replace(arguments.json)


if __name__ == "__main__":
    main()
