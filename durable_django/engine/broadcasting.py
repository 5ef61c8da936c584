"""Broadcast an event: a signal to every execution that waits for it now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from durable_django.domain.event import CODE, MAX_REASON_LENGTH, Actor, EventType, NewEvent
from durable_django.domain.signal import topic_of
from durable_django.engine.awaitables import check_event
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import InvalidTransitionError
from durable_django.ports.checkpoint_store import CheckpointStore

_PAGE = 500
#: Returns those of the executions that may be told.
Among = Callable[[Sequence[UUID]], Collection[UUID]]


class Broadcasts:
    """Tells everybody who waits, in the caller's transaction: all of them or nobody."""

    def __init__(
        self,
        store: CheckpointStore,
        payloads: Payloads,
        wake: Callable[[str], object],
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._wake = wake

    def broadcast(
        self,
        name: str,
        payload: Any = None,
        *,
        key: str = "",
        reason: str = "",
        by: Actor = CODE,
        among: Among | None = None,
    ) -> int:
        """Return how many executions were told; see `client.broadcast`."""
        check_event(name, key)
        text = self._payloads.encode(payload, f"Payload of event {name!r}")
        topic = topic_of(name, key)
        note = NewEvent(
            execution_id=UUID(int=0),
            type=EventType.SIGNALLED,
            actor=by,
            reason=reason[:MAX_REASON_LENGTH],
            details={"event": name, "key": key},
        )
        told = self._store.transact(lambda: self._tell_all(topic, text, note, among))
        if told:
            self._ring(told)
        return len(told)

    def _tell_all(
        self, topic: str, payload: str, note: NewEvent, among: Among | None
    ) -> list[UUID]:
        told: list[UUID] = []
        after: UUID | None = None
        while page := self._store.list_subscribers(topic, after=after, limit=_PAGE):
            # In the order of their ids: two broadcasts at once must not lock each other out.
            allowed = page if among is None else among(page)
            told += [
                one for one in page if one in allowed and self._tell(one, topic, payload, note)
            ]
            after = page[-1]
        return told

    def _tell(self, execution_id: UUID, topic: str, payload: str, note: NewEvent) -> bool:
        with suppress(InvalidTransitionError):  # it has just ended
            self._store.add_signal(execution_id, topic, payload)
            if note.actor != CODE:
                self._store.add_event(_to(execution_id, note))
            return True
        return False

    def _ring(self, told: Sequence[UUID]) -> None:
        executions = self._store.find_executions(told)
        for queue in sorted({execution.queue for execution in executions.values()}):
            self._wake(queue)


def _to(execution_id: UUID, note: NewEvent) -> NewEvent:
    return NewEvent(
        execution_id=execution_id,
        type=note.type,
        actor=note.actor,
        reason=note.reason,
        details=note.details,
    )
