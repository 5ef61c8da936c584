"""Observer: told what happened, after it was committed.

Twelve hooks. Each is called at least once for what it tells: a crash between the commit and the
call, and the replay after it, may repeat or lose one. An observer that raises is logged and
otherwise ignored; it cannot change what happens.
"""

from __future__ import annotations

from datetime import timedelta

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.task import Task
from durable_django.domain.wait import Wait


class Observer:
    """Inherit it and override what you want to hear; every hook does nothing by itself."""

    def execution_started(self, execution: Execution) -> None:
        """Hear that the execution was claimed for the first time."""

    def execution_resumed(self, execution: Execution) -> None:
        """Hear that the execution was claimed again: after a wait, a crash or a person's act."""

    def execution_suspended(self, execution: Execution, wait: Wait) -> None:
        """Hear that the execution waits, holding no worker, and for what."""

    def execution_finished(
        self, execution: Execution, status: ExecutionStatus, error: ErrorRecord | None
    ) -> None:
        """Hear that a slice ended the execution (COMPLETED, FAILED, CANCELLED), PARKED or PAUSED it.

        What is paused while no slice runs it is not told.
        """

    def step_started(self, execution: Execution, checkpoint: Checkpoint) -> None:
        """Hear that an attempt of a step is about to run its action."""

    def step_completed(self, execution: Execution, checkpoint: Checkpoint) -> None:
        """Hear that a durable call completed: a step, a sleep or a wait."""

    def step_retried(self, execution: Execution, checkpoint: Checkpoint, delay: timedelta) -> None:
        """Hear that an attempt failed and another follows after `delay`."""

    def step_failed(self, execution: Execution, checkpoint: Checkpoint) -> None:
        """Hear that a durable call failed for good."""

    def step_compensated(self, execution: Execution, checkpoint: Checkpoint) -> None:
        """Hear that a completed step was undone; `checkpoint` is the undo's own."""

    def task_opened(self, execution: Execution, task: Task) -> None:
        """Hear that a person is asked to do something: `task` says who may, and until when."""

    def task_reminded(self, execution: Execution, task: Task) -> None:
        """Hear that a task is still open when it is time to remind of it; it counts how often."""

    def task_escalated(self, execution: Execution, task: Task) -> None:
        """Hear that a task was offered to those it escalates to as well."""
