"""The closing table: one row per database, then the totals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: pytest's exit code for "no tests were collected".
NOTHING_COLLECTED = 5
INTERRUPTED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What happened on one database, or with one service."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    #: pytest's exit code; None if pytest was not run for it.
    exit_code: int | None = None
    #: What answered, or why there was nothing to run.
    note: str = ""


def make_row(
    *, name: str, exit_code: int, counts: dict[str, int], seconds: float, note: str
) -> Row:
    """Return the row of a pytest process.

    One that did not get as far as its counts, or ended badly without a failed test, counts as a
    failure: the closing line must not look well when the exit code does not.
    """
    failed = counts.get("failed", 0)
    if exit_code not in (0, NOTHING_COLLECTED):
        failed = failed or 1
        note = note if exit_code == 1 else f"{note}; pytest ended with {exit_code}"
    return Row(
        name=name,
        passed=counts.get("passed", 0),
        failed=failed,
        skipped=counts.get("skipped", 0),
        seconds=seconds,
        exit_code=exit_code,
        note=note,
    )


def read_counts(path: Path) -> dict[str, int]:
    """Return what tests/bootstrap/tally.py wrote; empty if pytest did not get there."""
    try:
        counts: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return counts


def decide_exit_code(rows: Sequence[Row], *, selects: bool) -> int:
    """Return 0 if all is well, 1 if something failed, 5 if the selection matched no test anywhere.

    A database without a test is a failure, unless the reader narrowed down what is run.
    """
    codes = [row.exit_code for row in rows if row.exit_code is not None]
    if any(code not in (0, NOTHING_COLLECTED) for code in codes):
        return 1
    if NOTHING_COLLECTED in codes and not selects:
        return 1
    return 0 if 0 in codes else NOTHING_COLLECTED


def format_table(rows: Iterable[Row]) -> str:
    """Return the table; a row that pytest did not run says `skipped` and why."""
    lines = [f"{'database':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>9}  "]
    for row in rows:
        if row.exit_code is None:
            lines.append(f"{row.name:<12}{row.note}")
        else:
            counts = f"{row.passed:>8}{row.failed:>8}{row.skipped:>9}{row.seconds:>7.1f} s"
            lines.append(f"{row.name:<12}{counts}  {row.note}")
    return "\n".join(line.rstrip() for line in lines)


def format_totals(rows: Sequence[Row]) -> str:
    """Return the last line, which programs read: `N passed, N failed, N skipped`."""
    return ", ".join(
        f"{sum(getattr(row, name) for row in rows)} {name}"
        for name in ("passed", "failed", "skipped")
    )
