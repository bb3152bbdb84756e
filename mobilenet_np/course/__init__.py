"""The course: what its notebooks call, and the commands for its teacher.

>>> from mobilenet_np import course
>>> with course.exercise("one and one"):
...     assert 1 + 1 == 2
one and one: right
"""

from .exercise import ExerciseError, NotRightYet, NotWrittenYet, exercise
from .setup import setup

__all__ = ["ExerciseError", "NotRightYet", "NotWrittenYet", "exercise", "setup"]
