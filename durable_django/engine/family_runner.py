"""Advance an execution in its caller's process, with the children it waits for."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from durable_django.domain.status import WaitKind
from durable_django.engine.slice_outcome import SliceOutcome
from durable_django.ports.checkpoint_store import CheckpointStore

_MAY_NEED_CHILDREN = frozenset({WaitKind.CHILD, WaitKind.MAP, WaitKind.SEVERAL})
_LOOKED_AT = 20


class FamilyRunner:
    """What `run()` advances: without it, a workflow with children would need workers too.

    Workers may take the children as well: the claim decides.
    """

    def __init__(
        self, store: CheckpointStore, run_one: Callable[[UUID], SliceOutcome | None]
    ) -> None:
        self._store = store
        self._run_one = run_one

    def advance(self, execution_id: UUID) -> SliceOutcome | None:
        """Run a slice of the execution, or of a child it waits for; None if none is due."""
        outcome = self._run_one(execution_id)
        if outcome is not None:
            return outcome
        if self._store.load_execution(execution_id).waiting_kind not in _MAY_NEED_CHILDREN:
            return None
        return self._advance_children(execution_id)

    def _advance_children(self, execution_id: UUID) -> SliceOutcome | None:
        after: UUID | None = None
        while children := self._store.list_children(
            execution_id, open_only=True, after=after, limit=_LOOKED_AT
        ):
            for child in children:
                found = self.advance(child.id) if child.parent_wait else None
                if found is not None:
                    return found
            after = children[-1].id
        return None
