"""A process that was stopped for longer than its lease, and goes on as if nothing had happened.

It is stopped for real (SIGSTOP) in the middle of a slice; another takes the execution over. What
the first one does when it goes on again must change no row: its fence is old.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Self

import pytest
from django.db import connection, connections

from durable_django.stores.orm.store import OrmCheckpointStore
from tests.crash_points.instrument import Instrument, stop
from tests.crash_points.invariants import Evidence, find_violations
from tests.crash_points.ledger import Entry, Ledger, only
from tests.crash_points.life import Life
from tests.crash_points.mutants import FenceAskedFor
from tests.crash_points.process import Child
from tests.crash_points.sagas import SAGA
from tests.crash_points.snapshot import Snapshot, take_snapshot
from tests.crash_points.stories import BOOKS, ORDER
from tests.crash_points.story import Story

pytestmark = pytest.mark.django_db(transaction=True)


class Scene:
    """One execution, the processes that stop at a point, those that go on, and their ledger."""

    def __init__(
        self, story: Story, path: Path, store_class: type[OrmCheckpointStore] = OrmCheckpointStore
    ) -> None:
        self.story = story
        self.store_class = store_class
        self.ledger = Ledger(path)
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # A stopped process that is forgotten would hold its locks for ever.
        for child in self._children:
            child.end()

    def live(self) -> list[tuple[str, bool]]:
        """Live in this process to the end; return the points that were passed."""
        connections.close_all()
        instrument = Instrument()
        self._life(instrument).live()
        return instrument.points

    def live_and_stop(self, number: int, *, waits: bool = True) -> Child:
        """Live in a process of its own that stops from a point on; after that maybe for one slice."""

        def strike(point: str) -> None:
            self.ledger.write("died", at=f"stop {point}")
            stop(point)
            life.waits = waits

        life = self._life(Instrument(number, strike, _holds_no_lock))
        child = Child(self.ledger, life.live)
        self._children.append(child)
        child.wait_until_stopped()
        return child

    def snapshot(self) -> Snapshot:
        connections.close_all()
        snapshot = take_snapshot(self.story.workflow, self.ledger.path.stem)
        assert snapshot is not None
        return snapshot

    def resume(self, zombie: Child) -> list[Entry]:
        """Let a stopped process go on to its end; return what it did to the outside world."""
        before = self.ledger.read()
        zombie.resume()
        assert zombie.wait() == 0, self.ledger.read()[-1]
        done = self.ledger.read()[len(before) :]
        # The evidence is without them: what a zombie had begun cannot be taken back.
        self.ledger.rewrite(before)
        return only(done, "effect")

    def _life(self, instrument: Instrument) -> Life:
        scene = self.ledger.path.stem
        return Life(self.story, scene, self.ledger, instrument, self.store_class)

    def violations(self) -> list[str]:
        return find_violations(Evidence(self.story, self.ledger.read()))


@pytest.mark.parametrize("story", [ORDER, BOOKS, SAGA], ids=lambda story: story.name)
def test_stopped_process_changes_nothing_once_another_has_finished(
    story: Story, tmp_path: Path
) -> None:
    for number in _sample(story, tmp_path, size=8):
        with Scene(story, tmp_path / f"{story.name}-{number}.jsonl") as scene:
            zombie = scene.live_and_stop(number, waits=False)
            scene.live()
            before = scene.snapshot()

            effects = scene.resume(zombie)

            assert scene.snapshot() == before
            assert len(effects) <= 1, effects
            assert not scene.violations(), scene.violations()


@pytest.mark.parametrize("story", [BOOKS, SAGA], ids=lambda story: story.name)
def test_stopped_process_changes_nothing_while_another_goes_on(
    story: Story, tmp_path: Path
) -> None:
    count = 0
    for scene, zombie, successor in _takeovers(story, tmp_path):
        count += 1
        before = scene.snapshot()

        effects = scene.resume(zombie)

        assert scene.snapshot() == before
        assert len(effects) <= 1, effects
        successor.resume()
        assert successor.wait() == 0
        assert not scene.violations(), scene.violations()
    assert count >= 6


def test_store_that_does_not_mind_its_fence_is_found(tmp_path: Path) -> None:
    # More points than above: some must lie between an effect and its record.
    for scene, zombie, _ in _takeovers(SAGA, tmp_path, FenceAskedFor, size=16):
        before = scene.snapshot()

        scene.resume(zombie)

        if scene.snapshot() != before:
            return
    pytest.fail("A store that does not mind its fence was not found.")


def _takeovers(
    story: Story,
    directory: Path,
    store_class: type[OrmCheckpointStore] = OrmCheckpointStore,
    size: int = 6,
) -> Iterator[tuple[Scene, Child, Child]]:
    """Yield processes that stopped in a slice, with others that stopped in the next slice of it."""
    for number, later in product(_sample(story, directory, size=size), (19, 23, 27)):
        path = directory / f"{story.name}-{number}-{later}.jsonl"
        with Scene(story, path, store_class) as scene:
            zombie = scene.live_and_stop(number, waits=False)
            fence = scene.snapshot()["execution"]["fence"]
            successor = scene.live_and_stop(later)
            row = scene.snapshot()["execution"]
            is_held = row["status"] in {"running", "compensating"} and not row["waiting_kind"]
            if is_held and row["fence"] > fence and not successor.has_ended:
                yield scene, zombie, successor


def _sample(story: Story, directory: Path, *, size: int) -> list[int]:
    """Return points spread over a run, from its first step on."""
    with Scene(story, directory / f"{story.name}-sample.jsonl") as scene:
        points = scene.live()
    begun = next(number for number, (point, _) in enumerate(points) if "effect" in point)
    free = [
        number
        for number, (point, is_open) in enumerate(points, 1)
        if number >= begun - 1 and _holds_no_lock(point, is_open)
    ]
    return free[:: -(-len(free) // size)]


def _holds_no_lock(point: str, is_open: bool) -> bool:  # noqa: FBT001 -- a predicate on both
    """Say whether others may go on: on SQLite a transaction has the whole file to itself.

    There a statement that returns rows commits only when they have been read, so what is after
    it is not outside. Elsewhere an atomic step is harmless until it takes the fence, after its
    action.
    """
    if "effect" in point and connection.vendor != "sqlite":
        return True
    return not is_open and point.startswith("before ") and point != "before COMMIT"
