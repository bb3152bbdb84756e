"""What is wrong with a backward pass? Test one guess after the other, and believe none that only nearly fits.

A gradient is an array g, and a guess says that it is another array h. Whether g = h is decided without computing all
of h: for a random line v, the inner product <h, v> is a slope of the forward pass, which costs one or two runs of it.
If g and h differ in a single entry, <g, v> and <h, v> differ. A guess is named if the two agree to the check's
tolerance on several lines, at the given place and at another with new numbers and new sizes.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..forms import form
from .cases import Case, other_cases
from .factors import factors, number
from .hypotheses import DY_ITSELF, Hypothesis, hypotheses, permutations
from .numerical import Tensors, generator
from .patterns import describe

LINES = 4
NEARLY = 1e-5  # enough to look closer
SMALL = 2000  # entries; more are too many for one forward pass each


class Suspect(Protocol):
    """A backward pass that is known to be wrong, and why; `mobilenet_np.zoo.Bug` is one."""

    name: str
    mistake: str
    forward: Callable
    backward: Callable


@dataclass(frozen=True)
class Evidence:
    """All that `diagnose` needs to run the two passes again."""

    given: Case
    references: Tensors
    """True gradients, of tensors of which every entry was checked."""
    rtol: float
    seed: int
    form: str
    suspects: tuple[Suspect, ...]


class Finding(NamedTuple):
    """What is wrong with one gradient, or with several in the same way."""

    gradients: tuple[str, ...]
    causes: tuple[str, ...]
    """What explains it to the last digit, the simplest first. All of them give the same numbers. Empty if none."""
    mistakes: tuple[Suspect, ...]
    """Known mistakes that give exactly this."""
    where: tuple[str, ...]
    """The wrong entries, a line a gradient."""

    @property
    def named(self) -> bool:
        return bool(self.causes or self.mistakes)

    def __str__(self) -> str:
        *others, last = self.gradients
        gradients, plural = f"{', '.join(others)} and {last}" if others else last, bool(others)
        lines = []
        if self.causes:
            first, *more = [_plural(cause) if plural else cause for cause in self.causes]
            lines += [f"{gradients} {first}", *(f"    or, the same numbers: {cause}" for cause in more[:3])]
        lines += [
            f"{'    a known mistake' if self.causes else gradients}: {mistake.name}. {mistake.mistake}"
            for mistake in self.mistakes
        ]
        if not self.named:
            lines.append(f"{gradients} {'are' if plural else 'is'} wrong in a way that has no name here")
        return "\n".join(lines + [f"    {line}" for line in self.where])


class Diagnosis(NamedTuple):
    """What is wrong with a backward pass; print it."""

    findings: tuple[Finding, ...]
    places: tuple[str, ...]
    """Where each cause was found to hold: the given case, and another."""

    def __str__(self) -> str:
        if not self.findings:
            return "diagnosis: no gradient is wrong"
        named = any(finding.named for finding in self.findings)
        head = "diagnosis" + (f", exact for {' and for '.join(self.places)}" if named else "")
        lines = [line for finding in self.findings for line in str(finding).splitlines()]
        return "\n".join([f"{head}:", *(f"    {line}" for line in lines)])

    __repr__ = __str__


def diagnose(evidence: Evidence, names: Iterable[str]) -> Diagnosis:
    """Say why gradients are wrong, or at least where.

    Parameters
    ----------
    evidence : Evidence
    names : iterable of str
        Tensors whose gradients are wrong.
    """
    given, rng = evidence.given, generator(evidence.seed + 1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # guesses divide by zero, and worse
        others = other_cases(given, rng, evidence.form)
        cases = [given, *others] if others else []  # what cannot be tested twice is not named
        known = dict(_matching(evidence.suspects, cases, evidence.rtol)) if cases else {}
        findings = []
        for name in names:
            causes = _causes(cases, name, evidence, rng) if cases and np.all(np.isfinite(given.ours[name])) else ()
            mistakes = tuple(suspect for suspect in evidence.suspects if name in known.get(id(suspect), ()))
            where = _where(evidence, others, name)
            findings.append(Finding((f"d{name}",), causes, mistakes, (where,) if where else ()))
    places = tuple(dict.fromkeys(f"x {case.x.shape}" for case in cases))
    return Diagnosis(tuple(_grouped(findings)), places)


def _causes(cases: list[Case], name: str, evidence: Evidence, rng: np.random.Generator) -> tuple[str, ...]:
    """The simplest explanations: of those that hold, those that need the fewest words."""
    given, rtol, reference = cases[0], evidence.rtol, evidence.references.get(name)
    if not any(np.any(case.ours[name]) for case in cases):
        return ("is zero: was it computed at all?",)
    lines = [rng.uniform(0.5, 1.5, (LINES, *case.tensors[name].shape)) for case in cases]
    for line in lines:
        line *= rng.choice((-1.0, 1.0), line.shape)

    found: list[tuple[int, str]] = []
    for guess in hypotheses(given, name):
        found += _tested(guess, cases, name, lines, rtol)
        if found and not guess.text:
            break  # a mere factor; nothing is simpler
    if not found and reference is not None and given.ours[name].shape == reference.shape:
        for guess in permutations(given, name, reference, rtol):
            found += _tested(guess, cases, name, lines, rtol)
    best = min((words for words, _ in found), default=0)
    return tuple(dict.fromkeys(text for words, text in found if words == best))


def _tested(guess: Hypothesis, cases, name, lines, rtol) -> Iterator[tuple[int, str]]:
    """The guess as it is or with a factor, if it holds in all cases: (how complicated, text)."""
    try:
        hasty = _Test(guess, cases[0], name, lines[0][:2])  # most guesses fail on two lines
        if not hasty.ratio or not hasty.agrees(hasty.ratio, NEARLY):
            return
        tests = [_Test(guess, case, name, line) for case, line in zip(cases, lines, strict=True)]
    except Exception:  # this guess makes no sense here: it asks for a stride of 0, or for other shapes
        return

    def holds(factors: list[float], rtol: float) -> bool:
        return all(test.agrees(factor, rtol) for test, factor in zip(tests, factors, strict=True))

    ratio = tests[0].ratio
    if guess.text and holds([1.0] * len(tests), rtol):
        if not _rivalled(guess, cases, name, lines, tests, rtol):
            yield 1, guess.text
        return
    if guess.text == DY_ITSELF and holds([ratio] * len(tests), 10 * rtol):
        yield 1, f"is dy times {number(ratio)} everywhere, whatever x is"
        return
    tables = [factors(case) for case in cases]
    near = [key for key, (_, value) in tables[0].items() if abs(value - ratio) <= NEARLY * abs(ratio)]
    near = [key for key in near if all(key in table for table in tables)]
    named = [tables[0][key][0] for key in near if holds([table[key][1] for table in tables], rtol)]
    if guess.text and named:
        if not _rivalled(guess, cases, name, lines, tests, rtol):
            yield from ((2, f"{guess.text}; besides, it {text}") for text in named)
    elif named:
        yield from ((0, text) for text in named)
    elif ratio != 1 and not guess.text and holds([ratio] * len(tests), 10 * rtol):
        yield 0, f"is {number(ratio)} times what it should be"


def _rivalled(guess: Hypothesis, cases, name, lines, tests, rtol) -> bool:
    """Whether something else put in its place would fit as well."""
    if guess.rival is None:
        return False
    rivals = (
        _Test(guess._replace(slope=guess.rival), *at) for at in zip(cases, [name] * len(cases), lines, strict=True)
    )
    return all(
        np.all(np.abs(rival.guessed - test.guessed) <= rtol * np.linalg.norm(test.guessed))
        for rival, test in zip(rivals, tests, strict=True)
    )


class _Test:
    """Inner products of lines with the mended gradient and with what it should be."""

    def __init__(self, guess: Hypothesis, case: Case, name: str, lines: np.ndarray):
        mended = guess.mend(case.ours[name])
        if mended.shape != case.tensors[name].shape:
            raise ValueError("the gradient has another shape here")
        self.ours = np.array([np.sum(mended * line) for line in lines])
        self.guessed = np.array([guess.slope(case, name, line) for line in lines])
        self.size = np.linalg.norm(mended)
        power = np.sum(self.guessed**2)
        self.ratio = float(np.sum(self.ours * self.guessed) / power) if power else 0.0

    def agrees(self, factor: float, rtol: float) -> bool:
        errors = np.abs(self.ours - factor * self.guessed)
        return bool(np.all(errors <= rtol * self.size))  # False for NaN


def _matching(suspects, cases: list[Case], rtol: float) -> Iterator[tuple[int, set[str]]]:
    """Which gradients are exactly those of a known mistake: (id of the suspect, names of tensors)."""
    for suspect in suspects:
        names = set(cases[0].tensors)
        for case in cases:
            gradients = _of_suspect(suspect, case)
            names = {n for n in names if n in gradients and _same(gradients[n], case.ours[n], rtol)}
            if not names:
                break
        if names:
            yield id(suspect), names


def _of_suspect(suspect: Suspect, case: Case) -> Tensors:
    """Its gradients for a case; none if its forward pass is another function."""
    try:
        with form("numpy"):
            arrays = [array.copy() for array in case.subject.arrays.values()]
            y, cache = suspect.forward(*arrays, **copy.deepcopy(case.subject.options))
            if not _same(np.asarray(y), case.y, 1e-9):
                return {}
            gradients: Any = suspect.backward(case.dy.copy(), cache)
    except Exception:
        return {}
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return dict(zip(case.tensors, map(np.asarray, gradients), strict=False))


def _same(a: np.ndarray, b: np.ndarray, rtol: float) -> bool:
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= rtol * np.abs(b).max(initial=0.0)))


def _where(evidence: Evidence, others: list[Case], name: str) -> str:
    reference, given = evidence.references.get(name), evidence.given
    if reference is not None:
        return describe(given, name, reference, evidence.rtol)
    shape = given.tensors[name].shape
    if given.ours[name].shape != shape:
        return f"it has shape {given.ours[name].shape}, {name} has {shape}"
    if not others or others[0].tensors[name].size > SMALL:
        return ""  # only some entries were checked; the worst of them is in the table
    place = f"with x {others[0].x.shape}, where every entry was looked at: "
    return place + describe(others[0], name, others[0].reference(name), evidence.rtol)


def _grouped(findings: list[Finding]) -> Iterator[Finding]:
    """What is wrong in the same way, together."""
    groups: dict[Any, list[Finding]] = {}
    for finding in findings:
        ids = tuple(map(id, finding.mistakes))
        key = (finding.causes, ids if not finding.causes else ()) if finding.named else finding.gradients
        groups.setdefault(key, []).append(finding)
    for group in groups.values():
        first = group[0]
        where = first.where
        if len(group) > 1:
            where = tuple(f"{finding.gradients[0]}: {line}" for finding in group for line in finding.where)
        names = tuple(name for finding in group for name in finding.gradients)
        mistakes = tuple(m for m in first.mistakes if all(m in f.mistakes for f in group))
        yield Finding(names, first.causes, mistakes, where)


def _plural(words: str) -> str:
    verb, _, rest = words.partition(" ")
    plurals = {"is": "are", "has": "have", "lacks": "lack", "contains": "contain", "holds": "hold"}
    return f"{plurals.get(verb, verb)} {rest}"
