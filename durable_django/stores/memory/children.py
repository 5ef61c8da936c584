"""Executions that executions started, the items of maps, and who waits for which topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    Interrupt,
    WaitKind,
)
from durable_django.stores.memory.starting import Starting
from durable_django.stores.memory.stepping import close, ended
from durable_django.stores.memory.tables import Record


class Children(Starting):
    """The rest of `ChildStore` and `GroupStore`."""

    def start_child(
        self, claim: Claim, checkpoint: Checkpoint, child: NewExecution
    ) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            self._check_startable(record, [(checkpoint, child)])
            self.insert_executions([child])
            record.insert_checkpoint(ended(checkpoint, now))
            return None

    def start_map_children(
        self,
        claim: Claim,
        call: str,
        children: Sequence[NewExecution],
    ) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim)
            if interrupt := record.interrupt_at(self.now()):
                return interrupt
            self._detach(record, {one.parent_key: one.id for one in children})
            known = {child.parent_key for child in self._items(claim.execution_id)}
            self.insert_executions([one for one in children if one.parent_key not in known])
            return None

    def _detach(self, parent: Record, ids: dict[str, UUID]) -> None:
        """Let go of what earlier attempts of the map started in vain, or what was undone since."""
        ordered = sorted(parent.checkpoints.values(), key=lambda row: row.attempt)
        items = {row.key: row.status for row in ordered if row.kind is CheckpointKind.ITEM}
        for child in self._items(parent.execution.id):
            has_failed = child.is_terminal and child.status is not ExecutionStatus.COMPLETED
            is_undone = items.get(child.parent_key) is CheckpointStatus.COMPENSATED
            is_meant = child.parent_key in ids and child.id != ids[child.parent_key]
            if is_meant and (has_failed or is_undone):
                self._records[child.id].update(self.now(), parent_wait=WaitKind.NOTHING)

    def settle_map(
        self, claim: Claim, checkpoint: Checkpoint, compensation: str
    ) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            close(record, checkpoint, now)
            for child in self._items(claim.execution_id):
                if child.parent_key.startswith(f"{checkpoint.key}/"):
                    record.insert_checkpoint(_as_item(child, checkpoint, compensation))
            return None

    def _items(self, parent_id: UUID) -> list[Execution]:
        return [c for c in self._children(parent_id) if c.parent_wait is WaitKind.MAP]

    def find_executions(self, ids: Collection[UUID]) -> dict[UUID, Execution]:
        with self._lock:
            return {key: self._records[key].execution for key in ids if key in self._records}

    def list_children(
        self,
        parent_id: UUID,
        *,
        keys: Collection[str] | None = None,
        open_only: bool = False,
        after: UUID | None = None,
        limit: int = 100,
    ) -> list[Execution]:
        found = [
            child
            for child in self._children(parent_id)
            if (keys is None or child.parent_key in keys)
            and not (open_only and child.is_terminal)
            and (after is None or child.id > after)
        ]
        return sorted(found, key=lambda child: child.id)[:limit]

    def count_children(self, parent_id: UUID, call: str) -> dict[ExecutionStatus, int]:
        children = self._items(parent_id)
        return dict(Counter(c.status for c in children if c.parent_key.startswith(f"{call}/")))

    def _children(self, parent_id: UUID) -> list[Execution]:
        with self._lock:
            executions = [record.execution for record in self._records.values()]
        return [execution for execution in executions if execution.parent_id == parent_id]

    def list_calls(self, execution_id: UUID) -> list[Checkpoint]:
        with self._lock:
            record = self._records.get(execution_id)
            rows = list(record.checkpoints.values()) if record else []
        items = {row.key for row in rows if row.kind is CheckpointKind.ITEM}
        undos = {f"~undo/{key}" for key in items}
        found = [row for row in rows if row.key not in items and row.key not in undos]
        return sorted(found, key=lambda row: (row.position, row.key, row.attempt))

    def list_items(self, execution_id: UUID, keys: Collection[str]) -> list[Checkpoint]:
        with self._lock:
            rows = list(self._find(execution_id).checkpoints.values())
        items = [row for row in rows if row.kind is CheckpointKind.ITEM and row.key in keys]
        return sorted(items, key=lambda row: (row.key, row.attempt))

    def list_subscribers(self, topic: str, *, after: UUID | None, limit: int) -> list[UUID]:
        with self._lock:
            found = [
                key
                for key, record in self._records.items()
                if topic in record.topics.values() and (after is None or key > after)
            ]
        return sorted(found)[:limit]


def _as_item(child: Execution, checkpoint: Checkpoint, compensation: str) -> Checkpoint:
    """Return what the parent keeps of a child of its map."""
    has_completed = child.status is ExecutionStatus.COMPLETED
    lost = ErrorRecord(type="WorkflowCancelledError", message="it was cancelled").to_text()
    return Checkpoint(
        execution_id=checkpoint.execution_id,
        key=child.parent_key,
        name=checkpoint.name,
        position=checkpoint.position,
        kind=CheckpointKind.ITEM,
        attempt=checkpoint.attempt,
        epoch=checkpoint.epoch,
        status=CheckpointStatus.COMPLETED if has_completed else CheckpointStatus.FAILED,
        action=child.workflow_name,
        compensation=compensation if has_completed else "",
        output=child.output,
        error=None if has_completed else child.error or lost,
        is_final=not has_completed,
        started_at=child.started_at,
        completed_at=child.finished_at,
    )
