"""How an execution of a scenario ended, for comparing a crashed run with an uncrashed one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus
from durable_django.ports.checkpoint_store import CheckpointStore

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class End:
    """What must not depend on crashes."""

    status: ExecutionStatus
    output: str | None
    error: str | None
    same: Any


def end_of(execution: Execution, store: CheckpointStore, same: Any) -> End:
    """Return how it ended, and beside it what the test itself compares."""
    output, error = (
        text and _without_ids(text, execution.id, store)
        for text in (execution.output, execution.error)
    )
    return End(execution.status, output, error, same)


def _without_ids(text: str, own_id: UUID, store: CheckpointStore) -> str:
    """Return it with names in the place of ids, which depend on when they were made."""
    ids = {UUID(found) for found in _UUID.findall(text)} - {own_id}
    text = text.replace(str(own_id), "<id>")
    for key, execution in store.find_executions(ids).items():
        text = text.replace(str(key), f"<{execution.parent_key}>")
    return text
