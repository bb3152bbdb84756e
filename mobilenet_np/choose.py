"""Which MobileNet to take: released weights by accuracy, with costs from the ledger and a time measured here."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from .costs import Cost, cost
from .costs.accuracies import Accuracy, accuracies
from .errors import check_positive
from .measured import latency
from .models import build


class Choice(NamedTuple):
    """One network with released weights.

    Attributes
    ----------
    accuracy : Accuracy
        As published.
    cost : Cost
        Exact.
    milliseconds : float
        For one image on this machine, compiled.
    """

    accuracy: Accuracy
    cost: Cost
    milliseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return self.accuracy._asdict() | {
            "macs": self.cost.macs,
            "params_trainable": self.cost.params_trainable,
            "milliseconds": self.milliseconds,
        }


def choose(
    max_macs: float | None = None, max_params: float | None = None, max_ms: float | None = None, count: int = 5
) -> list[Choice]:
    """The most accurate released networks within limits.

    Parameters
    ----------
    max_macs : float, optional
        For one image.
    max_params : float, optional
        Trainable parameters.
    max_ms : float, optional
        Milliseconds for one image with `mobilenet_np.compile`, measured now, with random weights.
    count : int
        How many at most.

    Returns
    -------
    list of Choice
        The most accurate first, of equal ones the cheaper. Empty if nothing is within the limits.

    Raises
    ------
    ValueError
        For a limit that is not positive.

    Examples
    --------
    >>> best, *_ = choose(max_macs=30e6, max_params=2e6, count=1)
    >>> best.accuracy.model, best.accuracy.width, best.accuracy.resolution, best.accuracy.top1, best.cost.macs
    ('v2', 0.5, 96, '51.2', 18885440)
    """
    for name, limit in (("max_macs", max_macs), ("max_params", max_params), ("max_ms", max_ms)):
        if limit is not None:
            check_positive("choose", name, limit)
    check_positive("choose", "count", count, integer=True)
    chosen: list[Choice] = []
    for accuracy, total in _by_accuracy():
        if _above(total.macs, max_macs) or _above(total.params_trainable, max_params):
            continue
        milliseconds = _latency(accuracy.model, accuracy.width, accuracy.convention, accuracy.resolution)
        if not _above(milliseconds, max_ms):
            chosen.append(Choice(accuracy, total, milliseconds))
        if len(chosen) == count:
            break
    return chosen


def table(choices: Sequence[Choice]) -> str:
    """Choices as text, a line each."""
    lines = [f"{'model':<22} {'width':>5} {'image':>5} {'top-1':>7} {'MACs':>11} {'parameters':>10} {'ms':>6}  source"]
    for accuracy, total, milliseconds in choices:
        source = accuracy.source.replace("tensorflow/models research/slim/nets/", "TF-slim ")
        lines.append(
            f"{accuracy.model:<22} {accuracy.width:>5g} {accuracy.resolution:>5} {accuracy.top1:>6}% {total.macs:>11,} "
            f"{total.params_trainable:>10,} {milliseconds:>6.1f}  {source} {accuracy.weights}".rstrip()
        )
    return "\n".join(lines)


def _by_accuracy() -> list[tuple[Accuracy, Cost]]:
    networks = [(a, cost(a.model, a.width, a.resolution, convention=a.convention)) for a in accuracies()]
    return sorted(networks, key=lambda network: (-float(network[0].top1), network[1].macs))


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit


@functools.cache
def _latency(model: str, width: float, convention: str, resolution: int) -> float:
    return latency(build(model, width, convention=convention), resolution)
