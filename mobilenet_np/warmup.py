"""Compile every kernel once, so that no later process has to wait for it.

Numba compiles a kernel the first time it is called and keeps the machine code in a folder; the next process loads it
from there in a fraction of a second. `warmup` makes those first calls.
"""

from __future__ import annotations

import time

import numpy as np

from .forms import HAVE_NUMBA, form
from .infer import compile
from .layers import chain
from .models import build
from .ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward


def warmup(progress: bool = True) -> float:
    """Run a training step and a compiled inference of networks that together use every kernel.

    Parameters
    ----------
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    seconds : float
        How long it took: about a minute from nothing, a few seconds if all was compiled before. 0 where Numba is not
        installed: there is nothing to compile.
    """
    from tqdm import tqdm

    if not HAVE_NUMBA:
        return 0.0
    start = time.perf_counter()
    # Ten classes and Keras' widths of 19 and 38 channels fill no registers, so the kernels for those are compiled too.
    networks = [
        (model, width, classes, dtype)
        for dtype in ("float32", "float64")
        for model, width, classes in (("v3-small", 0.5, 16), ("v2", 0.35, 16), ("v1", 0.6, 10))
    ]
    with form("numba"), tqdm(networks, desc="compiling kernels", disable=None if progress else True) as bar:
        for model, width, classes, dtype in bar:
            bar.set_postfix_str(f"{model} {dtype}")
            net = build(model, width, classes, "keras", dtype)
            x = np.random.default_rng(0).standard_normal((2, 40, 40, 3)).astype(dtype)
            loss, cache = softmax_cross_entropy_forward(net.forward(x, train=True), np.zeros(2, np.int64))
            net.backward(softmax_cross_entropy_backward(loss, cache))
            net.forward(x)
            with chain.apart(net):  # as for those who watch what is between layers
                net.backward(net.forward(x, train=True))
            compile(net)(x.astype(np.float32))
    return time.perf_counter() - start
