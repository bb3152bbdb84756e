"""Wrong formulas that introductory articles on MobileNet repeat, each beside the right one.

A student who finds one of them elsewhere can look up here what is wrong with it, and by how much::

    >>> for claim in CLAIMS:
    ...     wrong, right = claim.wrong(**claim.example), claim.right(**claim.example)
    ...     print(f"{claim.name}: {float(wrong):,.2f} instead of {float(right):,.2f}")
    saving: 9.00 instead of 8.84
    input size: 109,985,792.00 instead of 27,496,448.00
    inverted residual: 4,967,424.00 instead of 25,740,288.00
    squeeze and excite: 922,560.00 instead of 462,000.00

The right ones are checked against loops that count (``tests/test_counted.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from . import formulas


class Claim(NamedTuple):
    """A wrong formula and the right one, as functions of the same numbers."""

    name: str
    text: str
    verdict: str
    wrong: Callable[..., int | Fraction]
    right: Callable[..., int | Fraction]
    example: dict[str, int]


def _inverted_residual_claim(M: int, N: int, t: int, k: int, D: int) -> int:
    s = Fraction(N, M)
    return int((1 + k**2 + s) * t * M * D**2)


CLAIMS = (
    Claim(
        name="saving",
        text="A depthwise-separable convolution needs k^2 times fewer MACs.",
        verdict="The saving is 1 / (1/N + 1/k^2): k^2 is a limit for many output channels, which is never reached. "
        'The V1 paper says "between 8 to 9 times" for k = 3.',
        wrong=lambda k, N: Fraction(k**2),
        right=lambda k, N: 1 / formulas.separable_ratio(k, N),
        example=dict(k=3, N=512),
    ),
    Claim(
        name="input size",
        text="The MACs are k^2 * M * N * D_F^2, with the size D_F of the input.",
        verdict="With a stride it is the size of the output, D_G. The V1 paper prints D_F too, but assumes in a "
        "footnote that both are the same; at stride 2 the claim is four times too high. The saving stays the same.",
        wrong=lambda D_F, stride, k, M, N: formulas.separable_macs(D_F, D_F, k, M, N),
        right=lambda D_F, stride, k, M, N: formulas.separable_macs(-(-D_F // stride), -(-D_F // stride), k, M, N),
        example=dict(D_F=112, stride=2, k=3, M=64, N=128),
    ),
    Claim(
        name="inverted residual",
        text="An inverted residual needs (1 + k^2 + s) * t * M * D_F^2 MACs, with s = N / M.",
        verdict="The expansion and the projection each combine all channels: both lack a factor M. "
        "It is t * M * D^2 * (M + k^2 + N).",
        wrong=_inverted_residual_claim,
        right=lambda M, N, t, k, D: formulas.inverted_residual_macs(D, D, D, D, k, M, t * M, N),
        example=dict(M=24, N=24, t=6, k=3, D=56),
    ),
    Claim(
        name="squeeze and excite",
        text="Squeeze-and-excite is one fully connected layer C -> C and a sigmoid.",
        verdict="It is two, C -> S -> C with S = C / 4 and a ReLU between, and in V3 the sigmoid is the hard one.",
        wrong=lambda C, S: formulas.linear_weights(C, C) + C,
        right=lambda C, S: formulas.squeeze_excite_weights(C, S) + formulas.squeeze_excite_biases(C, S),
        example=dict(C=960, S=240),
    ),
)
