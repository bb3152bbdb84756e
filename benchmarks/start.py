"""How long a reader waits: the first calls of a fresh process, and compiling every kernel from nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

import mobilenet_np as mn

from . import arguments, peers, steps
from .figures import LOOKS, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = ["--models", "v2"]
COLD, WARM = 60.0, 2.0  # seconds that it may take

# What a reader types first; each line's time is taken where the work is done, and the process' time around it.
CODE = """
import json, time
start = time.perf_counter()
marks = {}
def mark(what):
    marks[what] = time.perf_counter() - start
import numpy as np
import mobilenet_np as mn
mark("import")
net = mn.build(MODEL)
x = np.random.default_rng(0).standard_normal((1, 224, 224, 3), np.float32)
mark("build")
RUN
mark("first call")
print(json.dumps([marks, RESULT]))
"""
WARMUP = "from mobilenet_np.warmup import warmup; warmup(progress=False)"
# What is done, and what tells whether it was right.
RUNS = {
    "forward": ("y = net.forward(x)", "y.tolist()"),
    "compile": ("y = mn.compile(net)(x)", "y.tolist()"),
    "step": (
        "dx = net.backward(net.forward(x, train=True))",
        "{name: float(np.linalg.norm(grad)) for name, grad in net.grads.items()}",
    ),
}


def options(parser: ArgumentParser) -> None:
    arguments.add_models(parser)


def run(a: Namespace) -> list[dict]:
    """Compile everything into an empty folder, then start processes that find the machine code there.

    A first call can be validated only when it is over: what is wrong is not reported.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | machine_code_in(folder)
        jobs = [("all kernels", "warmup", WARMUP)]
        jobs += [(model, name, _code(model, name)) for model in a.models for name in RUNS]
        rows = []
        with tqdm(jobs, leave=False, disable=None) as bar:
            for model, name, code in bar:
                bar.set_description("compiling from nothing, about a minute" if name == "warmup" else f"{model} {name}")
                start, before = time.perf_counter(), _cpu_seconds()
                command = [sys.executable, "-c", code]
                said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
                seconds = time.perf_counter() - start
                target = COLD if name == "warmup" else WARM
                parts = {}
                if said:
                    parts, result = json.loads(said)
                    check(model, name, result)
                row = dict(model=model, what=name, seconds=seconds, target=target, marks=parts)
                rows.append(row | {"cpu_seconds": _cpu_seconds() - before})
    return rows


def _cpu_seconds() -> float:
    """What all processes that this one started have computed so far; on a busy machine less than what one waits."""
    times = os.times()
    return times.children_user + times.children_system


def machine_code_in(folder: str) -> dict[str, str]:
    """What tells a process to keep it there."""
    return {"NUMBA_CACHE_DIR": folder}


def _code(model: str, name: str) -> str:
    call, result = RUNS[name]
    return CODE.replace("MODEL", repr(model)).replace("RUN", call).replace("RESULT", result)


def check(model: str, name: str, result: Any) -> None:
    """Raise where a process has computed something else than the definitions do in float64."""
    net, x = mn.build(model), np.random.default_rng(0).standard_normal((1, 224, 224, 3), np.float32)
    who = f"{model} {name}"
    if name != "step":
        peers.check_same(who, np.array(result), peers.exact(net, x))
        return
    exact = net.astype("float64")
    with mn.form("numpy"):
        exact.backward(exact.forward(x.astype(np.float64), train=True))
    steps.check_norms(who, result, steps.norms(exact.grads))


def table(rows: list[dict]) -> str:
    """Seconds of whole processes, interpreter included."""
    lines = [f"{'seconds of a process':34s}{'import':>8s}{'build':>8s}{'call':>8s}{'all':>8s}{'CPU':>8s}{'target':>8s}"]
    for row in rows:
        marks = row["marks"]
        parts = "".join(f"{part:8.2f}" for part in _parts(marks)) or f"{'':24s}"
        verdict = "" if row["seconds"] <= row["target"] else "  missed"
        line = f"{row['model'] + ' ' + row['what']:34s}{parts}{row['seconds']:8.2f}{row['cpu_seconds']:8.2f}"
        lines.append(line + f"{row['target']:8.0f}{verdict}")
    return "\n".join(lines)


def _parts(marks: dict[str, float]) -> list[float]:
    """Marks are since the start of the program; the seconds between them."""
    return [now - before for before, now in zip([0, *marks.values()], marks.values(), strict=False)]


def plot(rows: list[dict]) -> Figure:
    """What was taken as shares of what may be taken: one axis for a minute and for two seconds."""
    drawn = figure(7.5, 1.2 + 0.32 * len(rows))
    ax = drawn.subplots()
    shares = [row["seconds"] / row["target"] for row in rows]
    labels = [f"{row['model']}, {row['what']}: {row['seconds']:.1f} s of {row['target']:.0f} s" for row in rows]
    ax.barh(labels, shares, color=LOOKS["ours"][0], height=0.6)
    ax.axvline(1, color=LOOKS["torch NHWC"][0])
    ax.set(xlabel="share of the target", title="From nothing, and the first calls of fresh processes")
    ax.set_xlim(0, 1.1 * max(1, *shares))
    ax.invert_yaxis()
    return drawn
