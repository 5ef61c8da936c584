"""Show on the terminal how the executions go: a live table, or lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Protocol
from uuid import UUID

from django.utils.module_loading import import_string

from example_project.simulation.board import Line
from example_project.simulation.scenario import Scenario

SUMMARY_SECONDS = 2.0


class View(AbstractContextManager["View"], Protocol):
    """What the demo shows itself on."""

    def tell(self, text: str) -> None:
        """Show an event."""

    def show(self, scenarios: Sequence[Scenario], lines: Mapping[UUID, Line]) -> None:
        """Show where the executions stand."""


def make_view() -> View:
    """Return the live table if there is a terminal and Rich is installed, else plain lines."""
    if sys.stdout.isatty() and find_spec("rich") is not None:
        view: View = import_string("example_project.simulation.rich_table.RichView")()
        return view
    return PlainView()


class PlainView:
    """One line per event and per end, and a summary every two seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._summed_up = self._began
        self._settled: set[UUID] = set()

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def show(self, scenarios: Sequence[Scenario], lines: Mapping[UUID, Line]) -> None:
        for scenario in scenarios:
            line = lines.get(scenario.id)
            if line is not None and line.has_settled and scenario.id not in self._settled:
                self._settled.add(scenario.id)
                error = f" ({line.error_class})" if line.error else ""
                self.tell(
                    f"{line.status:<10} {scenario.name:<16} {scenario.story}{error}, "
                    f"{line.seconds:.1f} s"
                )
        if time.monotonic() - self._summed_up >= SUMMARY_SECONDS:
            self._summed_up = time.monotonic()
            self.tell(summarise(lines))


def summarise(lines: Mapping[UUID, Line]) -> str:
    """Say in one line how many stand where."""
    ended = sum(line.has_settled for line in lines.values())
    open_at = Counter(line.at or line.status for line in lines.values() if not line.has_settled)
    where = ", ".join(f"{count} at {at}" for at, count in open_at.most_common(4))
    return f"… {ended} of {len(lines)} have ended" + (f"; {where}" if where else "")
