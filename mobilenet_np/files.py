"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import check


def write(where: str, content: str | bytes, path: str | Path) -> Path:
    """Write a file: under a temporary name first, so that what is there under ``path`` is always whole.

    Parameters
    ----------
    where : str
        Who writes it, for the errors.
    content : str or bytes
    path : path

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the folder does not exist or the path is a folder.
    """
    path = Path(path)
    check(path.parent.is_dir(), f"{where}: the folder {path.parent} does not exist")
    check(not path.is_dir(), f"{where}: {path} is a folder")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's file is for its owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path
