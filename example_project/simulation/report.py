"""The demo's last word: where everything ended, whether the books agree, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from example_project.simulation.actors import Saboteur
from example_project.simulation.audit import Check
from example_project.simulation.board import Line
from example_project.simulation.models import GatewayCall, LedgerEntry
from example_project.simulation.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of one start of the demo."""

    scenarios: Sequence[Scenario]
    lines: Mapping[UUID, Line]
    checks: Sequence[Check]
    saboteur: Saboteur
    #: How long each part took, in seconds.
    timings: Mapping[str, float]

    @property
    def is_good(self) -> bool:
        """Whether everything ended as it should, the kill included."""
        return (
            all(_is_expected(scenario, self.lines.get(scenario.id)) for scenario in self.scenarios)
            and all(check.holds for check in self.checks)
            and self.saboteur.find_takeover() is not None
        )

    def write(self) -> str:
        """Return the report as text."""
        parts = [
            self._write_ends(),
            self._write_kill(),
            self._write_checks(),
            self._write_timings(),
        ]
        return "\n\n".join(parts)

    def _write_ends(self) -> str:
        rows = [_write_row(scenario, self.lines.get(scenario.id)) for scenario in self.scenarios]
        rows.insert(0, ("", "execution", "story", "expected", "reached", "attempts", "seconds"))
        reached = sum(
            _is_expected(scenario, self.lines.get(scenario.id)) for scenario in self.scenarios
        )
        title = f"ENDS: {reached} of {len(self.scenarios)} as expected"
        return f"{title}\n{align(rows)}"

    def _write_kill(self) -> str:
        kill, takeover = self.saboteur.done, self.saboteur.find_takeover()
        if kill is None:
            return "KILL: no worker was found inside the slow step, so none was killed"
        if takeover is None:
            return f"KILL: worker {kill.pid} was killed, and nobody took over"
        key = kill.call.idempotency_key
        calls = GatewayCall.objects.filter(idempotency_key=key).count()
        charges = LedgerEntry.objects.filter(reference=kill.call.reference, operation="charge")
        gap = (takeover.began_at - kill.at).total_seconds()
        rows = [
            ("killed", f"pid {kill.pid}, in the middle of process_payment"),
            ("went on", f"pid {takeover.pid}, {gap:.1f} s after the kill"),
            ("asked", f"the payment gateway {calls} times, with one idempotency key: {key}"),
            ("charged", f"{charges.count()} time"),
        ]
        return f"KILL: {kill.call.reference}\n{align(rows)}"

    def _write_checks(self) -> str:
        held = sum(check.holds for check in self.checks)
        rows = [
            ("ok" if check.holds else "WRONG", check.claim, check.figures) for check in self.checks
        ]
        return f"BOOKS: {held} of {len(self.checks)} agree\n{align(rows)}"

    def _write_timings(self) -> str:
        rows = [(name, f"{seconds:.1f} s") for name, seconds in self.timings.items()]
        return f"TIMES\n{align(rows)}"


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _is_expected(scenario: Scenario, line: Line | None) -> bool:
    return line is not None and line.status is scenario.ends and line.error_class == scenario.error


def _write_row(scenario: Scenario, line: Line | None) -> tuple[str, ...]:
    return (
        "ok" if _is_expected(scenario, line) else "WRONG",
        scenario.name,
        scenario.story,
        _write_end(scenario.ends, scenario.error),
        _write_end(line.status, line.error_class) if line is not None else "gone",
        str(line.attempts) if line is not None else "",
        f"{line.seconds:.1f}" if line is not None else "",
    )


def _write_end(status: str, error: str) -> str:
    return f"{status} {error}".rstrip()
