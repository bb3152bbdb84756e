"""A learner's own forward and backward pass against the reference, on many random shapes, strides and paddings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..check import GradcheckReport, gradcheck
from ..check.numerical import generator
from ..errors import check, check_positive
from ..forms import form
from ..zoo import BUGS
from .arguments import reference
from .forward import explain_forward
from .trials import Trial, try_on_random_arguments

FEW = 8  # entries of each gradient, with one random direction: whether a backward pass fits needs no more
Adapter = Callable[..., tuple[tuple, dict[str, Any]] | None]


@dataclass(frozen=True)
class StudentReport:
    """How a learner's layer did; print it.

    Attributes
    ----------
    subject, like : str
    seed : int
    trials : tuple of Trial
        From the smallest to the largest.
    forward : tuple of str
        What is wrong with the forward pass, if it is known; see `Finding.causes`.
    gradients : GradcheckReport or None
        Of the backward pass, against the learner's own forward pass; None if all is right, or if it cannot be run.
    """

    subject: str
    like: str
    seed: int
    trials: tuple[Trial, ...]
    forward: tuple[str, ...]
    gradients: GradcheckReport | None

    @property
    def ok(self) -> bool:
        return all(trial.ok for trial in self.trials)

    @property
    def failed(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if not trial.ok)

    @property
    def first(self) -> Trial | None:
        """The smallest case that fails: `arrays`, `options` and `dy` to try it again with a debugger."""
        return next(iter(self.failed), None)

    def assert_ok(self) -> None:
        """Raise `AssertionError` with the whole report unless every case is right."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        right, total = len(self.trials) - len(self.failed), len(self.trials)
        lines = [
            f"student {self.subject}: {'ok' if self.ok else 'FAILED'}, "
            f"{right} of {total} cases as {self.like}, seed {self.seed}"
        ]
        if self.ok:
            return lines[0]
        lines += [f"the smallest case that fails: {self.first}", f"    {self.first.fault}"]
        lines += list(_pattern(self.trials))
        lines += [f"forward pass: {cause}" for cause in self.forward]
        if self.gradients and not all(trial.forward_ok for trial in self.failed):
            fits = "fits" if self.gradients.ok else "does not fit"
            then = ", then both" if self.gradients.ok else " first"
            lines.append(f"the backward pass {fits} this forward pass: correct the forward pass{then}")
        elif self.gradients and not self.gradients.ok:
            lines += str(self.gradients).splitlines()
        return "\n".join(lines)

    __repr__ = __str__


