"""Runs cells in a process of their own that cannot take more than its share of time and memory."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

START = 120.0  # seconds until the first cell: the library and IPython, on a busy machine
KILLS = 5  # of one notebook, before nothing more is run of it


class Cell(NamedTuple):
    """A cell to run, and the exercise that it checks, if it does."""

    source: str
    check: str = ""


def run(cells: list[Cell], seconds: float, memory: int) -> list[str]:
    """Run cells as a notebook does, and say what went wrong in each.

    A cell that never ends or that ends the process is left out when the others are run again.

    Parameters
    ----------
    cells : list of Cell
    seconds : float
        That each cell may take.
    memory : int
        Bytes of address space that the process may have.

    Returns
    -------
    list of str
        For each cell "" or what went wrong.
    """
    killed: dict[int, str] = {}
    while len(killed) < KILLS:
        sources = [cell._replace(source="" if i in killed else cell.source) for i, cell in enumerate(cells)]
        errors, end = _once(sources, seconds, memory)
        if not end:
            return [killed.get(i) or error for i, error in enumerate(errors)]
        killed[len(errors)] = end
    never = f"not run: {KILLS} cells of this notebook had to be stopped"
    return [killed.get(i) or (errors[i] if i < len(errors) else never) for i in range(len(cells))]


def _once(cells: list[Cell], seconds: float, memory: int) -> tuple[list[str], str]:
    """What went wrong in each cell until the process ended, and why that was too early."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as pipe, _folder() as folder:
        try:
            process = _start(cells, memory, Path(folder), writer)
        finally:
            os.close(writer)
        errors: list[str] = []
        late = False
        try:
            for error in _reports(pipe, len(cells), seconds):
                errors.append(error)
        except TimeoutError:
            late = True
        finally:
            # Before it is waited for, while nothing else can have its number; with all children that are left.
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    why = f"ended the process ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"
    if not errors:
        raise ChildProcessError(f"course check: nothing can be run: Python {'hangs' if late else why}")
    if len(errors) == len(cells) + 1:
        return errors[1:], ""
    return errors[1:], f"took longer than {seconds:g} s" if late else why


def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)


def _start(cells: list[Cell], memory: int, folder: Path, writer: int) -> subprocess.Popen:
    library = str(Path(__file__).parents[2])
    environment = os.environ | {
        "IPYTHONDIR": str(folder / ".ipython"),
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(filter(None, (library, os.environ.get("PYTHONPATH")))),
    }
    with tempfile.TemporaryFile() as program:
        program.write(json.dumps([cell._asdict() for cell in cells]).encode())
        program.seek(0)
        return subprocess.Popen(
            [sys.executable, "-m", "mobilenet_np.course.cells", str(memory), str(writer)],
            cwd=folder,
            env=environment,
            stdin=program,
            stdout=subprocess.DEVNULL,  # whatever is printed, and however much
            stderr=subprocess.DEVNULL,
            pass_fds=(writer,),
            start_new_session=True,
        )


def _reports(pipe: Any, cells: int, seconds: float) -> Iterator[str]:
    """The errors that `cells` reports, from the start on, in order; `TimeoutError` when the next one is late."""
    text = b""
    for number in range(-1, cells):
        deadline = monotonic() + (START if number < 0 else seconds)
        while b"\n" not in text:
            if not select.select([pipe], [], [], max(0.0, deadline - monotonic()))[0]:
                raise TimeoutError
            piece = pipe.read(1 << 16)
            if not piece:
                return
            text += piece
        line, _, text = text.partition(b"\n")
        if json.loads(line)[0] != number:
            return
        yield json.loads(line)[1]
