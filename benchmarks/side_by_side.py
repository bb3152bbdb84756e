"""Contenders side by side, for one network at one size: one row of results, all rows as text, all rows as a plot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from .figures import LOOKS, figure, plain_numbers
from .peers import can_run
from .processes import Contender
from .sizes import Size
from .timing import Lost, quartiles, take_turns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def row(
    contenders: dict[str, Contender],
    size: Size,
    check: Callable[[str, Any, Size], None],
    ours: str,
    seconds: float,
    least_ms: float,
) -> dict[str, Any]:
    """Let all contenders build, validate their results, and time them in turn.

    Parameters
    ----------
    contenders : dict
        Those that are not installed are left out, and so are, with the reason, those that fail.
    size : Size
    check : callable
        Given a contender's name, its result and the size; raises where that is not what ours computes.
    ours : str
        The one that all are compared with.
    seconds : float
    least_ms : float
        What the machine needs at least, see `roof`.
    """
    able = {name: contender for name, contender in contenders.items() if can_run(name, size.model)}
    turns = {}
    with tqdm(able.items(), leave=False, disable=None) as bar:
        for name, contender in bar:
            bar.set_description(f"building {name}")
            try:
                result = contender.build(size)
            except Lost:
                continue
            check(name, result, size)
            turns[name] = contender.turn
    times = take_turns(turns, seconds, "taking turns")
    lost = {name: contender.lost for name, contender in able.items() if contender.lost}
    if ours in lost:
        raise RuntimeError(f"nothing to compare with, {ours} was lost: {lost[ours]}")
    return size._asdict() | {"ours": ours, "least_ms": least_ms, "lost": lost} | quartiles(times, ours)


def name(row: dict[str, Any]) -> str:
    """What was computed, in a few words."""
    return str(Size(*(row[field] for field in Size._fields)))


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each contender: milliseconds, how many times as long as ours, and how close to the roof."""
    head = ("median ms", "quartiles", "times ours", "quartiles", "of roof")
    lines = ["{:32s}{:>10s}  {:^17s}  {:>10s}  {:^13s}  {:>7s}".format("", *head)]
    for row in rows:
        lines.append(f"{name(row)}: at least {row['least_ms']:.2f} ms")
        for contender, (low, ms, high) in row["ms"].items():
            ratio_low, ratio, ratio_high = row["ratios"][contender]
            line = (
                f"    {contender:28s}{ms:10.2f}  {low:8.2f}-{high:<8.2f}  {ratio:10.2f}  {ratio_low:6.2f}-"
                f"{ratio_high:<6.2f}  {row['least_ms'] / ms:7.0%}"
            )
            if megabytes := row.get("peak_mb", {}).get(contender):
                line += f"  {megabytes:7.0f} MB"
            lines.append(line)
        lines += [f"    {lost:28s}left out: {reason.splitlines()[0]}" for lost, reason in row["lost"].items()]
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], what: str) -> Figure:
    """How many times as long as ours: medians, and lines from one quartile to the other. And memory, where measured."""
    memory = any(row.get("peak_mb") for row in rows)
    drawn = figure(11 if memory else 8.5, 1.9 + 0.34 * len(rows))
    axes = drawn.subplots(1, 2 if memory else 1, sharey=True, squeeze=False)[0]
    _dots(axes[0], [row["ratios"] for row in rows])
    axes[0].axvline(1, color=LOOKS["ours"][0], linewidth=1, zorder=0)
    axes[0].set(xlabel="times as long as ours", title=what, yticks=range(len(rows)))
    axes[0].set_yticklabels([name(row) for row in rows])
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    if memory:
        _dots(axes[1], [{who: [mb] * 3 for who, mb in row["peak_mb"].items()} for row in rows])
        axes[1].set(xlabel="MB at most", title="Peak memory")
    by_label = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    drawn.legend(by_label.values(), by_label.keys(), loc="outside lower center", ncols=4)
    return drawn


def _dots(ax: Axes, rows: list[dict[str, list[float]]]) -> None:
    """A line for each row, and in it for each contender a dot between its quartiles."""
    for y, row in enumerate(rows):
        for contender, (low, middle, high) in row.items():
            colour, marker = LOOKS[contender]
            ax.errorbar(
                middle, y, xerr=[[middle - low], [high - middle]], color=colour, marker=marker, markersize=6,
                linestyle="none", label=contender,
            )  # fmt: skip
    ax.set_xscale("log")
    plain_numbers(ax.xaxis)
    ax.grid()
