"""The checks that every public function makes before it does any work, and their wording.

A message names the op, the shapes and the rule that they break::

    depthwise_conv2d: x has 16 channels, w has 32 (x (2, 8, 8, 16), w (3, 3, 32)); depthwise needs one filter per
    input channel
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

# complex128 is for the complex-step derivative. Numbers in foreign byte order are equal to none of these.
DTYPES = frozenset(np.dtype(name) for name in ("float32", "float64", "complex128"))


class InputTypeError(TypeError, ValueError):
    """An argument of the wrong type or dtype: a `TypeError`, and like all bad input here also a `ValueError`."""


def check(condition: bool, message: str) -> None:
    """Raise `ValueError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ValueError(message)


def check_array(op: str, name: str, array: Any, axes: str) -> None:
    """Check that an argument is a floating-point array of the right rank.

    Parameters
    ----------
    op, name : str
        The op and its argument, for the message.
    array : any
        What the user passed.
    axes : str
        One word an axis, ``"N H W C"``: gives the rank and says in the message what was expected. A word ``"..."``
        stands for any number of axes.
    """
    if not isinstance(array, np.ndarray):
        raise InputTypeError(
            f"{op}: {name} is a {type(array).__name__}; it must be a NumPy array of shape {_shape(axes)}"
        )
    # Every op comes by here several times, so messages are only put together when there is something to say.
    words = axes.split()
    least = len(words) - ("..." in words)
    if array.ndim < least or (array.ndim > least and least == len(words)):
        rank = least if least == len(words) else f"at least {least}"
        raise ValueError(f"{op}: {name} has shape {array.shape}; it must have {rank} axes {_shape(axes)}")
    if array.dtype not in DTYPES:
        raise InputTypeError(
            f"{op}: {name} is {array.dtype}; it must be float32 or float64 ({name}.astype(np.float32))"
        )
    if array.size == 0:
        raise ValueError(f"{op}: {name} has shape {array.shape}; no axis may be empty")


def check_same_dtype(op: str, **arrays: np.ndarray) -> None:
    """Check that all arrays have one dtype, so that nothing is silently computed in another precision."""
    if len({array.dtype for array in arrays.values()}) > 1:
        seen = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise InputTypeError(f"{op}: dtypes differ ({seen}); all arrays must have the same dtype")


def check_shape(op: str, name: str, array: np.ndarray, shape: tuple[int, ...], rule: str) -> None:
    """Check an exact shape; ``rule`` says where it comes from."""
    if array.shape != tuple(shape):
        raise ValueError(f"{op}: {name} has shape {array.shape}, expected {tuple(shape)}; {rule}")


def as_cache(op: str, cache: Any, kind: type) -> Any:
    """What a backward pass ``op``, ``<stem>_backward``, was given, if its own forward pass returned it.

    A plain tuple of the same parts does, too: so a learner's forward pass may be tried with the op's backward pass. But
    y and cache together do not.
    """
    if isinstance(cache, kind):
        return cache
    if type(cache) is tuple and len(cache) == len(kind._fields) and not any(hasattr(c, "_fields") for c in cache):
        return kind(*cache)
    seen = "None" if cache is None else f"a {type(cache).__name__}"
    forward = op.removesuffix("_backward") + "_forward"
    raise InputTypeError(f"{op}: cache is {seen}; it must be the one that {forward} returned")


def check_window(op: str, x: np.ndarray, kernel: tuple[int, int], stride: int, padding: Any) -> None:
    """Check stride and padding of a convolution window over ``x`` (N, H, W, C)."""
    check(_is_int(stride) and stride >= 1, f"{op}: stride is {stride!r}; it must be an integer of at least 1")
    ok = (
        isinstance(padding, (tuple, list))
        and len(padding) == 2
        and all(isinstance(p, (tuple, list)) and len(p) == 2 and all(_is_int(n) and n >= 0 for n in p) for p in padding)
    )
    check(ok, f"{op}: padding is {padding!r}; it must be ((top, bottom), (left, right)), integers of at least 0")
    for axis, size, taps, (before, after) in zip("HW", x.shape[1:3], kernel, padding, strict=True):
        check(
            before + size + after >= taps,
            f"{op}: the {kernel[0]}x{kernel[1]} window does not fit along {axis}: x {x.shape} has {size} samples, "
            f"padding {(before, after)}; size + padding must be at least the kernel's {taps}",
        )


def check_variance(op: str, var: np.ndarray, eps: float) -> None:
    """Check that there is a standard deviation to divide by."""
    check(not np.any(var.real + eps <= 0), f"{op}: var is {var.real.min()} at its least; var + eps must be positive")


def check_choice(op: str, name: str, value: Any, choices: Iterable[str]) -> None:
    """Check that a name is known; the message lists the choices and guesses what was meant."""
    choices = list(choices)
    if value in choices:
        return
    close = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"{op}: {name} {value!r} is unknown{hint}; choose one of {', '.join(choices)}")


def check_positive(op: str, name: str, value: Any, integer: bool = False) -> None:
    """Check for a finite number above zero (NaN is refused)."""
    kind = "a positive integer" if integer else "a positive, finite number"
    number = isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(np.isfinite(value))
    check((_is_int(value) if integer else number) and value > 0, f"{op}: {name} is {value!r}; it must be {kind}")


def _is_int(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _shape(axes: str) -> str:
    return "(" + ", ".join(axes.split()) + ")"
