"""Training: an optimizer, a schedule, the loop that uses them, and recipes for small networks."""

from .loop import History, confusion_matrix, evaluate, fit
from .recipes import RECIPES, Recipe, small_network, train_digits
from .schedule import cosine
from .sgd import SGD

__all__ = [
    "RECIPES",
    "SGD",
    "History",
    "Recipe",
    "confusion_matrix",
    "cosine",
    "evaluate",
    "fit",
    "small_network",
    "train_digits",
]
