"""The situations that promises about human tasks start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import EventType
from durable_django.domain.status import CheckpointStatus, WaitKind
from durable_django.domain.task import NewTask, Principal, PrincipalKind, Task
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.factories import make_asking, make_error
from durable_django.testing.store_contract.arrange import begin, claim

ALICE = Principal(kind=PrincipalKind.USER, name="alice")
FINANCE = Principal(kind=PrincipalKind.GROUP, name="finance")
#: Each act of a person, as it could be done to any task.
ACTS: dict[str, Callable[[CheckpointStore, UUID], Task]] = {
    "claim": lambda store, key: store.claim_task(key, "carol"),
    "release": lambda store, key: store.release_task(key, None),
    "assign": lambda store, key: store.assign_task(key, to="carol"),
    "complete": lambda store, key: store.complete_task(key, "carol", "1"),
    "cancel": lambda store, key: store.cancel_task(key),
}


def waiting_for(asking: tuple[Checkpoint, NewTask], **fields: object) -> Wait:
    """Return the wait with which a slice asks."""
    new = asking[1]
    wait = Wait(
        kind=WaitKind.TASK,
        name=new.key,
        key=new.key,
        after=new.timeout,
        registers_timer=new.timeout is not None,
        asking=(asking,),
    )
    return replace(wait, **fields)  # type: ignore[arg-type]


def ask(store: CheckpointStore, held: Claim | None = None, **fields: object) -> Task:
    """Have a slice ask `approve` and suspend; return the task."""
    held = held or begin(store)
    asking = make_asking(held.execution_id, **fields)  # type: ignore[arg-type]
    assert store.suspend(held, waiting_for(asking)) is Suspension.SUSPENDED
    return store.load_task(asking[1].id)


def wake(store: CheckpointStore, execution_id: UUID) -> Claim:
    """Claim an execution that waits, as after a person's act."""
    store.request_pause(execution_id)
    store.resume(execution_id)
    return claim(store, execution_id)


def attempt_of(held: Claim, status: CheckpointStatus = CheckpointStatus.FAILED) -> Checkpoint:
    """Return how the open attempt of the task is closed."""
    [attempt] = [row for row in held.checkpoints if row.key == "approve"]
    return replace(attempt, status=status, is_final=True, error=make_error().to_text())


def events_of(store: CheckpointStore, task: Task) -> list[tuple[EventType, dict[str, Any]]]:
    """Return what was told of the task, oldest first, without what all events say."""
    known = {"task", "name", "key"}
    return [
        (event.type, {name: said for name, said in event.details.items() if name not in known})
        for event in store.list_events(task.execution_id, after=0, limit=100)
        if event.details.get("task") == str(task.id)
    ]
