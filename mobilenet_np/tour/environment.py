"""What runs here: versions, cores, the form of the ops, where compiled kernels are kept, which BLAS multiplies."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from ..forms import HAVE_NUMBA, current_form
from ..ops.depthwise_conv2d import depthwise_conv2d_forward

PACKAGES = ("mobilenet_np", "numpy", "numba", "matplotlib", "scikit-learn", "tqdm", "threadpoolctl")


def environment() -> dict[str, str]:
    """What runs here, by name, as text.

    Examples
    --------
    >>> list(environment())[:3]
    ['mobilenet_np', 'numpy', 'numba']
    """
    return {
        **{name: _version(name) for name in PACKAGES},
        "Python": f"{platform.python_version()} ({platform.system()}, {platform.machine()})",
        "cores": str(cores()),
        "form": current_form(),
        "kernel cache": _kernel_cache(),
        "BLAS": _blas(),
    }


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _kernel_cache() -> str:
    if not HAVE_NUMBA:
        return "none: Numba is not installed"
    from numba import njit

    try:
        return str(njit(cache=True)(depthwise_conv2d_forward).stats.cache_path)
    except RuntimeError:  # "cannot cache function: no locator available"
        return "none: no folder is writable; kernels are compiled anew in every process"


def _blas() -> str:
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return "; ".join(f"{p['internal_api']} {p['version']}, {p['num_threads']} threads" for p in pools) or "unknown"
