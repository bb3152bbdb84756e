"""Plots. Each takes ``ax=`` or ``axes=``, returns it, and never calls ``plt.show()``.

Matplotlib is loaded when the first one is drawn.

`factorize`, `step` and `step_op` give no plot but a page on which a convolution is played tap by tap.

>>> from mobilenet_np import cost, show
>>> ax = show.macs_by_block(cost("v2"))
>>> ax.figure.savefig("macs.png")  # doctest: +SKIP
"""

from .costs import macs_by_block
from .factorization import factorization, kernels_needed, not_separable, saving, separable
from .stepper import factorize, step, step_op
from .style import style
from .training import accuracies, confusion_matrix, losses, mistakes

__all__ = [
    "accuracies",
    "confusion_matrix",
    "factorization",
    "factorize",
    "kernels_needed",
    "losses",
    "macs_by_block",
    "mistakes",
    "not_separable",
    "saving",
    "separable",
    "step",
    "step_op",
    "style",
]
