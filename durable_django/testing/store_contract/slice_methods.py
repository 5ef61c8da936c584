"""Every method that a slice writes with, called on a situation in which it would be right."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from durable_django.domain.claim import Claim
from durable_django.domain.status import CheckpointKind, ExecutionStatus, ParkReason, WaitKind
from durable_django.domain.wait import Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.factories import make_checkpoint, make_error, make_outcome
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

    It has a completed step `reserve`, an open attempt of `charge`, a pending timer `cooling_off`
    and a pending signal `packed` that the claim has seen.
    """
    held = begin(store, **fields)
    store.record_outcome(held, make_outcome(held.execution_id, "reserve"))
    store.suspend(held, AN_HOUR)
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
