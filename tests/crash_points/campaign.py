"""Crash one story at every point there is, recover, and look for what is wrong."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from django.db import connections

from durable_django.stores.orm.store import OrmCheckpointStore
from tests.crash_points.instrument import DIED, Instrument, die
from tests.crash_points.invariants import Evidence, find_violations
from tests.crash_points.ledger import Ledger, only
from tests.crash_points.life import Life
from tests.crash_points.process import Child
from tests.crash_points.snapshot import Snapshot, outline_of
from tests.crash_points.story import Story

MAX_POINTS = 2000
#: One recovery in this many is crashed too.
DEPTH_2_SHARE = 3


@dataclass
class Report:
    """What a campaign did and found."""

    story: Story
    #: Points that a run without faults passes.
    points: int = 0
    crashes: int = 0
    double_crashes: int = 0
    #: What is wrong, by where the process died.
    violations: dict[str, list[str]] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the counts, as a line."""
        return (
            f"{self.story.name}: {self.points} points, {self.crashes} crashes,"
            f" {self.double_crashes} crashes of the recovery, {len(self.violations)} violations"
        )

    def describe(self) -> str:
        """Return the violations as lines for people, and which ledger to read."""
        lines = [self.summary()]
        for where, found in self.violations.items():
            lines += [where, *(f"    {what}" for what in found)]
        return "\n".join(lines)


@dataclass
class Campaign:
    """One story against one store, on the test's database."""

    story: Story
    directory: Path
    store_class: Callable[..., Any] = OrmCheckpointStore
    _scenes: Iterator[int] = field(default_factory=count)

    def run_undisturbed(self) -> tuple[Snapshot, list[tuple[str, bool]]]:
        """Return the outline of a run without faults, and the points it passes."""
        ledger = self._new_ledger()
        self._recover(ledger)
        evidence = Evidence(self.story, ledger.read())
        violations = find_violations(evidence)
        assert not violations, violations
        [lived] = only(evidence.entries, "lived")
        return outline_of(evidence.final), [(point, is_open) for point, is_open in lived["points"]]

    def run(
        self, *, first: int = 1, stride: int = 1, ends_at_first_violation: bool = False
    ) -> Report:
        """Crash at every `stride`-th point from `first` on, until a life passes untouched."""
        expected, points = self.run_undisturbed()
        report = Report(self.story, points=len(points))
        for number in range(first, MAX_POINTS, stride):
            if not self._crash_at(number, expected, report):
                return report
            if report.violations and ends_at_first_violation:
                return report
        raise AssertionError(f"{self.story.name}: no end of points at {MAX_POINTS}")

    def _crash_at(self, number: int, expected: Snapshot, report: Report) -> bool:
        """Crash one run at a point and recover it; False if the run ended before it came there."""
        ledger = self._new_ledger()
        if self._crash(ledger, number) != DIED:
            assert not only(ledger.read(), "died")
            return False
        report.crashes += 1
        luck = random.Random(f"{self.story.name}/{number}")  # noqa: S311 -- repeatable
        if luck.randrange(DEPTH_2_SHARE) == 0:
            second = luck.randrange(1, max(2, report.points - number // 2))
            report.double_crashes += self._crash(ledger, second) == DIED
        self._recover(ledger)
        entries = ledger.read()
        found = find_violations(Evidence(self.story, entries, expected))
        if found:
            where = " then ".join(death["at"] for death in only(entries, "died"))
            report.violations[f"{ledger.path}: died {where}"] = found
        else:
            ledger.path.unlink()
        return True

    def _crash(self, ledger: Ledger, fatal: int) -> int:
        """Live a life that dies at the point `fatal`; return how its process ended."""

        def strike(point: str) -> None:
            ledger.write("died", at=point)
            die(point)

        return Child(ledger, lambda: self._life(ledger, Instrument(fatal, strike)).live()).wait()

    def _recover(self, ledger: Ledger) -> None:
        """Live a life without faults, in this process: another worker, with its own connection."""
        connections.close_all()
        try:
            self._life(ledger, Instrument()).live()
        except Exception:  # noqa: BLE001 -- evidence like any other
            ledger.write("broken", traceback=traceback.format_exc())

    def _life(self, ledger: Ledger, instrument: Instrument) -> Life:
        return Life(self.story, ledger.path.stem, ledger, instrument, self.store_class)

    def _new_ledger(self) -> Ledger:
        return Ledger(self.directory / f"{self.story.name}-{next(self._scenes)}.jsonl")
