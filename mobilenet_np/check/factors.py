"""What a factor may stand for: a batch size that was divided by, a mean that was not taken, something added twice."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from .cases import Case


def factors(case: Case) -> dict[str, tuple[str, float]]:
    """Factors that a gradient may be wrong by, each in words and as the number that it is here.

    Parameters
    ----------
    case : Case

    Returns
    -------
    dict
        Keys are the same for every case of one subject: name -> (words, number).
    """
    found = {
        "-1": ("has the wrong sign", -1.0),
        "2": ("is twice what it should be: added twice?", 2.0),
        "1/2": ("is half of what it should be", 0.5),
    }
    for words, symbol, size in _quantities(case):
        value = f"{symbol} = {size:g}" if symbol else f"{size:g}"
        if size and size != 1:
            for sign, minus in ((1, ""), (-1, ", with the wrong sign")):
                found[f"{words}, divided{minus}"] = f"is divided by {words} ({value}){minus}", sign / size
                found[f"{words}, multiplied{minus}"] = f"is multiplied by {words} ({value}){minus}", sign * size
    return found


def number(factor: float) -> str:
    """A number as a fraction, if it is one.

    Examples
    --------
    >>> number(1 / 6), number(0.7071067811865476)
    ('1/6', '0.707106781')
    """
    fraction = Fraction(factor).limit_denominator(99)
    exact = abs(float(fraction) - factor) <= 1e-9 * abs(factor)
    return f"{fraction}" if exact else f"{factor:.9g}"


def _quantities(case: Case) -> Iterator[tuple[str, str, float]]:
    x, y = case.x, case.y
    if x.ndim >= 2:
        yield "the batch size", "N", len(x)
    if x.ndim == 4:
        N, H, W, C = x.shape
        yield "the number of rows", "H", H
        yield "the number of columns", "W", W
        yield "the number of pixels", "H W", H * W
        yield "the number of pixels of all images", "N H W", N * H * W
        if y.ndim == 4 and y.shape[1:3] != (H, W):
            _, Ho, Wo, _ = y.shape
            yield "the number of output positions", "H_out W_out", Ho * Wo
            yield "the number of output positions of all images", "N H_out W_out", N * Ho * Wo
    for name, tensor in case.tensors.items():
        if tensor.ndim >= 3 and tensor.shape != x.shape:
            yield f"the number of {name}'s taps", "kh kw", tensor.shape[0] * tensor.shape[1]
    if x.ndim >= 2:
        yield "the number of channels", "C", x.shape[-1]
        yield "the number of x's entries", "N ... C", x.size
        if y.ndim >= 2 and y.shape[-1] != x.shape[-1]:
            yield "the number of output channels", "C_out", y.shape[-1]
    for option, value in {**case.subject.defaults, **case.subject.options}.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield option, "", value
            yield f"1 - {option}", "", 1 - value
