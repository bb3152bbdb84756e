"""The check of an exercise: what a learner reads when it is right, when it is wrong, and before anything is written."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager


class ExerciseError(AssertionError):
    """An exercise that is not right yet. Jupyter shows its text, and no traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it by this name
        return str(self).splitlines()


class NotWrittenYet(ExerciseError):
    """The answer is still the ``NotImplementedError`` that the student's edition came with."""


class NotRightYet(ExerciseError):
    """The answer is wrong, or raises an exception."""


@contextmanager
def exercise(name: str) -> Iterator[None]:
    """Check an answer inside the ``with`` block.

    Parameters
    ----------
    name : str
        What was asked for: every message begins with it.

    Raises
    ------
    NotWrittenYet
        Instead of the block's `NotImplementedError`.
    NotRightYet
        Instead of anything else that goes wrong in the block, with its message and the learner's line.

    Examples
    --------
    >>> def double(x):
    ...     raise NotImplementedError
    >>> with exercise("twice as much"):
    ...     assert double(2) == 4
    Traceback (most recent call last):
        ...
    mobilenet_np.course.exercise.NotWrittenYet: twice as much: not written yet (replace the NotImplementedError above)
    """
    try:
        yield
    except NotImplementedError:
        raise NotWrittenYet(f"{name}: not written yet (replace the NotImplementedError above)") from None
    except (Exception, SystemExit) as error:  # exit() in an answer must not end the notebook
        raise NotRightYet(f"{name}: {_words(error)}") from None
    print(f"{name}: right")


def _words(error: BaseException) -> str:
    said = str(error)
    if isinstance(error, AssertionError) and said:
        return said
    return f"{type(error).__name__}{': ' if said else ''}{said}{_where(error)}"


def _where(error: BaseException) -> str:
    """The last line of the notebook on the way to the error; what the library did below it would not help."""
    steps = traceback.walk_tb(error.__traceback__)
    own = [step for step in steps if step[0].f_globals.get("__name__") == "__main__"]
    if not own:
        return ""
    last = traceback.StackSummary.extract(iter(own[-1:]))[0]
    return f"\n    in {last.name}, line {last.lineno}: {last.line}"
