"""Images to train on."""

from .digits import Split, digits

__all__ = ["Split", "digits"]
