"""Plan a fork: which outcomes a new execution begins with, and what runs again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.records import is_settled
from durable_django.exceptions import StepNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkPlan:
    """What a fork of an execution would reuse and do again."""

    execution_id: UUID
    workflow_name: str
    from_version: int
    version: int
    #: The key of the first call that is made again; None: the whole body runs again.
    from_step: str | None
    #: Outcomes at positions below this are copied.
    position: int
    #: Keys of calls whose outcome is kept, in the order of the body.
    reused: tuple[str, ...]
    #: Keys of recorded calls that are made again; those that were undone are among them. A map
    #: stands for its items, here and above.
    again: tuple[str, ...]

    @property
    def group(self) -> str:
        """The group that is made again as a whole, because `from_step` stands in it; or ''."""
        group, is_inside, _ = (self.from_step or "").partition("/")
        return group if is_inside else ""


def plan_fork(
    execution: Execution,
    checkpoints: Iterable[Checkpoint],
    from_step: str | None,
    version: int | None = None,
) -> ForkPlan:
    """Return the plan of a fork at the call with key `from_step`, or from the start.

    Raises:
        StepNotFoundError: No such call is recorded.
    """
    last: dict[str, Checkpoint] = {}
    for row in sorted(checkpoints, key=lambda one: (one.position, one.key, one.attempt)):
        if row.kind is not CheckpointKind.UNDO:
            last[row.key] = row
    if from_step is not None and from_step not in last:
        raise StepNotFoundError(execution.id, from_step, tuple(last))
    position = 1 if from_step is None else last[from_step].position
    reused = [key for key, row in last.items() if row.position < position and _is_kept(row)]
    return ForkPlan(
        execution_id=execution.id,
        workflow_name=execution.workflow_name,
        from_version=execution.workflow_version,
        version=execution.workflow_version if version is None else version,
        from_step=from_step,
        position=position,
        reused=tuple(reused),
        again=tuple(key for key in last if key not in reused),
    )


def _is_kept(row: Checkpoint) -> bool:
    return is_settled(row) and row.status is not CheckpointStatus.COMPENSATED
