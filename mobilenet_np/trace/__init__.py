"""Every step of one training pass, by name.

Plain data: `Record` (with `Forward` and `Backward`) for a layer, `Explanation` for a number.
"""

from .explanation import Explanation, Factor, Factors, Line, Step, Sum, Term
from .receptive_field import ReceptiveField, Window
from .records import Backward, Forward, Record, Source
from .statistics import Statistics

__all__ = [
    "Backward",
    "Explanation",
    "Factor",
    "Factors",
    "Forward",
    "Line",
    "ReceptiveField",
    "Record",
    "Source",
    "Statistics",
    "Step",
    "Sum",
    "Term",
    "Window",
]
