"""Contenders in processes of their own, that compute one at a time and are asleep else.

Every library keeps threads that spin for a while after a call: ONNX Runtime's for 39 ms, PyTorch's and ours for
7 ms. In one process they would take the processors from whoever comes next; here each process answers when its threads
sleep (`timing.rest`). A process also has its own memory, whose peak can be told, and its own environment.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from . import memory
from .sizes import Size
from .timing import Lost, turn, using

# Given a contender's name and the size, what it does. Where that returns a function, its result is what that returns:
# what takes time, but is wanted for validation only, is not timed.
Build = Callable[[str, Size], Callable[[], Any]]

MALLOC_TUNED = "torch NHWC, malloc tuned"
# glibc gives large blocks back to the system at once, and every fresh one pays its page faults; so it keeps them.
ENVIRONMENTS = {
    MALLOC_TUNED: {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": "100000000000",
        "MALLOC_TOP_PAD_": "268435456",
    }
}


def can_tune_malloc() -> bool:
    """Whether there is the C library that these variables are for."""
    return platform.libc_ver()[0] == "glibc"


class Contender:
    """A process that builds what ``name`` does, and times it when asked to.

    Parameters
    ----------
    name : str
    build : callable
        Runs in the process, so it must be a function that can be imported.
    folder : Path, optional
        Where the process looks first for what it imports: another version of a package, say.

    Attributes
    ----------
    lost : str or None
        Why it could not do what it was asked to.
    """

    def __init__(self, name: str, build: Build, folder: Path | None = None):
        self.name, self.lost = name, None
        self._build, self._folder, self._process = build, folder, None

    def build(self, size: Size) -> Any:
        """Build and call once; the result. A process that has died is started again."""
        self.lost = None
        if not (self._process and self._process.is_alive()):
            self._start()
        return self._ask("build", size)

    def turn(self, seconds: float) -> float:
        """Call for about so many seconds; the milliseconds of one call."""
        return self._ask("turn", seconds)

    def peak_mb(self) -> float:
        """Memory since before the last `build`, in megabytes; nan where the system does not tell it."""
        return self._ask("peak_mb")

    def end(self) -> None:
        """Whatever it does."""
        if self._process:
            self._process.kill()
            self._process.join()
            self._pipe.close()

    def _start(self) -> None:
        self.end()
        context = multiprocessing.get_context("spawn")  # a fork would have this process' threads and memory
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self.name, self._build), daemon=True)
        with _environment(ENVIRONMENTS.get(self.name, {})), _found_first(self._folder):
            self._process.start()
        other.close()

    def _ask(self, what: str, *arguments: Any) -> Any:
        try:
            self._pipe.send((what, arguments))
            answer, self.lost = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self.lost = f"its process ended with code {self._process.exitcode}"
        if self.lost:
            raise Lost(self.lost)
        return answer


@contextmanager
def started(
    names: Iterable[str], build: Build, folders: Mapping[str, Path] | None = None
) -> Iterator[dict[str, Contender]]:
    """Contenders by name; in the end, also after Ctrl-C, their processes end. Some may have a folder."""
    contenders = {name: Contender(name, build, (folders or {}).get(name)) for name in names}
    try:
        yield contenders
    finally:
        for contender in contenders.values():
            contender.end()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """For the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _found_first(folder: Path | None) -> Iterator[None]:
    """Processes that are started meanwhile look for modules in this folder first: they begin with our ``sys.path``."""
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _serve(pipe: Connection, name: str, build: Build) -> None:
    """Do as told, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    server = _Server(name, build)
    with suppress(EOFError, OSError):
        while True:
            what, arguments = pipe.recv()
            try:
                answer = getattr(server, what)(*arguments), None
            except Exception as error:
                answer = None, str(error) if isinstance(error, Lost) else f"{type(error).__name__}: {error}"
            pipe.send(answer)


def result_of(call: Callable[[], Any]) -> Any:
    """Call; what is to be validated."""
    result = call()
    return result() if callable(result) else result


class _Server:
    """What a contender's process can do."""

    def __init__(self, name: str, build: Build):
        self.name, self.make = name, build
        self.call: Callable[[], Any] | None = None
        self.threads, self.before = 1, 0.0

    def build(self, size: Size) -> Any:
        first, self.call = self.call is None, None  # what the last size needed is free before this one is built
        self.threads = size.threads
        if first:
            self._made(size.small())  # loads code and wakes threads, which is not counted as memory of the network
        self.before = memory.forget_peak()
        self.call, result = self._made(size)
        return result

    def _made(self, size: Size) -> tuple[Callable[[], Any], Any]:
        call = self.make(self.name, size)
        with using(size.threads):  # now that the library is there to be told
            return call, result_of(call)

    def turn(self, seconds: float) -> float:
        with using(self.threads):
            return turn(self.call, seconds)

    def peak_mb(self) -> float:
        return memory.peak_mb() - self.before
