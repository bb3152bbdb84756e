"""Costs from the closed forms and the tables alone; no layer is ever seen. See `cost`."""

from .total import Cost, cost

__all__ = ["Cost", "cost"]
