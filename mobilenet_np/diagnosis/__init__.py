"""What is wrong with a backward pass, by comparison with all known ways of getting it wrong; and in which layer.

`mobilenet_np.check` finds errors and tests guesses without knowing any op. Here, above the ops and the zoo of wrong
backward passes, it is told what to compare with.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import check
from ..check import GradcheckReport, sweep_h
from .known import suspects_for
from .network import LayerResult, NetworkReport, network
from .student import StudentReport, student


@functools.wraps(check.gradcheck)
def gradcheck(subject: Any, x: np.ndarray, *arrays: np.ndarray, **options: Any) -> GradcheckReport:
    return check.gradcheck(subject, x, *arrays, **{"suspects": suspects_for(subject), **options})


gradcheck.network = network
gradcheck.sweep_h = sweep_h

__all__ = ["LayerResult", "NetworkReport", "StudentReport", "gradcheck", "network", "student", "suspects_for"]
