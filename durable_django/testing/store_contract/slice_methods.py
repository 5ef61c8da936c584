"""Every method that a slice writes with, called on a situation in which it would be right."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.execution import NewExecution
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    ParkReason,
    WaitKind,
)
from durable_django.domain.wait import Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.factories import (
    make_asking,
    make_checkpoint,
    make_error,
    make_new_execution,
    make_outcome,
)
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    AT_ONCE,
    HOUR,
    begin,
    claim,
)

SliceMethod = Callable[[CheckpointStore, Claim], object]


def begin_furnished(store: CheckpointStore, **fields: Any) -> Claim:
    """Claim an execution on which every slice method could write.

    It has a completed step `reserve`, an open attempt of `charge`, a pending timer `cooling_off`,
    a pending signal `packed` that the claim has seen, and an open task `approve`.
    """
    held = begin(store, **fields)
    store.record_outcome(held, make_outcome(held.execution_id, "reserve"))
    store.suspend(held, replace(AN_HOUR, asking=(make_asking(held.execution_id),)))
    store.add_signal(held.execution_id, "packed", "1")
    store.request_pause(held.execution_id)
    store.resume(held.execution_id)
    held = claim(store, held.execution_id)
    store.record_intent(held, make_checkpoint(held.execution_id, "charge", position=2))
    return held


def _outcome(held: Claim, key: str, **fields: Any) -> Any:
    return make_outcome(held.execution_id, key, **({"position": 3} | fields))


def _undo(held: Claim) -> Any:
    return _outcome(held, "~undo/reserve", kind=CheckpointKind.UNDO)


def _undone(held: Claim) -> Any:
    return make_outcome(held.execution_id, "reserve")


def _child(held: Claim, key: str, kind: WaitKind = WaitKind.NOTHING) -> NewExecution:
    """Return what a call starts."""
    return make_new_execution(
        parent_id=held.execution_id, parent_key=key, parent_wait=kind, depth=1
    )


def _starting(held: Claim) -> Wait:
    """Return the wait for a child that is started with it."""
    child = _child(held, "invoice", WaitKind.CHILD)
    attempt = make_checkpoint(
        held.execution_id,
        "invoice",
        kind=CheckpointKind.CHILD,
        position=3,
        idempotency_key=str(child.id),
    )
    return Wait(kind=WaitKind.CHILD, name="invoice", key="invoice", starting=((attempt, child),))


def _ask(held: Claim) -> Checkpoint:
    """Return the open attempt that asks."""
    return next(row for row in held.checkpoints if row.kind is CheckpointKind.TASK)


SLICE_METHODS: dict[str, SliceMethod] = {
    "release": lambda store, held: store.release(held, AT_ONCE),
    "abandon": lambda store, held: store.abandon(held, make_error(), HOUR),
    "clear_recoveries": lambda store, held: store.clear_recoveries(held),
    "note_begun": lambda store, held: store.note_begun(held),
    "record_intent": lambda store, held: store.record_intent(
        held, make_checkpoint(held.execution_id, "ship", position=3)
    ),
    "record_outcome": lambda store, held: store.record_outcome(
        held, _outcome(held, "charge", position=2)
    ),
    "run_atomic": lambda store, held: store.run_atomic(
        held,
        make_checkpoint(held.execution_id, "ship", position=3),
        lambda: _outcome(held, "ship"),
    ),
    "fire_timer": lambda store, held: store.fire_timer(
        held, _outcome(held, "cooling_off", kind=CheckpointKind.SLEEP)
    ),
    "deliver_signal": lambda store, held: store.deliver_signal(
        held,
        _outcome(held, "packed", kind=CheckpointKind.SIGNAL),
        store.list_signals(held.execution_id)[0],
    ),
    "expire_wait": lambda store, held: store.expire_wait(
        held, _outcome(held, "cooling_off", kind=CheckpointKind.SIGNAL)
    ),
    "expire_task": lambda store, held: store.expire_task(
        held, replace(_ask(held), status=CheckpointStatus.FAILED, is_final=True)
    ),
    "remind_task": lambda store, held: store.remind_task(held, UUID(_ask(held).idempotency_key)),
    "escalate_task": lambda store, held: store.escalate_task(
        held, UUID(_ask(held).idempotency_key)
    ),
    "open_waits": lambda store, held: store.open_waits(held, _starting(held)),
    "settle": lambda store, held: store.settle(
        held,
        _outcome(held, "prepare", kind=CheckpointKind.GROUP),
        released=["cooling_off"],
        dropped=[_outcome(held, "charge", status=CheckpointStatus.FAILED, position=2)],
    ),
    "start_child": lambda store, held: store.start_child(
        held, _outcome(held, "invoice", kind=CheckpointKind.CHILD), _child(held, "invoice")
    ),
    "start_map_children": lambda store, held: store.start_map_children(
        held, "items", [_child(held, f"items/{item}", WaitKind.MAP) for item in "ab"]
    ),
    "settle_map": lambda store, held: store.settle_map(
        held, _outcome(held, "charge", position=2), ""
    ),
    "suspend": lambda store, held: store.suspend(
        held,
        Wait(kind=WaitKind.TIMER, name="nap", key="nap", after=HOUR, registers_timer=True),
    ),
    "record_progress": lambda store, held: store.record_progress(held, {"done": 5}),
    "complete": lambda store, held: store.complete(held, '"ok"'),
    "begin_compensation": lambda store, held: store.begin_compensation(
        held, ExecutionStatus.FAILED, make_error()
    ),
    "record_undo": lambda store, held: store.record_undo(held, _undo(held), _undone(held)),
    "run_atomic_undo": lambda store, held: store.run_atomic_undo(
        held, replace(_undo(held)), _undone(held), lambda: _undo(held)
    ),
    "finish": lambda store, held: store.finish(held, ExecutionStatus.FAILED, make_error()),
    "park": lambda store, held: store.park(held, ParkReason.POISON, make_error()),
    "pause": lambda store, held: store.pause(held),
}
#: Those of them that return an Interrupt.
INTERRUPTIBLE = (
    "record_intent",
    "run_atomic",
    "fire_timer",
    "deliver_signal",
    "expire_wait",
    "expire_task",
    "remind_task",
    "escalate_task",
    "open_waits",
    "settle",
    "start_child",
    "start_map_children",
    "settle_map",
    "suspend",
    "complete",
)


def methods_taking_a_claim() -> set[str]:
    """Return the names of the port's methods that take a claim."""
    return {
        name
        for name, method in inspect.getmembers(CheckpointStore, inspect.isfunction)
        if "claim" in inspect.signature(method).parameters
    }


def methods_returning_an_interrupt() -> set[str]:
    """Return the names of the port's methods that may return an interrupt."""
    return {
        name
        for name, method in inspect.getmembers(CheckpointStore, inspect.isfunction)
        if "Interrupt" in str(inspect.signature(method).return_annotation)
    }
