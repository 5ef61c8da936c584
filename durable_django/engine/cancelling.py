"""Cancel executions that an execution started, because it goes on or ends without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import Actor, ActorKind, EventType, NewEvent
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, ParentClosePolicy, WaitKind
from durable_django.engine.slice_needs import SliceNeeds
from durable_django.engine.slice_state import SliceState
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from durable_django.ports.checkpoint_store import LeaseLost

_PAGE = 200


def cancel_child(
    needs: SliceNeeds, claim: Claim, child_id: UUID, reason: str, *, compensates: bool = True
) -> None:
    """Ask for a child to be cancelled, unless it has ended or is about to.

    Raises:
        LeaseLost: Another slice holds the parent by now; the child may be what it waits for.
    """
    store = needs.store

    def act() -> bool:
        # Read and not locked: who ends a child locks it before its parent.
        if store.load_execution(claim.execution_id).fence != claim.fence:
            raise LeaseLost(claim.execution_id)
        is_new = store.request_cancel(child_id, reason, compensates=compensates)
        if is_new:
            event = NewEvent(
                execution_id=child_id,
                type=EventType.CANCEL_REQUESTED,
                actor=Actor(kind=ActorKind.WORKFLOW, id=str(claim.execution_id)),
                reason=reason,
            )
            store.add_event(event)
        return is_new

    with suppress(InvalidTransitionError, ExecutionNotFoundError):
        if store.transact(act):
            needs.wake(store.load_execution(child_id).queue)


def cancel_opened(state: SliceState, attempts: Iterable[Checkpoint], reason: str) -> None:
    """Cancel the children of calls that nobody waits for any more."""
    for attempt in attempts:
        if attempt.kind is CheckpointKind.CHILD:
            child_id = UUID(attempt.idempotency_key)
            state.write(cancel_child, state.needs, state.claim, child_id, reason)
        elif attempt.kind is CheckpointKind.MAP:
            cancel_items(state, attempt.key, reason)


def cancel_items(state: SliceState, call: str, reason: str) -> None:
    """Cancel the children of a map that have not ended."""

    def cancel() -> None:
        for child in _open_children(state.needs, state.execution_id):
            if child.parent_wait is WaitKind.MAP and child.parent_key.startswith(f"{call}/"):
                cancel_child(state.needs, state.claim, child.id, reason)

    state.write(cancel)


def close_children(needs: SliceNeeds, claim: Claim, reason: str, *, compensates: bool) -> None:
    """Do with the children what their policy says, because their parent ends."""
    for child in _open_children(needs, claim.execution_id):
        if child.on_parent_close is ParentClosePolicy.CANCEL:
            cancel_child(needs, claim, child.id, reason, compensates=compensates)


def _open_children(needs: SliceNeeds, parent_id: UUID) -> Iterator[Execution]:
    after: UUID | None = None
    while True:
        page = needs.store.list_children(parent_id, open_only=True, after=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id
