"""Wait for executions: look again soon at first, then less and less often."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.system_clock import SystemClock
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import (
    DurableCallError,
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

    def __init__(
        self,
        store: CheckpointStore,
        clock: Clock,
        payloads: Payloads,
        transaction_depth: Callable[[], int] = lambda: 0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._payloads = payloads
        self._transaction_depth = transaction_depth
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
            DurableCallError: It had not ended, there is no timeout, and a transaction is open here.
        """
        looks = _Looks(self._store, self._clock, self._transaction_depth, execution_id, timeout)
        while True:
            if advance(execution_id) is not None:
                looks.begin_anew()
            found = looks.look()
            if isinstance(found, Execution):
                return found
            self._pause(found)

    async def await_end(self, execution_id: UUID, limit: timedelta | None) -> Execution:
        """Do what `wait_for_end` does, and hold no thread between two looks."""
        looks = _Looks(self._store, self._clock, self._transaction_depth, execution_id, limit)
        look = sync_to_async(looks.look)
        while True:
            found = await look()
            if isinstance(found, Execution):
                return found
            if isinstance(self._clock, SystemClock):
                await asyncio.sleep(found.total_seconds())
            else:
                await sync_to_async(self._clock.sleep)(found)

    def _pause(self, duration: timedelta) -> None:
        """Let time pass, or less of it if a slice ends in this process."""
        if not isinstance(self._clock, SystemClock):
            self._clock.sleep(duration)
            return
        with self._slice_ended:
            self._slice_ended.wait(duration.total_seconds())

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


class _Looks:
    """The looks of one who waits for the end of an execution."""

    def __init__(
        self,
        store: CheckpointStore,
        clock: Clock,
        transaction_depth: Callable[[], int],
        execution_id: UUID,
        timeout: timedelta | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._transaction_depth = transaction_depth
        self._execution_id = execution_id
        self._timeout = timeout
        self._begun = clock.now()
        self._pause = FIRST_LOOK
        self._is_first = True

    def begin_anew(self) -> None:
        """Look again soon: something has happened."""
        self._pause = FIRST_LOOK

    def look(self) -> Execution | timedelta:
        """Return the execution if it has ended or is PARKED, else how long to leave it alone."""
        execution = self._store.load_execution(self._execution_id)
        if execution.is_terminal or execution.status is ExecutionStatus.PARKED:
            return execution
        waited = self._clock.now() - self._begun
        if self._timeout is not None and waited >= self._timeout:
            raise ResultTimeoutError(self._execution_id, waited, execution.status)
        if self._is_first and self._timeout is None and self._transaction_depth():
            raise DurableCallError(
                "result() was called without a timeout inside transaction.atomic(): what this "
                "transaction starts or signals is seen by workers only after its commit. Call "
                "result() after the block, or give it a timeout."
            )
        self._is_first = False
        pause, self._pause = self._pause, min(self._pause * 2, self._clock.patience)
        return self._until_alarm(execution) or pause

    def _until_alarm(self, execution: Execution) -> timedelta | None:
        """Return how long a waiting execution sleeps, as far as patience goes; None if awake."""
        if execution.status is not ExecutionStatus.SUSPENDED or execution.wake_at is None:
            return None
        until_alarm = max(execution.wake_at - self._clock.now(), FIRST_LOOK)
        return min(until_alarm, self._clock.patience)


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
