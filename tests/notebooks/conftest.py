"""Runs each notebook once in each edition, and without Numba; all tests look at the same outputs."""

import asyncio
from importlib.util import find_spec

import pytest

from mobilenet_np.course import edition

AT_A_TIME = 2
SECONDS_A_CELL = 300  # for one that hangs: what a slow machine needs is not tested
# None in their place makes imports fail as if the packages were not there.
WITHOUT_NUMBA = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None"


@pytest.fixture(scope="session")
def executed(request, tmp_path_factory):
    """(path, "solutions", "students" or "without_numba") -> the notebook with its outputs, errors included."""
    missing = [name for name in ("nbclient", "nbformat", "ipykernel") if not find_spec(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: the notebooks extra")
    wanted = [item.callspec.params for item in request.session.items if "executed" in getattr(item, "fixturenames", ())]
    keys = sorted({(params["path"], params["which"]) for params in wanted})
    return asyncio.run(_run_all(keys, tmp_path_factory))


async def _run_all(keys, folders):
    from nbclient import NotebookClient
    from nbformat import reads
    from nbformat.v4 import new_code_cell

    few = asyncio.Semaphore(AT_A_TIME)

    async def run(path, which):
        source = edition.parse(path)
        if which == "students":
            source = edition.without_solutions(source)
        notebook = reads(edition.text_of(source), as_version=4)
        if which == "without_numba":
            notebook.cells.insert(0, new_code_cell(WITHOUT_NUMBA))
        async with few:
            empty = folders.mktemp(f"{path.stem}-{which}")
            client = NotebookClient(
                notebook,
                timeout=SECONDS_A_CELL,
                kernel_name="python3",
                allow_errors=True,
                resources={"metadata": {"path": empty}},
            )
            try:
                await client.async_execute()
            except Exception as error:  # a cell that hangs or kills the kernel is this notebook's error alone
                return error
        if which == "without_numba":
            del notebook.cells[0]
        return notebook

    return dict(zip(keys, await asyncio.gather(*(run(*key) for key in keys)), strict=True))


@pytest.fixture
def outputs(executed, path, which):
    """The cells of one notebook after it ran."""
    result = executed[path, which]
    if isinstance(result, Exception):
        raise result
    return result.cells
