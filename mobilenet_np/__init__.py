"""MobileNet V1, V2 and V3 in NumPy: every forward and backward pass by hand, every cost an integer.

>>> import numpy as np
>>> import mobilenet_np as mn
>>> net = mn.build("v2", width=0.35, classes=10)
>>> logits = net.forward(np.zeros((1, 32, 32, 3), np.float32))
>>> logits.shape
(1, 10)
"""

from . import check, course, ops, show
from .check import adjoint_test
from .costs import cost
from .diagnosis import gradcheck, student
from .forms import current_form, form
from .infer import compile
from .models import Network, build, preprocess
from .threads import get_threads, set_threads
from .trace import trace
from .weights import load_state, state_for

__version__ = "0.1.0"

check.student = student  # it belongs there for the reader, and lives higher up: it compares with ops, check knows none

__all__ = [
    "Network",
    "adjoint_test",
    "build",
    "check",
    "compile",
    "cost",
    "course",
    "current_form",
    "form",
    "get_threads",
    "gradcheck",
    "load_state",
    "ops",
    "preprocess",
    "set_threads",
    "show",
    "state_for",
    "trace",
]
