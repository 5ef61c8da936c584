"""One run of a workflow: all scheduling truth, in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from durable_django.domain.status import (
    ExecutionStatus,
    Guarantee,
    OnConflict,
    ParentClosePolicy,
    ParkReason,
    WaitKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """What a start hands to the store; payloads are encoded text."""

    id: UUID
    workflow_name: str
    workflow_version: int
    input: str
    queue: str = "default"
    #: 0 to 1000: the higher, the greater its head start.
    priority: int = 0
    key: str | None = None
    guarantee: Guarantee = Guarantee.BACKGROUND
    correlation_id: str = ""
    tags: tuple[str, ...] = ()
    #: The business object it is about, such as `shop.order:991`; empty if there is none.
    subject: str = ""
    #: The execution whose checkpoints it began with.
    forked_from: UUID | None = None
    epoch: int = 0
    #: The execution that started it, and the key of the call there.
    parent_id: UUID | None = None
    parent_key: str = ""
    #: CHILD or MAP if its end is told to the parent, which waits; NOTHING if it is detached.
    parent_wait: WaitKind = WaitKind.NOTHING
    on_parent_close: ParentClosePolicy = ParentClosePolicy.ABANDON
    #: How many ancestors it has.
    depth: int = 0
    #: At most `limit_max` executions with this key are under way at once; empty: no limit.
    limit_key: str = ""
    limit_max: int = 0
    on_conflict: OnConflict = OnConflict.RETURN
    #: First claimable then (aware UTC); None means at once.
    start_at: datetime | None = None
    #: Ends FAILED if it has not ended by then (aware UTC); None means never.
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run of a workflow, as its row says. Payloads are encoded text; instants aware UTC."""

    id: UUID
    workflow_name: str
    workflow_version: int
    status: ExecutionStatus = ExecutionStatus.PENDING
    queue: str = "default"
    priority: int = 0
    key: str | None = None
    guarantee: Guarantee = Guarantee.BACKGROUND
    correlation_id: str = ""
    tags: tuple[str, ...] = ()
    #: The business object it is about, such as `shop.order:991`; empty if there is none.
    subject: str = ""
    #: The execution whose checkpoints it began with, if it is a fork.
    forked_from: UUID | None = None
    #: The execution that started it, and the key of the call there.
    parent_id: UUID | None = None
    parent_key: str = ""
    #: CHILD or MAP if its end is told to the parent, which waits; NOTHING if it is detached.
    parent_wait: WaitKind = WaitKind.NOTHING
    on_parent_close: ParentClosePolicy = ParentClosePolicy.ABANDON
    #: How many ancestors it has.
    depth: int = 0
    #: At most `limit_max` executions with this key are under way at once; empty: no limit.
    limit_key: str = ""
    limit_max: int = 0
    #: Whether it is the one that is found by its key; a later one may have taken the key over.
    holds_key: bool | None = True
    input: str = "null"
    output: str | None = None
    #: An `ErrorRecord` as text.
    error: str | None = None
    park_reason: ParkReason | None = None
    #: While COMPENSATING (and while parked out of it): the end it undoes for.
    ending: ExecutionStatus | None = None
    #: The alarm: claimable from then on. While held it is the end of the lease.
    wake_at: datetime | None = None
    waiting_kind: WaitKind = WaitKind.NOTHING
    #: The name of the signal, timer or step it waits for.
    waiting_for: str = ""
    #: Rises by one at every claim; a write under an older one changes nothing.
    fence: int = 0
    #: For people only: never decided on.
    lease_owner: str = ""
    #: Claims since the last new checkpoint that found it held by a worker that had gone; after
    #: the first, only by one that had begun to run it.
    recoveries: int = 0
    #: The last fence under which a worker noted that it begins to run it.
    begun_fence: int = 0
    #: The last fence whose claim counted as a recovery.
    recovered_fence: int = 0
    #: How often a person retried it.
    epoch: int = 0
    #: Rises with every signal, whose position it is, and with all other news that may end a wait:
    #: the end of a child, a completed task.
    signal_count: int = 0
    expires_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_reason: str = ""
    cancel_compensates: bool = True
    pause_requested_at: datetime | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    updated_at: datetime
    finished_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""
        return self.status.is_terminal
