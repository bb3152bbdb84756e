"""Costs from the closed forms and the tables alone; no layer is ever seen. See `cost`."""

from .network import cost
from .total import Cost

__all__ = ["Cost", "cost"]
