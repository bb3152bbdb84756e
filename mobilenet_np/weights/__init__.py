"""Weights of other frameworks: names, layouts, and (with later work) file formats."""

from .state import load_state, state_for

__all__ = ["load_state", "state_for"]
