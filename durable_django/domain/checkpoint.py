"""What is stored of one attempt of one durable call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from durable_django.domain.status import CheckpointKind, CheckpointStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One attempt of one durable call: its intent, result or failure.

    Found by (`key`, `attempt`); `position`, `kind`, `action` and `input_digest` are witnesses that
    the code still does what it did.
    """

    execution_id: UUID
    #: The name plus its occurrence: `charge`, `charge#2`; in a branch after the branch's own key:
    #: `prepare/stock`; an undo is `~undo/charge`.
    key: str
    name: str
    #: The ordinal of the durable call in the body, from 1; in a branch, that of its group.
    position: int
    #: In a branch: the ordinal of the call in it, from 1. 0 in the body itself.
    branch_position: int = 0
    kind: CheckpointKind
    attempt: int = 1
    #: The execution's epoch when it was written: attempts that settled nothing count in theirs.
    epoch: int = 0
    status: CheckpointStatus = CheckpointStatus.INTENT
    #: Import path of the action, for people and as a witness.
    action: str = ""
    #: Import path of the undo; empty if there is none.
    compensation: str = ""
    #: The arguments, encoded; shown to people.
    input: str = ""
    input_digest: str = ""
    #: The result, encoded.
    output: str | None = None
    #: An `ErrorRecord` as text.
    error: str | None = None
    #: Whether a failure is the call's outcome; False means that another attempt follows, after
    #: the policy's delay or because the execution was retried.
    is_final: bool = False
    #: When the next attempt may begin, if this one failed and another follows.
    retry_at: datetime | None = None
    #: What an action hands to the other side; of a child, its execution's id.
    idempotency_key: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
