"""What a slice may take, and where it leaves its execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import ExecutionStatus, ParkReason

EXPIRED_CODE = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceLimits:
    """When a slice gives an execution to a person."""

    #: Parked as poison when more claims in a row than this found a crashed worker.
    max_recoveries: int = 10
    #: How long to leave an execution alone whose workflow this process does not know.
    unknown_workflow_delay: timedelta = timedelta(seconds=5)
    #: Parked when its workflow has been unknown for this long.
    unknown_workflow_patience: timedelta = timedelta(days=1)
    #: How long to wait after a slice that broke off without committing.
    abandon_delay: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceOutcome:
    """Where a slice left its execution."""

    execution_id: UUID
    #: None if the slice was dropped (lease lost, or given up as after a crash).
    status: ExecutionStatus | None
    park_reason: ParkReason | None = None
    error: ErrorRecord | None = None

    @property
    def has_expired(self) -> bool:
        """Whether the execution ended because its time to live was over."""
        return self.error is not None and self.error.code == EXPIRED_CODE
