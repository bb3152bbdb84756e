"""The multiplications that really ran.

Formulas can be wrong, so nothing here knows one: this package imports nothing from `costs`, and what it counts is
compared with what they say. Three ways to count, from the most literal to the quickest:

`multiplications` runs an op's definition on numbers that count their own products. `count_forward` and `count_backward`
are compiled loops with a counter in the innermost one, quick enough for a whole network at 224x224. `executed` runs a
network and counts from the shapes of the arrays that each of its layers saw.

Two totals differ where a convolution pads. The definitions skip the products with padding zeros: "in bounds". The
published tables count them: "dense". Handing over an image with the zeros already around it makes any loop dense.
"""

from .definitions import multiplications
from .loops import count_backward, count_forward
from .network import Executed, ExecutedRow, execute, executed

__all__ = ["Executed", "ExecutedRow", "count_backward", "count_forward", "execute", "executed", "multiplications"]
