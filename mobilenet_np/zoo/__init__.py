"""A zoo of deliberately wrong backward passes, each a mistake that somebody has made.

A checker that has never met a bug has proved nothing. `BUGS` are the exhibits: each a small edit of a right backward
pass, with one sentence that says what went wrong. `hunt` lets a checker loose on them.
"""

from .bug import Bug
from .hunting import BUGS, Hunt, hunt

__all__ = ["BUGS", "Bug", "Hunt", "hunt"]
