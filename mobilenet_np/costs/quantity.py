"""Numbers as people write them: 300774272, 301M, 0.32G."""

from __future__ import annotations

import re
from decimal import Decimal

from ..errors import check

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


def quantity(text: str | int) -> tuple[Decimal, Decimal]:
    """A number, and the unit of its last digit.

    Parameters
    ----------
    text : str or int
        An integer, or a decimal number with K (10^3), M (10^6), G or B (10^9) behind it; "," and "_" are left out.

    Raises
    ------
    ValueError
        For anything else, and for numbers that are not positive.

    Examples
    --------
    >>> number, unit = quantity("0.32G")
    >>> int(number), int(unit)
    (320000000, 10000000)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGB]?)", str(text).replace(",", "").replace("_", "").strip().upper())
    check(
        match is not None and Decimal(match[1]) > 0,
        f"quantity: {text!r} is not a positive number like 300774272, 301M or 0.32G",
    )
    digits, unit = Decimal(match[1]), _UNITS[match[2]]
    return digits * unit, Decimal(1).scaleb(digits.as_tuple().exponent) * unit
