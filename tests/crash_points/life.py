"""The life of one process: a client and a worker in one, from wherever the database stands.

The first life and every recovery are the same code. Time is virtual; a life begins where the
ledger says that the last one was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from durable_django import runtime
from durable_django.engine.action_runner import InlineActionRunner
from durable_django.engine.current_step import current_step
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import InvalidTransitionError, TaskOverError, TimerNotFoundError
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.driver import LEASE
from tests.crash_points.instrument import Instrument
from tests.crash_points.ledger import Ledger, only
from tests.crash_points.models import Effect
from tests.crash_points.snapshot import Row, take_snapshot
from tests.crash_points.story import Story

#: How long, in real seconds, a database may take to notice that a client has died.
PATIENCE_S = 5.0

#: More alarms and acts than this are no story.
MAX_ROUNDS = 100
#: Nothing more happens to an execution in one of these.
ENDS = ("completed", "failed", "cancelled")

_lives: list[Life] = []


@dataclass
class Life:
    """One process on one scene. A fork makes it, uses it and ends."""

    story: Story
    #: Names the execution, by its key, and its queue: scenes share a database.
    scene: str
    ledger: Ledger
    instrument: Instrument = field(default_factory=Instrument)
    store_class: Callable[..., Any] = OrmCheckpointStore
    #: Whether it acts and waits; without that it ends when nothing is due.
    waits: bool = True
    clock: ManualClock = field(init=False)
    engine: DurableEngine = field(init=False)
    _acts_done: set[str] = field(init=False)
    #: The statuses of what the execution started.
    _children: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        entries = self.ledger.read()
        for told in only(entries, "clock"):
            self.clock.set(datetime.fromisoformat(told["at"]))
        self._acts_done = {entry["name"] for entry in only(entries, "answered")}
        self.engine = runtime.build_engine(
            store=self.store_class(alias="default", clock=self.clock),
            clock=self.clock,
            dispatcher=None,
            actions=InlineActionRunner(self.clock),
            options=EngineOptions(lease=LEASE, renews_leases=False),
        )
        _lives[:] = [self]

    # --- to the end ---

    def live(self) -> None:
        """Bring the execution to its end, or die on the way."""
        self.ledger.write("born")
        with self.instrument.watching(connection):
            self._live()
        self.ledger.write("lived", points=self.instrument.points)

    def _live(self) -> None:
        found = self._look()
        if found is not None:
            self._repeat_unanswered(found)
            self._act(found)
        self.engine.start_by_name(
            self.story.workflow, {}, options=StartOptions(key=self.scene, queue=self.scene)
        )
        for _ in range(MAX_ROUNDS):
            self.engine.drain([self.scene], MAX_ROUNDS)
            row = self._look()
            if row is None or not self.waits or self._is_over(row):
                return
            if not self._act(row):
                self._wait(row)
        raise RuntimeError(f"Not at its end after {MAX_ROUNDS} alarms: {row}")

    def _is_over(self, row: Row) -> bool:
        """Say whether it has ended, and all that it started."""
        open_children = [status for status in self._children if status not in ENDS]
        return row["status"] in ENDS and not open_children

    def _look(self) -> Row | None:
        """Note what the database says now; return the execution's row, if there is one."""
        with self.instrument.paused():
            snapshot = take_snapshot(self.story.workflow, self.scene)
        if snapshot is None:
            return None
        self.ledger.write("seen", at=_text(self.clock.now()), **snapshot)
        row: Row = snapshot["execution"]
        self._children = [child["status"] for child in snapshot["children"]]
        return row

    # --- the client's part ---

    def _act(self, row: Row) -> bool:
        """Do what the story's client does now, if anything."""
        name = self.story.next_act(row)
        if name is None or name in self._acts_done:
            return False
        self._do(name, row)
        return True

    def _repeat_unanswered(self, row: Row) -> None:
        """Do again what a former life asked for and got no answer to: it cannot know more."""
        asked = dict.fromkeys(entry["name"] for entry in only(self.ledger.read(), "asking"))
        for name in asked:
            if name not in self._acts_done:
                self._do(name, row)

    def _do(self, name: str, row: Row) -> None:
        self._acts_done.add(name)
        self.ledger.write("asking", name=name)
        try:
            with transaction.atomic():
                self.story.acts[name](self.engine, UUID(row["id"]))
        except (InvalidTransitionError, TimerNotFoundError, TaskOverError):
            # Repeated after it had worked.
            self.ledger.write("refused", name=name)
        with self.instrument.around(f"answer to {name!r}"):
            self.ledger.write("answered", name=name)

    # --- time ---

    def _wait(self, row: Row) -> None:
        """Pass the time until the next alarm."""
        with self.instrument.paused():
            alarm = self.engine.store.next_alarm([self.scene])
            if alarm is None:
                raise RuntimeError(f"Stuck: {row['status']}, waits for {row['waiting_kind']!r}.")
            if alarm <= self.clock.now():
                self._let_the_dead_go(row)
                return
        self.clock.set(alarm)
        self.ledger.write("clock", at=_text(alarm))

    def _let_the_dead_go(self, row: Row) -> None:
        """Give the database a moment: it may still hold the locks of a client that has died."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            time.sleep(0.002)
            if self.engine.drain([self.scene], MAX_ROUNDS):
                return
        raise RuntimeError(f"Due and not to be claimed for {PATIENCE_S} s: {row['status']}.")


# --- what the actions of the stories call ---


def act_outside() -> str:
    """Have an effect on the outside world, which cannot be taken back; return the step's key."""
    _note_effect("external")
    return current_step().key


def act_inside() -> str:
    """Have an effect in the engine's own database, in the transaction of the step."""
    _note_effect("atomic")
    step = current_step()
    Effect.objects.create(execution_id=step.execution_id, step=step.key)
    return step.key


def scene() -> str:
    """Return the queue that this life's executions are in, for those that they start."""
    return _lives[0].scene


def is_noted(what: str) -> bool:
    """Say whether the outside world has seen this kind of thing."""
    return bool(only(_lives[0].ledger.read(), what))


def _note_effect(kind: str) -> None:
    [life] = _lives
    step = current_step()
    with life.instrument.around(f"effect of {step.key}"):
        life.ledger.write(
            "effect",
            kind=kind,
            step=step.key,
            attempt=step.attempt,
            key=step.idempotency_key,
            at=_text(life.clock.now()),
        )


def _text(instant: datetime) -> str:
    # As snapshots write it, so that text compares like time.
    return instant.isoformat(timespec="microseconds")
