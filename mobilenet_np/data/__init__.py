"""Images to train on."""

from .augment import random_shift
from .digits import Split, digits

__all__ = ["Split", "digits", "random_shift"]
