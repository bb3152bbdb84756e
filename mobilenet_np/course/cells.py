"""Runs the cells that it reads, one after the other, and reports each; `limited` starts it and watches over it.

``python -m mobilenet_np.course.cells MEMORY DESCRIPTOR < cells.json``: the bytes that it may have, and where it writes
a line ``[number, error]`` after each cell. The error is empty if there was none. Cell -1 is the start.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

import mobilenet_np

from .exercise import ExerciseError

LARGEST_FILE = 256 << 20


def main(memory: int, descriptor: int) -> None:
    """Run them."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    cells = json.load(sys.stdin)
    os.register_at_fork(after_in_child=lambda: os.close(descriptor))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.enable_gui = lambda gui=None: None  # %matplotlib inline asks for it
    shell.display_formatter.active_types = ["text/plain"]
    library = [module for name, module in sys.modules.items() if name.startswith("mobilenet_np")]
    contents = [dict(vars(module)) for module in library]
    _limit(memory)
    process = os.getpid()
    _report(descriptor, -1, None)
    for number, cell in enumerate(cells):
        if cell["check"]:  # by the library as it is, not as a cell before may have changed it
            for module, content in zip(library, contents, strict=True):
                vars(module).update(content)
            shell.user_ns["mn"] = mobilenet_np
        result = shell.run_cell(cell["source"])
        if os.getpid() != process:  # the cell forked, and its child comes by here too
            os._exit(0)
        _report(
            descriptor, number, result.error_in_exec if result.error_before_exec is None else result.error_before_exec
        )
        if plots := sys.modules.get("matplotlib.pyplot"):
            plots.close("all")


def _limit(memory: int) -> None:
    import resource

    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, LARGEST_FILE), (resource.RLIMIT_AS, memory)):
        with contextlib.suppress(ValueError):  # macOS has no limit of the address space
            resource.setrlimit(what, (most, most))


def _report(descriptor: int, number: int, error: BaseException | None) -> None:
    words = (
        "" if error is None else str(error) if isinstance(error, ExerciseError) else f"{type(error).__name__}: {error}"
    )
    os.write(descriptor, f"{json.dumps([number, words[:2000]])}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
