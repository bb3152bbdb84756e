"""The stages of the tour one after the other, and the page they make."""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..errors import check
from ..report import Section, facts, page, table, write
from . import factorization, gradients, ledger, steps, tables, training
from .environment import environment
from .result import Result


class Stage(NamedTuple):
    """One part of the tour; ``expected`` seconds on two cores, for the estimate of the time left."""

    title: str
    run: Callable[[], Result]
    expected: float


def stages(seed: int, quick: bool) -> list[Stage]:
    """What the tour consists of, in order."""
    return [
        Stage("the factorization on a photograph", functools.partial(factorization.run, seed), 2),
        Stage("layer tables", tables.run, 3),
        Stage("who counts how, and what this machine can do", ledger.run, 6),
        Stage("a training step, number by number", functools.partial(steps.run, seed), 4),
        Stage("gradient checks and the bug zoo", functools.partial(gradients.run, seed), 10),
        Stage("training on handwritten digits", functools.partial(training.run, seed, quick), 8 if quick else 45),
    ]


def tour(out: str | Path = "report.html", seed: int = 0, quick: bool = False) -> bool:
    """Run all stages, say on stderr how far they are, and write the report.

    Parameters
    ----------
    out : path
        The page; replaced as a whole at the very end, or not touched.
    seed : int
        Of everything random.
    quick : bool
        Fewer epochs of training, for a test of the machinery; the report says so.

    Returns
    -------
    ok : bool
        Whether everything that was checked is right.

    Raises
    ------
    ValueError
        If the report cannot be written there.
    ImportError
        Where scikit-learn, which brings the digits, is not installed.
    KeyboardInterrupt
        On Ctrl-C, after saying what was done; no report is written then.
    """
    out = Path(out)
    check(out.parent.is_dir(), f"tour: the folder {out.parent} does not exist")
    check(not out.is_dir(), f"tour: {out} is a folder; name a file")
    # What would stop the last stages is noticed before the first.
    check(os.access(out.parent, os.W_OK), f"tour: the folder {out.parent} is not writable")
    if importlib.util.find_spec("sklearn") is None:
        raise ImportError('tour: needs scikit-learn for the digits; pip install "mobilenet_np[data]"')
    begin, seconds, results = time.perf_counter(), {}, {}
    todo = stages(seed, quick)
    _say(f"seed {seed}")
    try:
        for number, stage in enumerate(todo, start=1):
            spent = sum(seconds.values())
            _say(f"[{number}/{len(todo)}] {stage.title}, {_left(spent, todo, number - 1)}")
            start = time.perf_counter()
            results[stage.title] = stage.run()
            seconds[stage.title] = time.perf_counter() - start
            _say(f"      {results[stage.title].summary} ({seconds[stage.title]:.1f} s)")
        total = time.perf_counter() - begin
        write(_page(list(results.values()), seconds, total, out, seed, quick), out)
    except KeyboardInterrupt:
        done = ", ".join(results) or "nothing"
        _say(f"\ninterrupted; done until here: {done}. No report was written.")
        raise
    ok = all(result.ok for result in results.values())
    _say(f"{'everything is right' if ok else 'SOMETHING IS WRONG, see the report'}; {total:.0f} s; {out}")
    return ok


def _left(spent: float, todo: list[Stage], done: int) -> str:
    """The time left, from what the stages before took and what was expected of them."""
    expected = sum(stage.expected for stage in todo[:done])
    speed = spent / expected if expected else 1.0
    return f"about {speed * sum(stage.expected for stage in todo[done:]):.0f} s left"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _page(results: list[Result], seconds: dict, total: float, out: Path, seed: int, quick: bool) -> str:
    what = environment()
    short = "<p><strong>A quick run: the networks were trained for fewer epochs than in a full one.</strong></p>"
    lead = f"""
<p>MobileNets are small because they split each convolution in two: one half looks at the neighbourhood of a pixel, the
other mixes the channels. This page shows the idea on a photograph, counts what it saves in the three published
architectures, rebuilds what others count, follows one training step down to single products, checks every hand-written
gradient, and trains all three on real images.</p>
<p>Every number was computed in the run that wrote this page ({total:.0f} seconds on {what["cores"]} cores), or is
quoted from a source that is named.</p>
{short if quick else ""}
{facts(result.fact for result in results)}"""
    return page(
        "MobileNet V1, V2, V3: a tour", lead, [*(r.section for r in results), _about(what, seconds, out, seed, quick)]
    )


def _about(what: dict[str, str], seconds: dict[str, float], out: Path, seed: int, quick: bool) -> Section:
    command = f"mobilenet-np tour --seed {seed}{' --quick' if quick else ''} --out {shlex.quote(out.name)}"
    times = table(("stage", "seconds"), [(name, f"{s:.1f}") for name, s in seconds.items()], "lr")
    here = [(name, value) for name, value in what.items() if name != "kernel cache"]  # a path, of no use elsewhere
    return Section(
        "run",
        "About this run",
        f"<p>Again: <code>{command}</code></p>{times}{table(('what', 'here'), here, 'll')}",
    )
