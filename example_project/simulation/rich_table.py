"""The live table, drawn by Rich. The one module that imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self
from uuid import UUID

from rich.console import Console
from rich.live import Live
from rich.table import Table

from durable_django import ExecutionStatus
from example_project.simulation.board import Line
from example_project.simulation.scenario import Scenario

#: Lines of the table that are not executions: its head, its frame and its caption.
FRAME_LINES = 6
COLOURS = {
    ExecutionStatus.COMPLETED: "green",
    ExecutionStatus.FAILED: "red",
    ExecutionStatus.CANCELLED: "red",
    ExecutionStatus.PARKED: "bold red",
    ExecutionStatus.RUNNING: "cyan",
    ExecutionStatus.COMPENSATING: "magenta",
}


class RichView:
    """A table that is drawn anew in its place; events scroll above it."""

    def __init__(self) -> None:
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def show(self, scenarios: Sequence[Scenario], lines: Mapping[UUID, Line]) -> None:
        self._live.update(self._draw(scenarios, lines), refresh=True)

    def _draw(self, scenarios: Sequence[Scenario], lines: Mapping[UUID, Line]) -> Table:
        ended = sum(line.has_settled for line in lines.values())
        table = Table(caption=f"{ended} of {len(scenarios)} have ended", caption_justify="left")
        for heading in ("execution", "story", "status", "step or wait", "attempts", "s"):
            table.add_column(heading, no_wrap=True)
        # What still moves comes first: a small terminal has no room for all.
        shown = sorted(
            ((scenario, lines[scenario.id]) for scenario in scenarios if scenario.id in lines),
            key=lambda pair: pair[1].has_settled,
        )
        for scenario, line in shown[: max(self._console.height - FRAME_LINES, 5)]:
            table.add_row(*_cells(scenario, line), style=COLOURS.get(line.status))
        return table


def _cells(scenario: Scenario, line: Line) -> tuple[str, ...]:
    at = line.error_class if line.has_settled and line.error else line.at
    status = f"{line.status} (worker lost)" if line.recoveries else str(line.status)
    attempts = str(line.attempts) if line.attempts > 1 else ""
    return scenario.name, scenario.story, status, at, attempts, f"{line.seconds:.1f}"
