"""Every step of one training pass, by name. See `trace`.

`Trace` holds a `Record` (with `Forward` and `Backward`) for every layer, and gives an `Explanation` for every number.
"""

from ..receptive_field import ReceptiveField, Window
from .explanation import Explanation, Factor, Factors, Line, Step, Sum, Term
from .records import Backward, Forward, Record, Source
from .run import trace
from .statistics import Statistics
from .traced import Trace, UnknownName

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
    "Trace",
    "UnknownName",
    "Window",
    "trace",
]