def student(
    my_forward: Callable,
    my_backward: Callable,
    like: str,
    adapter: Adapter | None = None,
    count: int = 100,
    seed: int = 0,
) -> StudentReport:
    """Try a learner's own layer on many random arguments, and say what is wrong with it.

    Parameters
    ----------
    my_forward : callable
        ``my_forward(x, *arrays, **options) -> (y, cache)``, as the op's own: NHWC, float64.
    my_backward : callable
        ``my_backward(dy, cache) -> gradients``, one for each float array, in the forward's order.
    like : str
        Which op it should be: a module of `mobilenet_np.ops`, "depthwise_conv2d" for example. "batch_norm" is
        BatchNorm in training. "dropout" is not possible, since its mask is random.
    adapter : callable, optional
        For other signatures: ``adapter(x, *arrays, **options) -> (args, kwargs)`` for my_forward. It may return None
        for arguments that my_forward does not claim to support, and these are left out.
    count : int
        How many cases to draw.
    seed : int

    Returns
    -------
    StudentReport
        With ``ok``, ``assert_ok()``, ``first`` (the smallest case that fails), ``forward`` and ``gradients.diagnosis``.

    Raises
    ------
    ValueError
        If ``like`` is unknown, or the adapter leaves out everything.
    NotImplementedError
        If the learner's functions raise it: not written yet is not wrong.

    Examples
    --------
    >>> def my_forward(x, w, b):
    ...     return x @ w + b, (x, w)
    >>> def my_backward(dy, cache):
    ...     x, w = cache
    ...     return dy @ w.T, x.T @ dy, dy.mean(axis=0)
    >>> report = student(my_forward, my_backward, like="linear")
    >>> report.ok, len(report.first.arrays["x"])
    (False, 2)
    >>> report.gradients.diagnosis.findings[0].causes[0][:26]
    'is divided by the batch si'

    A function with names and options of its own, which cannot pad one side more than the other:

    >>> def conv(image, kernel, step, pad):
    ...     return depthwise_conv2d_forward(image, kernel, step, ((pad, pad), (pad, pad)))
    >>> def adapter(x, w, stride, padding):
    ...     pads = {*padding[0], *padding[1]}
    ...     return ((x, w), dict(step=stride, pad=pads.pop())) if len(pads) == 1 else None
    >>> from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward
    >>> student(conv, depthwise_conv2d_backward, like="depthwise_conv2d", adapter=adapter).ok
    True
    """
    op = reference(like)
    check_positive("student", "count", count, integer=True)
    adapter = adapter or (lambda *arrays, **options: (arrays, options))

    @functools.wraps(op.forward)  # so that arrays are called by the op's names
    def forward(*arrays, **options):
        call = adapter(*arrays, **options)
        if call is None:
            raise ValueError("student: the adapter leaves these arguments out")
        args, kwargs = call
        return my_forward(*args, **kwargs)

    def supports(*arrays, **options):
        return adapter(*arrays, **options) is not None

    with form("numpy"):
        trials = try_on_random_arguments(op, forward, my_backward, supports, count, generator(seed))
        check(bool(trials), f"student: the adapter leaves out all {count} cases; it must support some")
        failed = [trial for trial in trials if not trial.ok]
        explained, gradients = (), None
        if failed:
            # The smallest case is the one to look at, but many mistakes look alike in it: the largest tells them apart.
            largest, forward_ok = failed[-1], all(trial.forward_ok for trial in failed)
            if not forward_ok:
                wrong = [trial for trial in failed if not trial.forward_ok][-1]
                explained = explain_forward(
                    lambda *arrays, **options: forward(*arrays, **options)[0], op, wrong.arrays, wrong.options, seed
                )
            try:
                gradients = gradcheck(
                    (forward, my_backward),
                    *largest.arrays.values(),
                    seed=seed,
                    elements=None if forward_ok else FEW,  # each costs a forward pass, and a learner's loops are slow
                    suspects=BUGS,
                    **largest.options,
                )
            except Exception:  # it says so in the trial's fault
                gradients = None
    return StudentReport(getattr(my_forward, "__name__", "layer"), op.name, seed, trials, explained, gradients)


def _pattern(trials: tuple[Trial, ...]) -> Iterator[str]:
    """What the failing cases have in common, and the others have not."""
    failed = sum(not trial.ok for trial in trials)
    if failed == len(trials):
        yield "every case fails"
        return
    for words, holds in _features(trials[0]):
        with_it = [trial for trial in trials if holds(trial)]
        fails = sum(not trial.ok for trial in with_it)
        if with_it and fails == len(with_it) == failed:
            yield f"fails exactly where {words}"
            return
    for words, holds in _features(trials[0]):
        without = [trial for trial in trials if not holds(trial)]
        if without and all(trial.ok for trial in without):
            yield f"fails only where {words}"


def _features(example: Trial) -> Iterator[tuple[str, Callable[[Trial], bool]]]:
    first = next(iter(example.arrays))
    x = example.arrays[first]
    if x.ndim >= 2:
        yield "there is more than one image", lambda t: len(t.arrays[first]) > 1
        yield "there is more than one channel", lambda t: t.arrays[first].shape[-1] > 1
    if x.ndim == 4:
        yield "the image is not square", lambda t: t.arrays[first].shape[1] != t.arrays[first].shape[2]
    if "w" in example.arrays and example.arrays["w"].ndim >= 3:
        yield "the kernel is not square", lambda t: t.arrays["w"].shape[0] != t.arrays["w"].shape[1]
        yield "the kernel has more than one tap", lambda t: max(t.arrays["w"].shape[:2]) > 1
    if "stride" in example.options:
        yield "the stride is more than 1", lambda t: t.options["stride"] > 1
        yield "the stride is 1", lambda t: t.options["stride"] == 1
        yield "there is padding", lambda t: np.any(t.options["padding"])
        yield "there is no padding", lambda t: not np.any(t.options["padding"])
        yield "the padding is not the same on all sides", lambda t: len({*np.ravel(t.options["padding"])}) > 1
    if "smoothing" in example.options:
        yield "labels are smoothed", lambda t: t.options["smoothing"] > 0
