"""Plots. Each takes ``ax=`` or ``axes=``, returns it, and never calls ``plt.show()``.

Matplotlib is loaded when the first one is drawn.

`factorize`, `step` and `step_op` give no plot but a page on which a convolution is played tap by tap.

>>> from mobilenet_np import cost, show
>>> ax = show.macs_by_block(cost("v2"))
>>> ax.figure.savefig("macs.png")  # doctest: +SKIP
"""

from .activations import activations
from .architecture import architecture
from .channels import feature_maps, filters
from .costs import macs_by_block, share_by_op
from .factorization import factorization, kernels_needed, not_separable, saving, separable
from .gradients import gradient_norms
from .manifold import manifold, manifold_errors
from .multipliers import resolution_law, width_law
from .nonlinearities import nonlinearities
from .numbers import numbers
from .published import accuracy_against_macs
from .rank import nearest_separable, separable_rank
from .receptive import receptive_field
from .roofline import roofline
from .stepper import factorize, step, step_op
from .style import style
from .training import accuracies, confusion_matrix, losses, mistakes

__all__ = [
    "accuracies",
    "accuracy_against_macs",
    "activations",
    "architecture",
    "confusion_matrix",
    "factorization",
    "factorize",
    "feature_maps",
    "filters",
    "gradient_norms",
    "kernels_needed",
    "losses",
    "macs_by_block",
    "manifold",
    "manifold_errors",
    "mistakes",
    "nearest_separable",
    "nonlinearities",
    "not_separable",
    "numbers",
    "receptive_field",
    "resolution_law",
    "roofline",
    "saving",
    "separable",
    "separable_rank",
    "share_by_op",
    "step",
    "step_op",
    "style",
    "width_law",
]
