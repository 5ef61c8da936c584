"""What a caller holds of one execution: where it stands, and its result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar, cast
from uuid import UUID

from asgiref.sync import sync_to_async

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus

R = TypeVar("R")


class Operator(Protocol):
    """What a handle asks of the engine."""

    def load_execution(self, execution_id: UUID) -> Execution:
        """See `CheckpointStore.load_execution`."""

    def wait_for_end(self, execution_id: UUID, timeout: timedelta | None) -> Execution:
        """Return the execution once it has ended or is PARKED."""

    async def await_end(self, execution_id: UUID, limit: timedelta | None) -> Execution:
        """Do the same without holding a thread."""

    def result_of(self, execution: Execution) -> Any:
        """Return the decoded result, or raise what the execution ended with."""

    def send_signal(
        self, execution_id: UUID, name: str, payload: Any, *, dedupe_key: str | None
    ) -> Signal:
        """Send it a signal."""

    def cancel(self, execution_id: UUID, *, reason: str, compensate: bool) -> bool:
        """Cancel it."""

    def observe(self, execution_id: UUID, timeout: timedelta | None) -> Iterator[Execution]:
        """Yield its states."""


class ExecutionHandle(Generic[R]):
    """One execution as it was when last read; `refresh()` reads it again."""

    def __init__(self, operator: Operator, execution: Execution, *, is_new: bool = False) -> None:
        self._operator = operator
        self._execution = execution
        #: Whether this start made the execution; False if its key existed.
        self.is_new = is_new

    def __repr__(self) -> str:
        """Name the execution and its status."""
        facts = self._execution
        return f"<Execution {facts.id} {facts.workflow_name} {facts.status}>"

    @property
    def id(self) -> UUID:
        """Its id."""
        return self._execution.id

    @property
    def status(self) -> ExecutionStatus:
        """Its status when last read."""
        return self._execution.status

    @property
    def execution(self) -> Execution:
        """All facts, as last read."""
        return self._execution

    @property
    def error(self) -> ErrorRecord | None:
        """The error it ended with (or was parked with), if any."""
        text = self._execution.error
        return ErrorRecord.from_text(text) if text else None

    def refresh(self) -> ExecutionHandle[R]:
        """Read it again; return the handle."""
        self._execution = self._operator.load_execution(self.id)
        return self

    def result(self, timeout: float | timedelta | None = None) -> R:
        """Return the workflow's result, waiting up to `timeout` (seconds) for its end.

        Raises:
            WorkflowFailedError: It ended FAILED, or is PARKED until a person acts.
            WorkflowCancelledError: It ended CANCELLED.
            ResultTimeoutError: It did not end in time; it goes on.
            DurableCallError: It has not ended, and would be waited for without a timeout inside
                `transaction.atomic()`.
        """
        self._execution = self._operator.wait_for_end(self.id, _to_limit(timeout))
        return cast("R", self._operator.result_of(self._execution))

    def signal(self, name: str, payload: Any = None, *, dedupe_key: str | None = None) -> Signal:
        """Send it a signal; see `client.signal`."""
        return self._operator.send_signal(self.id, name, payload, dedupe_key=dedupe_key)

    def cancel(self, reason: str = "", *, compensate: bool = True) -> bool:
        """Cancel it; see `client.cancel`."""
        return self._operator.cancel(self.id, reason=reason, compensate=compensate)

    def observe(self, timeout: timedelta | None = None) -> Iterator[Execution]:
        """Yield its states as they change, up to its end; see `client.observe`."""
        return self._operator.observe(self.id, timeout)

    async def arefresh(self) -> ExecutionHandle[R]:
        """Refresh from async code."""
        return await sync_to_async(self.refresh)()

    async def aresult(
        self,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 -- the sync twin's word
    ) -> R:
        """Wait for the result from async code, holding no thread; see `result`."""
        self._execution = await self._operator.await_end(self.id, _to_limit(timeout))
        # In a thread: decoding may ask the database.
        result = await sync_to_async(self._operator.result_of)(self._execution)
        return cast("R", result)

    async def asignal(
        self, name: str, payload: Any = None, *, dedupe_key: str | None = None
    ) -> Signal:
        """Send it a signal from async code."""
        return await sync_to_async(self.signal)(name, payload, dedupe_key=dedupe_key)

    async def acancel(self, reason: str = "", *, compensate: bool = True) -> bool:
        """Cancel it from async code."""
        return await sync_to_async(self.cancel)(reason, compensate=compensate)


def _to_limit(timeout: float | timedelta | None) -> timedelta | None:
    return timedelta(seconds=timeout) if isinstance(timeout, (int, float)) else timeout
