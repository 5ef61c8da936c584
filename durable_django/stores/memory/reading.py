"""What is there, always in a promised order."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.timer import Timer
from durable_django.stores.memory.tables import MemoryTables


class Reading(MemoryTables):
    """`load_execution`, `find_execution_by_key`, and the lists."""

    def load_execution(self, execution_id: UUID) -> Execution:
        with self._lock:
            return self._find(execution_id).execution

    def find_execution_by_key(self, workflow_name: str, key: str) -> Execution | None:
        with self._lock:
            execution_id = self._ids_by_key.get((workflow_name, key))
            return None if execution_id is None else self._find(execution_id).execution

    def list_executions(
        self,
        *,
        status: Collection[ExecutionStatus] = (),
        workflow_name: str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> list[Execution]:
        with self._lock:
            found = [
                record.execution
                for record in self._records.values()
                if (not status or record.execution.status in status)
                and workflow_name in (None, record.execution.workflow_name)
                and queue in (None, record.execution.queue)
            ]
        return sorted(found, key=lambda execution: execution.id, reverse=True)[:limit]

    def list_checkpoints(self, execution_id: UUID) -> list[Checkpoint]:
        with self._lock:
            record = self._records.get(execution_id)
            found = list(record.checkpoints.values()) if record else []
        return sorted(found, key=lambda one: (one.position, one.key, one.attempt))

    def list_timers(self, execution_id: UUID) -> list[Timer]:
        with self._lock:
            record = self._records.get(execution_id)
            found = list(record.timers.values()) if record else []
        return sorted(found, key=lambda timer: (timer.fire_at, timer.key))

    def list_signals(self, execution_id: UUID) -> list[Signal]:
        with self._lock:
            record = self._records.get(execution_id)
            return list(record.signals) if record else []
