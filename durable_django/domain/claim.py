"""What a slice holds: an execution under a fence, and all that was recorded of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.timer import Timer


@dataclass(slots=True, kw_only=True)
class Claim:
    """An execution that this process may advance until its lease ends or its fence is passed.

    Not frozen: the slice that owns it notes here what it has written and received since.
    """

    execution: Execution
    fence: int
    #: HELD: RUNNING or COMPENSATING.
    status: ExecutionStatus
    #: The store's clock when the claim was made. What is due by then is due.
    now: datetime
    #: Ordered by position, then attempt, then as they were first written.
    checkpoints: list[Checkpoint] = field(default_factory=list)
    #: Pending timers by key.
    timers: dict[str, Timer] = field(default_factory=dict)
    #: Pending signals, ordered by position.
    signals: list[Signal] = field(default_factory=list)
    #: `Execution.signal_count` as the slice last saw it.
    signal_count: int = 0

    @property
    def is_recovery(self) -> bool:
        """Whether it found the execution held by a worker that had gone, and counted it."""
        return self.execution.recovered_fence == self.execution.fence

    @property
    def execution_id(self) -> UUID:
        """The id of the execution held."""
        return self.execution.id
