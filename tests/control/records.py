"""What is stored of executions, written by hand: an instant is a number of seconds from the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from durable_django import runtime
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    ParkReason,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.timer import Timer
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_record import GroupRecord, write_record
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import engine_slot
from durable_django.engine.workflow_function import workflow
from durable_django.stores.memory import InMemoryCheckpointStore
from durable_django.testing import make_checkpoint, make_error, make_execution
from durable_django.testing.driver import DurableDriver, build_test_engine
from durable_django.testing.factories import make_signal, make_timer

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class Records:
    """One execution and all that is its own."""

    execution: Execution
    checkpoints: list[Checkpoint] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    def step(self, key: str, start: float, end: float | None = None, **fields: Any) -> Checkpoint:
        """Record an attempt: completed if it has an end and no status is given."""
        done = CheckpointStatus.INTENT if end is None else CheckpointStatus.COMPLETED
        status = fields.pop("status", done)
        if status is CheckpointStatus.FAILED:
            fields.setdefault("error", make_error().to_text())
        kind = CheckpointKind.UNDO if key.startswith("~undo/") else CheckpointKind.STEP
        known = {
            "name": key.removeprefix("~undo/").partition("#")[0],
            "position": len({row.key for row in self.checkpoints} | {key}),
            "kind": kind,
            "status": status,
            "started_at": at(start),
            "completed_at": None if end is None else at(end),
        }
        row = make_checkpoint(self.execution.id, key, **(known | fields))
        self.checkpoints.append(row)
        return row

    def timer(self, key: str, fire_at: float, **fields: Any) -> Timer:
        timer = make_timer(self.execution.id, key, fire_at=at(fire_at), **fields)
        self.timers.append(timer)
        return timer

    def signal(self, name: str, accepted: float, **fields: Any) -> Signal:
        known = {"created_at": at(accepted), "position": len(self.signals) + 1}
        signal = make_signal(self.execution.id, name, **(known | fields))
        self.signals.append(signal)
        return signal

    @property
    def all(self) -> tuple[Execution, list[Checkpoint], list[Timer], list[Signal]]:
        return self.execution, self.checkpoints, self.timers, self.signals


def records(status: ExecutionStatus = ExecutionStatus.RUNNING, **fields: Any) -> Records:
    """Return an execution that was started at 0 and claimed at once."""
    known: dict[str, Any] = {
        "status": status,
        "created_at": START,
        "started_at": START,
        "updated_at": at(1),
    }
    return Records(make_execution(**(known | fields)))


@contextmanager
def driven(body: Callable[..., Any], **options: Any) -> Iterator[tuple[DurableDriver, Any]]:
    """Hold a driver on a store in memory, and a workflow that it knows."""
    registry = Registry()
    provider, former = engine_slot.provider, runtime.use_engine(None)
    driver = DurableDriver(
        lambda store, clock: build_test_engine(store, clock, registry=registry),
        InMemoryCheckpointStore,
        lambda engine: setattr(engine_slot, "provider", lambda: engine),
    )
    try:
        yield driver, workflow(name="looked.at", registry=registry, **options)(body)
    finally:
        engine_slot.provider = provider
        runtime.use_engine(former)


def read(driver: DurableDriver, execution: Any) -> Records:
    """Return what the store holds of an execution."""
    store, execution_id = driver.store, execution.id
    return Records(
        store.load_execution(execution_id),
        store.list_checkpoints(execution_id),
        store.list_timers(execution_id),
        store.list_signals(execution_id),
    )


_instants = st.integers(-5_000, 10**7).map(at)
_maybe = st.none() | _instants
_names = st.sampled_from(["charge", "nap", "paid", "<b>", "a#b", "race/paid", "race/b/nap", "race"])
_lists = st.sampled_from(["*", "|signal:paid||timer:nap||child:race/paid|", "|x:y|"])
_DECIDED = write_record(
    GroupRecord(statuses={"paid": BranchStatus.DONE, "b": BranchStatus.DROPPED}, by="paid"),
    make_checkpoint(UUID(int=1)),
    None,
).action


@st.composite
def any_records(draw: st.DrawFn) -> tuple[Records, datetime]:
    """Return rows of every shape a table could hold, likely or not, and an instant to look from."""
    stored = records(
        draw(st.sampled_from(ExecutionStatus)),
        waiting_kind=draw(st.sampled_from(WaitKind)),
        waiting_for=draw(_names | _lists),
        park_reason=draw(st.none() | st.sampled_from(ParkReason)),
        ending=draw(st.sampled_from([None, ExecutionStatus.FAILED])),
        forked_from=draw(st.sampled_from([None, UUID(int=1)])),
        epoch=draw(st.integers(0, 2)),
        error=draw(st.sampled_from([None, "not JSON", make_error(call="charge").to_text()])),
        started_at=draw(_maybe),
        updated_at=draw(_instants),
        **{name: draw(_maybe) for name in ("wake_at", "finished_at", "expires_at")},
        **{name: draw(_maybe) for name in ("cancel_requested_at", "pause_requested_at")},
    )
    for number in range(draw(st.integers(0, 6))):
        stored.checkpoints.append(draw(_any_checkpoint(stored, number)))
    for key in draw(st.sets(_names)):
        stored.timers.append(
            make_timer(
                stored.execution.id,
                key,
                fire_at=draw(_instants),
                status=draw(st.sampled_from(TimerStatus)),
            )
        )
    for number in range(draw(st.integers(0, 3))):
        fields = {"status": draw(st.sampled_from(SignalStatus)), "delivered_at": draw(_maybe)}
        accepted = draw(_instants)
        stored.signal(draw(_names), 0, created_at=accepted, position=number + 1, **fields)
    return stored, draw(_instants)


@st.composite
def _any_checkpoint(draw: st.DrawFn, stored: Records, number: int) -> Checkpoint:
    kind = draw(st.sampled_from(CheckpointKind))
    name = draw(_names)
    return make_checkpoint(
        stored.execution.id,
        f"~undo/{name}" if kind is CheckpointKind.UNDO else name,
        name=name,
        kind=kind,
        attempt=number + 1,
        position=draw(st.integers(1, 4)),
        epoch=draw(st.integers(0, 2)),
        status=draw(st.sampled_from(CheckpointStatus)),
        branch_position=draw(st.integers(0, 2)),
        action=draw(st.sampled_from(["", "shop.charge", "{}", _DECIDED])),
        idempotency_key=draw(st.sampled_from(["", str(UUID(int=7))])),
        is_final=draw(st.booleans()),
        error=draw(st.sampled_from([None, "not JSON", make_error().to_text()])),
        **{field: draw(_maybe) for field in ("started_at", "completed_at", "retry_at")},
    )
