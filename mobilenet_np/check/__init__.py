"""Is this backward pass right, and if not, why? Numerical checks that take callables and know no op."""

from .adjoint import AdjointReport, adjoint_test
from .diagnose import Diagnosis, Finding
from .gradcheck import gradcheck
from .report import GradcheckReport
from .sweep import Sweep, sweep_h

__all__ = [
    "AdjointReport",
    "Diagnosis",
    "Finding",
    "GradcheckReport",
    "Sweep",
    "adjoint_test",
    "gradcheck",
    "sweep_h",
]
