"""``gradcheck``: the backward passes of all ops and blocks, checked."""

from __future__ import annotations

import argparse
import json

from ..errors import check
from ..tour import cases
from .words import OK, WRONG, add_json, add_seed


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this file's command."""
    add = commands.add_parser("gradcheck", help="check backward passes against the derivative of the forward passes")
    add.add_argument("names", nargs="*", metavar="name", help="a part of the names to check, like conv2d (everything)")
    add_seed(add, "the numbers to check with")
    add_json(add)
    add.set_defaults(run=_gradcheck)


def _gradcheck(arguments: argparse.Namespace) -> int:
    chosen = [case for case in cases(arguments.seed) if _wanted(case.name, arguments.names)]
    check(bool(chosen), f"gradcheck: nothing is named {' or '.join(arguments.names)}; try one of {_names()}")
    reports, wrong = [], 0
    for case in chosen:
        report = case.run()
        wrong += not report.ok
        worst = max(row.error for row in report.rows)
        reports.append({"kind": case.kind, "name": case.name, "ok": report.ok, "method": report.method, "error": worst})
        if not arguments.json:
            print(f"{'ok' if report.ok else 'WRONG':<6} error {worst:.1e}  {case.kind:<8} {case.name}", flush=True)
            if not report.ok:
                print(report)
    if arguments.json:
        print(json.dumps(reports, indent=2))
    else:
        print(f"{len(chosen) - wrong} of {len(chosen)} right")
    return WRONG if wrong else OK


def _wanted(name: str, parts: list[str]) -> bool:
    return not parts or any(part.lower() in name.lower() for part in parts)


def _names() -> str:
    return ", ".join(dict.fromkeys(case.name.partition(",")[0] for case in cases() if case.kind == "op"))
