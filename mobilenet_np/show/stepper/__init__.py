"""The stepper: a page on which a convolution is played tap by tap, forward and backward."""

from .factorize import factorize
from .layer import step, step_op
from .page import Page

__all__ = ["Page", "factorize", "step", "step_op"]
