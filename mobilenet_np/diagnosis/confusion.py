"""How good are the diagnoses? Every bug of the zoo, at several seeds and sizes: what was wrong, and what it was called.

Run ``python -m mobilenet_np.diagnosis`` for the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..check import GradcheckReport, gradcheck
from ..check.cases import resized
from ..zoo import BUGS, Bug

CAUSES: dict[tuple[str, str], tuple[str, ...]] = {
    ("depthwise_conv2d", "flipped kernel"): ("is computed with w rotated by 180 degrees",),
    ("depthwise_conv2d", "rows and columns swapped"): (
        "is computed with w transposed: its kernel rows and kernel columns swapped",
    ),
    ("depthwise_conv2d", "forgotten stride"): ("is computed with stride = 1 in place of 2",),
    ("depthwise_conv2d", "padding not cut off"): (
        "is computed with padding = ((0, 2), (0, 2)) in place of ((1, 1), (1, 1))",
    ),
    ("depthwise_conv2d", "border windows forgotten"): ("is computed as if dy were zero at the border",),
    ("depthwise_conv2d", "last column dropped"): ("is zero in the last column",),
    ("depthwise_conv2d", "neighbouring channel"): ("is rolled by +1 along its channels",),
    ("depthwise_conv2d", "mean over positions"): ("is divided by the number of pixels of all images",),
    ("depthwise_conv2d", "last image only"): ("is computed as if dy were zero in all but the last image",),
    ("depthwise_conv2d", "divided by the batch size"): ("is divided by the batch size",),
    ("depthwise_conv2d", "centre tap of the kernel only"): ("is computed with w zero but for its centre tap",),
    ("pointwise_conv2d", "matrix not transposed"): ("is computed with w transposed",),
    ("pointwise_conv2d", "transposed dw"): ("is transposed",),
    ("pointwise_conv2d", "wrong sign"): ("has the wrong sign",),
    ("pointwise_conv2d", "added twice"): ("is twice what it should be",),
    ("conv2d", "input and output channels swapped"): (
        "is computed with w transposed: its input channels and output channels swapped",
    ),
    ("conv2d", "flipped dw"): ("is rotated by 180 degrees",),
    ("batch_norm_train", "gamma forgotten"): ("is computed with gamma = 1",),
    ("relu", "lets negatives pass"): ("is dy itself",),
    ("relu", "mask from dy"): ("is computed with dy in place of x",),
    ("hard_sigmoid", "slope on the flat parts"): ("is dy times 1/6 everywhere, whatever x is",),
    ("hard_sigmoid", "slope of one"): ("is divided by slope",),
    ("hard_swish", "dy in place of x"): ("is computed with dy in place of x",),
    ("sigmoid", "output taken for input"): ("is computed with y in place of x",),
    ("squeeze_excite", "gate averages positions"): ("is divided by the number of pixels (H W",),
    ("squeeze_excite", "hard sigmoid skipped"): ("is divided by slope",),
    ("global_average_pool", "without the mean"): ("is multiplied by the number of pixels (H W",),
    ("dropout", "scale forgotten"): ("is multiplied by 1 - rate",),
    ("linear", "bias of the first row"): ("is computed as if dy were zero in all but the first sample",),
    ("linear", "mean over the batch"): ("is divided by the batch size",),
    ("linear", "upstream forgotten"): ("is computed as if dy were 1",),
    ("softmax_cross_entropy", "batch mean forgotten"): ("is multiplied by the batch size",),
    ("softmax_cross_entropy", "smoothing forgotten"): ("is computed with smoothing = 0",),
    ("softmax_cross_entropy", "loss taken for the end"): ("is computed as if dy were 1",),
}
"""How the right cause begins, for bugs that a guess can explain, written down by hand. All others have no such cause,
and any is wrong."""

OUTCOMES = ("named", "partly", "located", "WRONG", "MISSED")


class Verdict(NamedTuple):
    """What became of one bug at one seed and size."""

    bug: Bug
    said: tuple[str, ...]
    """What it was called by guesses, without the zoo; the place where nothing was said."""
    alone: str
    """Outcome with guesses alone: see `Confusion`."""
    known: str
    """Outcome when gradients are compared with the zoo as well, of which the bug is one."""

    @property
    def title(self) -> str:
        return f"{self.bug.op}: {self.bug.name}"


class Confusion(NamedTuple):
    """All verdicts; print it.

    Every verdict is one of

    - named: what is said about every wrong gradient is true and is what was done, or the side effect is reported
    - partly: so for some of the wrong gradients, the others are located
    - located: the worst entry is shown, and the pattern of wrong entries where there is one; no cause is given
    - WRONG: a cause is given, and it is another one than what was done
    - MISSED: the check found nothing wrong
    """

    verdicts: tuple[Verdict, ...]

    @property
    def wrong(self) -> tuple[Verdict, ...]:
        """Named, but as something that they are not; or not even seen."""
        return tuple(v for v in self.verdicts if {v.alone, v.known} & {"WRONG", "MISSED"})

    def counts(self, known: bool = False) -> Counter:
        """How often each outcome came, by guesses alone or with the zoo to compare with."""
        return Counter(v.known if known else v.alone for v in self.verdicts)

    def only_located(self, known: bool = False) -> tuple[str, ...]:
        """Bugs of which no run was named in full, "op: name"."""
        named = {v.title for v in self.verdicts if (v.known if known else v.alone) == "named"}
        return tuple(title for title in dict.fromkeys(v.title for v in self.verdicts) if title not in named)

    def __str__(self) -> str:
        lines = [f"{'':57}  guesses alone | with the zoo to compare with", f"{'bug':57}" + _head() + " |" + _head()]
        for title in dict.fromkeys(v.title for v in self.verdicts):
            mine = [v for v in self.verdicts if v.title == title]
            cells = (Counter(v.alone for v in mine), Counter(v.known for v in mine))
            lines.append(f"{title:57}" + " |".join(_cells(counts) for counts in cells))
            lines += [f"    {n:3} x {said}" for said, n in Counter("; ".join(v.said) for v in mine).most_common(3)]
        lines.append(f"{f'all {len(self.verdicts)}':57}" + " |".join(_cells(self.counts(k)) for k in (False, True)))
        return "\n".join(lines)

    __repr__ = __str__


def confusion(
    bugs: Iterable[Bug] = BUGS,
    seeds: Iterable[int] = range(3),
    sizes: int = 3,
    method: str | None = None,
) -> Confusion:
    """Let `gradcheck` diagnose bugs, and compare what it says with what was done.

    Arguments for which a bug makes no difference are left out: a slope that is wrong above 6, and no x there.

    Parameters
    ----------
    bugs : iterable of Bug
    seeds : iterable of int
    sizes : int
        How many sizes: the bug's own arguments, and others.
    method : {"complex", "central"}, optional
        See `gradcheck`.

    Examples
    --------
    >>> print(confusion(BUGS[:1], seeds=[0], sizes=1).verdicts[0].said[0])
    dx is computed with w rotated by 180 degrees
    """
    return Confusion(
        tuple(
            _judged(bug, gradcheck((bug.forward, bug.backward), *arrays, seed=seed, suspects=BUGS, **options))
            for bug in bugs
            for seed in seeds
            for arrays in _sizes(bug, seed, sizes)
            if _shows(bug, arrays, seed)
            for options in [{**bug.options(), **({"method": method} if method else {})}]
        )
    )


def _sizes(bug: Bug, seed: int, sizes: int) -> Iterator[tuple[np.ndarray, ...]]:
    arrays, rng = bug.draw(seed), np.random.default_rng([seed, 2])
    for _ in range(sizes):
        yield arrays
        arrays = tuple(resized(dict(enumerate(arrays)), rng).values())


def _shows(bug: Bug, arrays: tuple[np.ndarray, ...], seed: int) -> bool:
    """Whether the wrong backward pass returns, or leaves behind, anything else than the right one."""
    left: list[list[np.ndarray]] = []
    for backward in (bug.backward, bug.right):
        inputs = [array.copy() for array in arrays]
        y, cache = bug.forward(*inputs, **bug.options())
        dy = np.random.default_rng([seed, 3]).standard_normal(np.shape(y))
        grads = backward(dy, cache)
        left.append([*(grads if isinstance(grads, tuple) else (grads,)), dy, *inputs])
    return not all(map(np.array_equal, *left))


def _judged(bug: Bug, report: GradcheckReport) -> Verdict:
    findings = report.diagnosis.findings
    if report.ok:
        return Verdict(bug, ("nothing",), "MISSED", "MISSED")
    if not findings:
        return Verdict(bug, report.problems, "named", "named")
    right = CAUSES.get((bug.op, bug.name), ())
    alone = [_alone(finding.causes, right) for finding in findings]
    known = [
        verdict if verdict != "located" else _known(finding.mistakes, bug)
        for verdict, finding in zip(alone, findings, strict=True)
    ]
    said = [str(f._replace(mistakes=())).splitlines()[0 if f.causes else -1].strip() for f in findings]
    return Verdict(bug, tuple(said), _together(alone), _together(known))


def _alone(causes: tuple[str, ...], right: tuple[str, ...]) -> str:
    if not causes:
        return "located"
    return "named" if causes[0].startswith(right) and right else "WRONG"


def _known(mistakes: tuple, bug: Bug) -> str:
    if not mistakes:
        return "located"
    return "named" if mistakes == (bug,) else "WRONG"


def _together(verdicts: list[str]) -> str:
    kinds = set(verdicts)
    if "WRONG" in kinds:
        return "WRONG"
    return kinds.pop() if len(kinds) == 1 else "partly"


def _head() -> str:
    return "".join(f"{outcome:>8}" for outcome in OUTCOMES)


def _cells(counts: Counter) -> str:
    return "".join(f"{counts[outcome] or '-':>8}" for outcome in OUTCOMES)
