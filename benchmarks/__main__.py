"""Compare speeds: `python -m benchmarks` for a short look at everything, `python -m benchmarks COMMAND` for one part.

Results are validated before they are timed; those of `start`, which times first calls, before they are reported.
Figures go to a folder as JSON and as PNG.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from mobilenet_np import get_threads
from mobilenet_np.files import write
from mobilenet_np.forms import check_numba
from mobilenet_np.measured import machine

from . import changes, figures, forms, growth, inference, layers, ops, paradox, start, training

COMMANDS = {
    "ops": ops,
    "inference": inference,
    "training": training,
    "forms": forms,
    "layers": layers,
    "growth": growth,
    "paradox": paradox,
    "start": start,
    "changes": changes,
}
PACKAGES = ("mobilenet_np", "numpy", "numba", "torch", "torchvision", "timm", "onnxruntime", "openvino", "keras")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = dict(type=Path, help="folder for the figures, ./benchmark-results by default")
    parser.add_argument("--out", default=Path("benchmark-results"), **folder)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = module.__doc__.splitlines()[0].replace("%", "%%")
        one = commands.add_parser(name, help=text, description=module.__doc__)
        one.add_argument("--out", default=argparse.SUPPRESS, **folder)
        module.options(one)
    given = parser.parse_args(arguments)
    check_numba("python -m benchmarks")

    given.out.mkdir(parents=True, exist_ok=True)
    where = about()
    print(f"{where['processor']}: {machine()}; NumPy's BLAS: {where['blas']}")
    short = [[name, *module.SHORT] for name, module in COMMANDS.items() if module.SHORT is not None]
    parts = [given] if given.command else [parser.parse_args(one) for one in short]
    for part in parts:
        module = COMMANDS[part.command]
        print(f"\n{module.__doc__.splitlines()[0]}\n")
        rows = module.run(part)
        print(module.table(rows))
        content = where | {"benchmark": part.command, "rows": rows}
        path = write("benchmarks", json.dumps(content, indent=1), given.out / f"{part.command}.json")
        figures.save(module.plot, rows, path.with_suffix(".png"))
        print(f"\n{path}, {path.with_suffix('.png')}")


def about() -> dict[str, Any]:
    """What a figure means nothing without: the machine and its roofline, the versions."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    blas = ", ".join(f"{pool['internal_api']}, {pool['num_threads']} threads" for pool in threadpool_info())
    return dict(
        processor=_processor(),
        processors=os.cpu_count(),
        threads=get_threads(),
        roofline=asdict(machine()),
        blas=blas,
        malloc={name: value for name, value in os.environ.items() if name.startswith("MALLOC_")},
        versions=found,
    )


def _processor() -> str:
    """Its name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
