"""The answer to a human task: as its checkpoint records it, and as the body gets it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointStatus
from durable_django.domain.task import Task, TaskAnswer
from durable_django.engine.serialization import Payloads

_LATER = datetime(9999, 12, 31, tzinfo=UTC)


def encode_data(
    payloads: Payloads, name: str, data: Any, *, by: str = "", comment: str = ""
) -> str:
    """Return what a person answered, as a store takes it.

    What could be accepted here and not be recorded by the execution afterwards is refused.

    Raises:
        PayloadError: It cannot be stored, or is too large.
    """
    what = f"Answer of task {name!r}"
    _, stored = payloads.round_trip(data, what)
    payloads.encode(_as_recorded(stored, by, _LATER, comment), what)
    return payloads.encode(data, what)


def encode_answer(payloads: Payloads, task: Task, data: Any) -> str:
    """Return what the checkpoint of a completed task records.

    Raises:
        PayloadError: It is too large.
    """
    what = f"Answer of task {task.name!r}"
    return payloads.encode(_as_recorded(data, task.assignee, task.finished_at, task.comment), what)


def with_answer(payloads: Payloads, attempt: Checkpoint, task: Task, at: datetime) -> Checkpoint:
    """Return the attempt of a call whose task was completed, with what its checkpoint records.

    Raises:
        PayloadError: The answer cannot be read, or is too large.
    """
    data = payloads.decode(task.data or "null", f"Answer of task {task.name!r}")
    output = encode_answer(payloads, task, data)
    return replace(attempt, status=CheckpointStatus.COMPLETED, output=output, completed_at=at)


def read_answer(recorded: Any) -> TaskAnswer:
    """Return the answer that a checkpoint recorded."""
    return TaskAnswer(
        data=recorded["data"],
        by=recorded["by"],
        at=recorded["at"],
        comment=recorded["comment"],
    )


def _as_recorded(data: Any, by: str, at: datetime | None, comment: str) -> dict[str, Any]:
    return {"data": data, "by": by, "at": at, "comment": comment}
