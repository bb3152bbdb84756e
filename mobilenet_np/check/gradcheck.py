"""Is this backward pass right? Compare it with the derivative of the forward pass, taken numerically."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import check, check_choice, check_positive
from ..forms import current_form, form
from .cases import SLOPES, Case
from .comparison import Comparison
from .diagnose import Evidence, Suspect
from .numerical import (
    CENTRAL_STEP,
    COMPLEX_STEP,
    Function,
    Tensors,
    central_slope,
    complex_slope,
    generator,
    random_line,
)
from .report import GradcheckReport
from .subjects import Pass, Subject, as_subject

STEPS = {"complex": COMPLEX_STEP, "central": CENTRAL_STEP}
TOLERANCES = {"complex": 1e-12, "central": 1e-7}
MANY = 2000
"""So many entries, of all tensors together, are all compared if nobody says how many. Of more, one of each tensor."""


def gradcheck(
    subject: Any,
    x: np.ndarray,
    *arrays: np.ndarray,
    dy: np.ndarray | None = None,
    seed: int = 0,
    method: str | None = None,
    elements: int | None = None,
    step: float | None = None,
    rtol: float | None = None,
    suspects: Iterable[Suspect] = (),
    **kwargs: Any,
) -> GradcheckReport:
    """Check a backward pass against the numerical derivative of its forward pass.

    For a random dy, the function L = sum(dy * y) of x and all parameters is differentiated numerically; the backward
    pass, given that dy, must return the same numbers. Everything runs in float64; the reference runs in the NumPy
    form, the backward pass in the current `form`, so a compiled backward is checked too.

    Also checked: forward and backward change neither their inputs nor dy nor the cache; a second run gives the same
    bits; gradients have the shapes and dtype of their tensors, and are finite.

    Parameters
    ----------
    subject : (forward, backward), module or layer
        A pair ``forward(x, *arrays, **kwargs) -> (y, cache)``, ``backward(dy, cache) -> gradients`` (one for each
        float array, in the forward's order; integer arrays, such as labels, are passed on and not differentiated).
        Or a module that defines one such pair, named ``<stem>_forward`` and ``<stem>_backward``. Or an object with
        ``forward(x, train=True)``, ``backward(dy)``, dicts ``params`` and ``grads``, and ``astype(dtype)`` returning
        an independent copy: a layer or a network, which is copied for every pass and never touched itself.
    x, *arrays : array
        The place at which to differentiate. Keep it small: every entry costs one or two forward passes.
    dy : array of y's shape, optional
        By default normal, from ``seed``. A constant is refused: with dy = 1 a BatchNorm in training has dx = 0
        whatever its backward pass does with the variance, and a flipped depthwise kernel gives the same dx everywhere
        but at the border. The first wrong pass would go through, the second nearly.
    seed : int
        For dy, and for the choice of ``elements`` and directions. The report prints it.
    method : {"complex", "central"}, optional
        "complex": Im L(x + ih) / h, exact to rounding; needs a forward pass that keeps complex numbers intact.
        "central": (L(x + h) - L(x - h)) / 2h, exact to about 1e-10 and blind at kinks. By default complex where the
        forward pass can do it (the report says why if not).
    elements : int, optional
        Check so many random entries of each tensor, and the derivative along one random direction of each tensor,
        which no wrong entry escapes. For networks, with the complex step: a line through a network crosses kinks of
        many ReLUs at once, and central differences see little else. By default every entry is checked where there are
        at most 2,000, and one of each tensor where there are more; the report says so.
    step : float, optional
        h; for central differences relative to the entry (h = step * max(1, abs(x))).
    rtol : float, optional
        Largest allowed error of each tensor, relative to ``max|reference| + 0.01 * G``; 1e-12 for complex, 1e-7 for
        central. G, the largest entry of all gradients or norm(dy * y) / max(1, max|x|) if that is larger, is there for
        gradients that vanish, such as that of a bias before a BatchNorm: all that is left of them is rounding, in
        proportion to the gradients that cancel. In a deep network, each BatchNorm over a handful of values magnifies
        rounding: see the Notes.
    suspects : iterable, optional
        Known wrong backward passes to compare a wrong one with: objects with ``forward``, ``backward``, a ``name`` and
        the ``mistake`` in a sentence, such as `mobilenet_np.zoo.BUGS`, which `mobilenet_np.gradcheck` takes.
    **kwargs
        Options of the forward pass. They are copied for each call: a passed ``rng`` draws the same mask every time.

    Returns
    -------
    GradcheckReport
        With ``ok``, ``verdict``, ``assert_ok()``, ``rows``, ``kinks``, ``problems``, ``plot()`` and, if something is
        wrong, a ``diagnosis``; prints as a table.

    Raises
    ------
    ValueError, TypeError
        If the subject is none of the three, if the numbers of gradients and arrays differ, if dy does not fit, or if
        "complex" is asked for and the forward pass cannot do it.

    Examples
    --------
    >>> def square_forward(x):
    ...     return x * x, x
    >>> def square_backward(dy, x):
    ...     return 2 * dy * x
    >>> gradcheck((square_forward, square_backward), np.array([1.0, 2.0, 3.0])).ok
    True
    >>> report = gradcheck((square_forward, lambda dy, x: dy * x), np.array([1.0, 2.0, 3.0]))
    >>> report.ok, report.rows[0].name, report.rows[0].index
    (False, 'x', (2,))
    >>> print(report.diagnosis)
    diagnosis, exact for x (3,) and for x (4,):
        dx is half of what it should be
            all 3 entries are wrong, most at [2]; ours is 0.5 times the true gradient there

    Notes
    -----
    **Kinks.** A ReLU at 0 has two slopes and no derivative: any number between the two is a valid (sub)gradient. A
    central difference across the kink gives a mixture of the two, with which a right backward pass disagrees. So each
    entry that disagrees is looked at again, the worst first:

    1. The central difference is repeated with a step 16 times shorter. That leaves most kinks outside, and the
       truncation error is 256 times smaller. If ours agrees now, the first step was too long, and all is well.
    2. The slopes to the left and to the right are measured, each from two steps so that curvature drops out. Where f
       is smooth the two are one number, however strongly f curves, and a wrong gradient is not that number: the error
       stands. Where a kink lies at x, or within the short step, they differ. If ours lies between them (ends
       included), the entry is reported as a kink and left out; outside, it is wrong at a kink, too.

    3. If even a step 16 times shorter still gives another slope, then f all but jumps at x, and differences say
       nothing: the entry is neither right nor wrong. Such a report is not ok, but it says CANNOT TELL, not FAILED,
       unless something else is wrong.

    The gap between plain one-sided slopes would not do: it shrinks with the step where f is smooth and stays where
    there is a kink, but at one given step a strong curvature and a weak kink look alike.

    **Rounding.** How much rounding a deep network magnifies is measured: the backward pass runs once more at a place
    where each number is off by a rounding error. If that moves some gradient by r, relative to its size, two right ways
    to compute gradients differ by about r. So for layers and networks, unless ``rtol`` is given, 16 r is allowed where
    that is more than 1e-12, up to the 1e-7 of central differences. The report says so; errors between that and 16 r it
    cannot tell from rounding, and calls neither right nor wrong.

    A tensor with more entries at kinks than beside them fails, because too little was checked. The complex step makes
    no step on the real axis and follows the branch that the forward pass takes: it meets kinks only exactly at x, and
    only if the backward pass takes another branch.
    """
    if method is not None:
        check_choice("gradcheck", "method", method, SLOPES)
    for name, value in (("step", step), ("rtol", rtol)):
        if value is not None:
            check_positive("gradcheck", name, value)
    if elements is not None:
        check_positive("gradcheck", "elements", elements, integer=True)

    subject = as_subject(subject, x, arrays, kwargs)
    tensors, rng = subject.tensors, generator(seed)
    dy = _upstream(subject, dy, rng)
    notes = [*subject.notes, *_cast_notes(subject)]
    entries = sum(a.size for a in tensors.values())
    if elements is None and entries > MANY:
        elements = 1
        notes.append(
            f"{entries:,} entries are many: compared are a random one of each tensor and the slope along one random "
            "direction of each, on which all its entries move; elements= takes more"
        )
    first, second = subject.run(tensors, dy), subject.run(tensors, dy)
    problems = first.changed + _differences(first, second) + _faults(first, tensors)
    comparable = {name: g for name, g in first.gradients.items() if _comparable(first.y, g, tensors[name])}

    with form("numpy"):
        refusal = None if method == "central" else complex_refusal(subject.output, tensors, dy, seed)
        check(
            method is None or refusal is None, f"gradcheck: {subject.name}: the complex step is impossible: {refusal}"
        )
        if refusal:
            notes.append(f"central differences, since the complex step is impossible: {refusal}")
        method = method or ("central" if refusal else "complex")
        step, tolerance = step or STEPS[method], rtol or TOLERANCES[method]
        comparison = Comparison(subject.output, tensors, comparable, dy, method, step, tolerance)
        if rtol is None and method == "complex" and subject.deep:
            comparison.allow_rounding(_nearby(subject, dy, rng).gradients)
        for name, gradient in comparable.items():
            if elements is None or elements >= gradient.size:
                comparison.every_entry(name)
            else:
                comparison.some_entries(name, elements, rng)
    given = Case(subject, dy, first.y, first.gradients, method)
    return GradcheckReport(
        subject.name,
        *(method, seed, tuple(comparison.rows), tuple(comparison.kinks)),
        *(tuple(problems), tuple(notes + comparison.notes)),
        Evidence(given, comparison.references, tolerance, seed, current_form(), tuple(suspects)),
    )


def _upstream(subject: Subject, dy: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    shape = subject.output(subject.tensors).shape
    if dy is None:
        return np.asarray(rng.standard_normal(shape))
    dy = np.asarray(dy, np.float64)
    check(
        dy.shape == shape, f"gradcheck: {subject.name}: dy has shape {dy.shape}, y has {shape}; they must be the same"
    )
    check(
        dy.size == 1 or bool(np.any(dy != dy.flat[0])),
        f"gradcheck: {subject.name}: dy is {dy.flat[0]:g} everywhere; a constant dy lets wrong backward passes through "
        "(BatchNorm has dx = 0, a flipped kernel gives the same dx): leave it out, then it is random",
    )
    return dy


def _nearby(subject: Subject, dy: np.ndarray, rng: np.random.Generator) -> Pass:
    """The two passes where each number is off by as much as rounding can make it: half a unit in its last place."""
    half = np.finfo(np.float64).eps / 2
    signs = {name: rng.choice((-1.0, 1.0), a.shape) for name, a in subject.tensors.items()}
    return subject.run({name: a + half * signs[name] * np.abs(a) for name, a in subject.tensors.items()}, dy)


def _differences(first: Pass, second: Pass) -> list[str]:
    rule = "differs in a second run on the same inputs; randomness must come from a passed rng"
    pairs = {"y": (first.y, second.y)}
    pairs |= {f"d{name}": (a, second.gradients[name]) for name, a in first.gradients.items()}
    return [f"{name} {rule}" for name, (a, b) in pairs.items() if a.tobytes() != b.tobytes()]


def _faults(run: Pass, tensors: Tensors) -> list[str]:
    faults = []
    if not np.all(np.isfinite(run.y)):
        faults.append("y is not finite; nothing can be compared")
    for name, gradient in run.gradients.items():
        shape, dtype = tensors[name].shape, tensors[name].dtype
        if gradient.shape != shape:
            faults.append(f"d{name} has shape {gradient.shape}, {name} has {shape}; they must be the same")
        if gradient.dtype != dtype:
            faults.append(f"d{name} is {gradient.dtype}, {name} is {dtype}; they must be the same")
        if gradient.dtype.kind == "f" and not np.all(np.isfinite(gradient)):
            faults.append(f"d{name} is not finite everywhere")
    return faults


def _comparable(y: np.ndarray, gradient: np.ndarray, tensor: np.ndarray) -> bool:
    return gradient.shape == tensor.shape and gradient.dtype.kind == "f" and bool(np.all(np.isfinite(y)))


def _cast_notes(subject: Subject) -> list[str]:
    cast = [f"{name} ({dtype})" for name, dtype in subject.given.items() if dtype != np.float64]
    shown = ", ".join(cast[:4]) + (f" and {len(cast) - 4} more" if len(cast) > 4 else "")
    return [f"cast to float64 for the check: {shown}"] if cast else []


def complex_refusal(f: Function, tensors: Tensors, dy: np.ndarray, seed: int) -> str | None:
    """Why the complex step is not to be trusted with f, or None if it is.

    An output that is complex is not enough: ``x * abs(x)`` is complex, but its imaginary part is half of what it
    should be. So the slope along one random line through all tensors is compared with a central difference. This is
    about the code of f, not about x: it happens beside x, where no entry is exactly at a kink, and three digits do, so
    that the step can be so short that even a network with its thousands of kinks meets none. How short depends on the
    network, and on the place: where V2's last BatchNorms see two values a channel, the slope is 1e2 here, 1e11 there.
    The shortest leave a difference few digits. So each step is tried at another place, and one that agrees is enough.
    """
    rng = generator(seed)

    def beside():  # away from zero, so that what is positive stays so
        for name, a in tensors.items():
            nudge = rng.uniform(0.5e-3, 1.5e-3, a.shape) * (np.linalg.norm(a) / np.sqrt(a.size) or 1.0)
            yield name, a + np.copysign(nudge, a)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            y = f({name: a.astype(np.complex128) for name, a in beside()})
            if y.dtype.kind != "c":
                return "the output for complex inputs is real"
            for step in (1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7):
                place, line = dict(beside()), random_line(tensors, list(tensors), rng)
                exact = complex_slope(f, place, line, dy)
                central = central_slope(f, place, line, dy, step=step)
                scale = 1e-3 * max(abs(exact), abs(central)) + 1e-5 * float(np.linalg.norm(dy * y))
                if abs(exact - central) <= scale:
                    return None
    except Exception as error:  # whatever the forward pass raises, it raises for complex numbers alone
        return f"{type(error).__name__}: {error}"
    return (
        f"it gives slope {exact:.6g} where a difference gives {central:.6g} (abs, var, conj or real part of the data? "
        "Or, in a network, x is too close to its kinks: take more images)"
    )
