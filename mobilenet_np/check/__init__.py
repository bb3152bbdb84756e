"""Is this backward pass right? Numerical checks that take callables and know no op."""

from .adjoint import AdjointReport, adjoint_test
from .gradcheck import gradcheck
from .report import GradcheckReport

__all__ = ["AdjointReport", "GradcheckReport", "adjoint_test", "gradcheck"]
