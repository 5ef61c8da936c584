"""Queues as people see them: how each is controlled, what runs, what is due, what is held back.

The figures count all executions, whatever `DURABLE["SCOPE"]` says: they tell how busy workers are,
and nothing of any execution.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from durable_django import queues
from durable_django.conf import settings
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.status import ExecutionStatus, QueueMode, WaitKind
from durable_django.domain.work_queue import QueueControl, QueueFigures, QueueStanding
from durable_django.models import WorkflowExecution


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A queue, and what can be told of it."""

    standing: QueueStanding
    #: By a limit that they share with others (`Limit`); among those that wait.
    held_back: int
    #: Of the latest change, without secrets.
    reason: str

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.control.name

    @property
    def control(self) -> QueueControl:
        """How it is controlled."""
        return self.standing.control

    @property
    def figures(self) -> QueueFigures:
        """What is in it."""
        return self.standing.figures

    @property
    def is_open(self) -> bool:
        """Whether workers take from it what is due, as far as its limits let them."""
        return self.control.mode is QueueMode.OPEN

    @property
    def is_draining(self) -> bool:
        """Whether what has begun goes on, and nothing new begins."""
        return self.control.mode is QueueMode.DRAINING

    @property
    def is_paused(self) -> bool:
        """Whether workers take nothing from it."""
        return self.control.mode is QueueMode.PAUSED


def list_rows() -> list[QueueRow]:
    """Return the queues that workers serve, that are controlled, or that hold anything; by name."""
    held = _count_held_back()
    return [_to_row(standing, held) for standing in queues.list_queues()]


def load_row(name: str) -> QueueRow:
    """Return one queue; one that nobody uses is open and empty.

    Raises:
        DefinitionError: The name is not legal.
    """
    return _to_row(queues.get(name), _count_held_back(name))


def _to_row(standing: QueueStanding, held: dict[str, int]) -> QueueRow:
    return QueueRow(
        standing=standing,
        held_back=held.get(standing.name, 0),
        reason=redact_text(standing.control.reason),
    )


def _count_held_back(name: str | None = None) -> dict[str, int]:
    rows = WorkflowExecution.objects.using(settings().database).filter(
        status=ExecutionStatus.PENDING, waiting_kind=WaitKind.LIMIT
    )
    if name is not None:
        rows = rows.filter(queue=name)
    counted = rows.order_by().values_list("queue").annotate(count=Count("pk"))
    return {str(queue): int(count) for queue, count in counted}
