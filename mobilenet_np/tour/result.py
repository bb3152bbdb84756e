"""What a stage of the tour leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from ..report import Section


@dataclass(frozen=True)
class Result:
    """The outcome of one stage.

    Attributes
    ----------
    ok : bool
        Whether everything that was checked is right.
    summary : str
        One line for the terminal.
    fact : (str, str, str)
        Label, value and remark for the top of the report.
    section : Section
        The chapter of the report.
    """

    ok: bool
    summary: str
    fact: tuple[str, str, str]
    section: Section
