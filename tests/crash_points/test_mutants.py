"""The harness sees what it is for: each planted fault is found, and by its own invariant."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable_django.stores.orm.store import OrmCheckpointStore
from tests.crash_points.campaign import Campaign
from tests.crash_points.mutants import (
    CheckpointAfterCommit,
    ClaimWithoutLease,
    NoIntent,
    SignalConsumedBeforeCheckpoint,
    SuspensionInTwo,
    TimerArmedAnew,
    UndoRecordedBeforeItRuns,
)
from tests.crash_points.sagas import EXPIRED
from tests.crash_points.stories import BOOKS, ONCE, PAUSED, REMINDED
from tests.crash_points.story import Story

# What is tried here is the harness, and it is the same everywhere.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]


@pytest.mark.parametrize(
    ("mutant", "story", "invariant"),
    [
        pytest.param(mutant, story, invariant, id=mutant.__name__)
        for mutant, story, invariant in (
            (CheckpointAfterCommit, BOOKS, "I6"),
            (SignalConsumedBeforeCheckpoint, REMINDED, "I18"),
            (TimerArmedAnew, PAUSED, "I20"),
            (UndoRecordedBeforeItRuns, EXPIRED, "I23"),
            (SuspensionInTwo, PAUSED, "I30"),
            (ClaimWithoutLease, BOOKS, "I30"),
            (NoIntent, ONCE, "I5"),
        )
    ],
)
def test_fault_is_found(
    mutant: type[OrmCheckpointStore], story: Story, invariant: str, tmp_path: Path
) -> None:
    report = Campaign(story, tmp_path, mutant).run(first=1, stride=2, ends_at_first_violation=True)

    [found] = report.violations.values()
    assert [what for what in found if what.startswith(f"{invariant}:")], report.describe()
