"""What a group's checkpoint says: which of its branches count, and what decided it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import CheckpointStatus
from durable_django.engine.branches import BranchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord:
    """How a group ended. Holds no payloads: the branches have their own checkpoints."""

    statuses: Mapping[str, BranchStatus]
    #: The branch that decided it, where one did.
    by: str = ""
    has_failed: bool = False
    has_timed_out: bool = False
    #: Of a group that failed: the calls in it that did.
    failed_calls: tuple[str, ...] = ()

    def counts(self, name: str) -> bool:
        """Say whether a branch had an outcome of its own when the group was decided."""
        status = self.statuses.get(name)
        return status is not None and status.is_settled

    @property
    def took_all(self) -> bool:
        """Whether it went on until all its branches had ended."""
        return not (self.by or self.has_failed or self.has_timed_out)

    def names(self) -> set[str]:
        """Return the branches that it had."""
        return set(self.statuses)


def write_record(
    record: GroupRecord, checkpoint: Checkpoint, error: ErrorRecord | None
) -> Checkpoint:
    """Return the group's checkpoint with what is recorded of it.

    It is no payload, so it is stored as plain JSON, in the column of the action: a failed group,
    which has no output, has it too.
    """
    told = {
        "branches": {name: str(status) for name, status in record.statuses.items()},
        "by": record.by,
        "failed": record.has_failed,
        "timed_out": record.has_timed_out,
        "failed_calls": record.failed_calls,
    }
    text = json.dumps(told, separators=(",", ":"))
    if not record.has_failed:
        return replace(checkpoint, action=text, output="null")
    return replace(
        checkpoint,
        action=text,
        status=CheckpointStatus.FAILED,
        is_final=True,
        error=None if error is None else error.to_text(),
    )


def read_record(checkpoint: Checkpoint) -> GroupRecord:
    """Return what the group's checkpoint says."""
    told = json.loads(checkpoint.action)
    return GroupRecord(
        statuses={name: BranchStatus(status) for name, status in told["branches"].items()},
        by=told["by"],
        has_failed=told["failed"],
        has_timed_out=told["timed_out"],
        failed_calls=tuple(told["failed_calls"]),
    )
