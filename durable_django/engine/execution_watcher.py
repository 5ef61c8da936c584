"""Wait for executions: look again soon at first, then less and less often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.system_clock import SystemClock
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import (
    ResultTimeoutError,
    WorkflowCancelledError,
    WorkflowFailedError,
)
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.clock import Clock

#: Who waits for an execution looks again this soon at first, and then less and less often.
FIRST_LOOK = timedelta(milliseconds=2)


class ExecutionWatcher:
    """Watches executions for callers; holds no thread of its own."""

    def __init__(self, store: CheckpointStore, clock: Clock, payloads: Payloads) -> None:
        self._store = store
        self._clock = clock
        self._payloads = payloads
        #: Notified when a slice ends in this process, so that who waits here looks at once.
        self._slice_ended = threading.Condition()

    def note_slice_ended(self) -> None:
        """Have all who wait in this process look now."""
        with self._slice_ended:
            self._slice_ended.notify_all()

    def observe(self, execution_id: UUID, timeout: timedelta | None = None) -> Iterator[Execution]:
        """Yield the execution now and after every change that is seen, up to its end.

        Ends with the first terminal state, or when `timeout` is over.
        """
        begun = self._clock.now()
        pause, last = FIRST_LOOK, None
        while True:
            execution = self._store.load_execution(execution_id)
            if _seen(execution) != last:
                pause, last = FIRST_LOOK, _seen(execution)
                yield execution
            if execution.is_terminal:
                return
            if timeout is not None and self._clock.now() - begun >= timeout:
                return
            self._pause(pause)
            pause = min(pause * 2, self._clock.patience)

    def wait_for_end(
        self,
        execution_id: UUID,
        timeout: timedelta | None,
        advance: Callable[[UUID], object | None] = lambda _: None,
    ) -> Execution:
        """Return the execution once it has ended or is PARKED, calling `advance` at every look.

        Raises:
            ResultTimeoutError: It did not in time; it goes on.
        """
        begun, pause = self._clock.now(), FIRST_LOOK
        while True:
            if advance(execution_id) is not None:
                pause = FIRST_LOOK
            execution = self._store.load_execution(execution_id)
            if execution.is_terminal or execution.status is ExecutionStatus.PARKED:
                return execution
            waited = self._clock.now() - begun
            if timeout is not None and waited >= timeout:
                raise ResultTimeoutError(execution_id, waited, execution.status)
            self._pause(self._time_to_next_look(execution, pause))
            pause = min(pause * 2, self._clock.patience)

    def _pause(self, duration: timedelta) -> None:
        """Let time pass, or less of it if a slice ends in this process."""
        if not isinstance(self._clock, SystemClock):
            self._clock.sleep(duration)
            return
        with self._slice_ended:
            self._slice_ended.wait(duration.total_seconds())

    def _time_to_next_look(self, execution: Execution, pause: timedelta) -> timedelta:
        """Return how long to leave a waiting execution alone: till its alarm, if that is soon."""
        if execution.status is not ExecutionStatus.SUSPENDED or execution.wake_at is None:
            return pause
        until_alarm = max(execution.wake_at - self._clock.now(), FIRST_LOOK)
        return min(until_alarm, self._clock.patience)

    def result_of(self, execution: Execution) -> Any:
        """Return an ended execution's decoded result, or raise what it ended with."""
        if execution.status is ExecutionStatus.COMPLETED:
            return self._payloads.decode(
                execution.output or "null", f"Result of workflow {execution.workflow_name!r}"
            )
        if execution.status is ExecutionStatus.CANCELLED:
            raise WorkflowCancelledError(execution.id, execution.cancel_reason)
        error = ErrorRecord.from_text(execution.error or "")
        raise WorkflowFailedError(
            execution.id, error.type, error.message, reason=execution.park_reason or ""
        )


def _seen(execution: Execution) -> tuple[object, ...]:
    """Return what counts as a change to somebody who watches."""
    return (
        execution.status,
        execution.waiting_kind,
        execution.waiting_for,
        execution.signal_count,
        str(execution.progress),
        execution.epoch,
    )
