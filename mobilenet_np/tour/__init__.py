"""The tour: one run that shows on real input what this library is about, and one page to read afterwards.

>>> from mobilenet_np.tour import tour
>>> tour("report.html")  # doctest: +SKIP
"""

from .environment import environment
from .gradients import cases
from .run import tour

__all__ = ["cases", "environment", "tour"]
