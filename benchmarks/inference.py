"""Whole networks, inference: ours beside every other library that is installed."""

from __future__ import annotations

import numpy as np

from .peers import contenders, our_network, validate
from .timing import take_turns


def run(models: list[str], batches: list[int], threads: list[int], resolution: int, seconds: float) -> list[dict]:
    """Validate and time; a row for each model, batch and number of threads, times in milliseconds."""
    rows = []
    for model in models:
        net = our_network(model)
        for batch in batches:
            x = np.random.default_rng(0).standard_normal((batch, resolution, resolution, 3), np.float32)
            for count in threads:
                calls = contenders(net, x, count)
                validate(calls)
                times = take_turns(calls, seconds, f"{model} batch {batch}, {count} threads")
                row = dict(model=model, batch=batch, threads=count, resolution=resolution)
                spread = {name: [float(np.quantile(t, q)) for q in (0.25, 0.5, 0.75)] for name, t in times.items()}
                rows.append(row | {"quartiles": spread})
    return rows


def table(rows: list[dict]) -> str:
    """Median milliseconds, and in brackets how many times as long as ``compile``."""
    names = list(dict.fromkeys(name for row in rows for name in row["quartiles"]))
    lines = [f"{'median ms':26s}" + "".join(f"{name:>20s}" for name in names)]
    for row in rows:
        ours = row["quartiles"]["compile"][1]
        line = f"{row['model']:9s} b{row['batch']:<3d} {row['threads']} thread(s)"
        for name in names:
            quartiles = row["quartiles"].get(name)
            line += f"{'-':>20s}" if quartiles is None else f"{quartiles[1]:11.2f} ({quartiles[1] / ours:5.2f}x)"
        lines.append(line)
    return "\n".join(lines)
