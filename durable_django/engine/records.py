"""What was recorded of an execution, by call: the facts that every walk through its body shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.exceptions import NonDeterminismError


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMismatch:
    """What is recorded at a position is not what the code does there."""

    execution_id: UUID
    position: int
    #: Such as "step 'charge'"; "nothing" if the call was inserted.
    recorded: str
    current: str

    def to_error(self) -> NonDeterminismError:
        """Return it as the error that parks the execution."""
        return NonDeterminismError(self.execution_id, self.position, self.recorded, self.current)


@dataclass(slots=True, kw_only=True)
class Call:
    """One durable call of the body, with what is known of it."""

    key: str
    name: str
    #: In the body; of a call in a branch, that of its group.
    position: int
    #: In the branch, from 1; 0 in the body itself.
    branch_position: int = 0
    kind: CheckpointKind
    #: Every attempt, oldest first, those of earlier epochs too.
    history: list[Checkpoint] = field(default_factory=list)
    #: The attempts that count now, oldest first.
    attempts: list[Checkpoint] = field(default_factory=list)

    @property
    def settled(self) -> Checkpoint | None:
        """The outcome, if there is one: completed, or failed for good."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and is_settled(last) else None

    @property
    def open_intent(self) -> Checkpoint | None:
        """The attempt that was begun and not ended: a crash came between, or it waits."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.status is CheckpointStatus.INTENT else None

    @property
    def next_attempt(self) -> int:
        """The number of the next attempt's row, from 1 over all epochs."""
        return self.history[-1].attempt + 1 if self.history else 1

    @property
    def times_undone(self) -> int:
        """How often the call was completed and compensated in earlier epochs."""
        undone = (c for c in self.history if c.status is CheckpointStatus.COMPENSATED)
        return sum(1 for c in undone if c not in self.attempts)

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember an attempt in place of what was known of it."""
        for rows in (self.history, self.attempts):
            rows[:] = [row for row in rows if row.attempt != checkpoint.attempt]
            rows.append(checkpoint)


class Records:
    """Every attempt of every call, and which of them count now.

    Branches in threads share it: who looks or writes holds the lock of the durable calls.
    """

    def __init__(
        self,
        execution_id: UUID,
        epoch: int,
        checkpoints: Iterable[Checkpoint],
        on_mismatch: Callable[[StepMismatch], object],
        *,
        is_undoing: bool = False,
    ) -> None:
        self._execution_id = execution_id
        self._on_mismatch = on_mismatch
        self._history: dict[str, list[Checkpoint]] = {}
        self._counting: dict[str, list[Checkpoint]] = {}
        # By attempt: a call that the code moved has rows at more than one position.
        rows = sorted(checkpoints, key=lambda checkpoint: checkpoint.attempt)
        since = epoch_undone(rows, epoch) if is_undoing else epoch
        #: The first epoch of the run that is being made, or undone.
        self.since = since
        for checkpoint in rows:
            self._history.setdefault(checkpoint.key, []).append(checkpoint)
            if counts(checkpoint, since, epoch):
                self._counting.setdefault(checkpoint.key, []).append(checkpoint)
        #: What `recorded_at` found, until something is written: every branch of a group asks.
        self._found_at: dict[str, dict[int, Checkpoint]] = {}
        #: Outcomes that a retry set aside. What was recorded after them need not come again: made
        #: anew, the call may end otherwise and lead elsewhere.
        self._set_aside = [
            row
            for row in {(row.key, row.epoch): row for row in rows}.values()
            if row.kind is not CheckpointKind.UNDO and not counts(row, since, epoch)
        ]

    def call(
        self, key: str, name: str, kind: CheckpointKind, position: int, branch_position: int = 0
    ) -> Call:
        """Return a call with its record; what is noted later shows in it."""
        return Call(
            key=key,
            name=name,
            position=position,
            branch_position=branch_position,
            kind=kind,
            history=self._history.setdefault(key, []),
            attempts=self._counting.setdefault(key, []),
        )

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember an attempt written in this slice, in place of what was known of it."""
        self._found_at.clear()
        for table in (self._history, self._counting):
            rows = table.setdefault(checkpoint.key, [])
            rows[:] = [row for row in rows if row.attempt != checkpoint.attempt]
            rows.append(checkpoint)

    def last_of(self, key: str) -> Checkpoint | None:
        """Return the last attempt of a call that counts, if there is one."""
        return next(reversed(self._counting.get(key, ())), None)

    def has_begun(self, key: str) -> bool:
        """Say whether anything that counts is recorded of a call, or of a branch of this key."""
        inside = f"{key}/"
        return any(
            rows and (known == key or known.startswith(inside))
            for known, rows in self._counting.items()
        )

    def begun_in(self, group: str) -> set[str]:
        """Return the names of the branches of a group in which anything that counts is recorded."""
        inside = f"{group}/"
        return {
            key[len(inside) :].partition("/")[0]
            for key, rows in self._counting.items()
            if rows and key.startswith(inside) and self._is_witness(rows[-1])
        }

    def set_aside_inside(self, scope: str) -> list[Checkpoint]:
        """Return the last attempts, of a call or of those in a branch, that count no more."""
        inside = f"{scope}/"
        return [
            rows[-1]
            for key, rows in self._history.items()
            if rows
            and (key == scope or key.startswith(inside))
            and rows[-1] not in self._counting.get(key, ())
        ]

    def set_aside(self, key: str, up_to: int) -> None:
        """Have the failures of a call, of epochs up to that one, count no more."""
        self._found_at.clear()
        rows = self._counting.get(key, [])
        rows[:] = [
            row for row in rows if row.status is not CheckpointStatus.FAILED or row.epoch > up_to
        ]

    def open_inside(self, group: str) -> list[Checkpoint]:
        """Return the attempts of a group's calls that were begun and not ended."""
        inside = f"{group}/"
        last = (rows[-1] for key, rows in self._counting.items() if rows and key.startswith(inside))
        return [row for row in last if row.status is CheckpointStatus.INTENT]

    def recorded_at(self, scope: str) -> dict[int, Checkpoint]:
        """Return what a walk through the body ('') or a branch must come by, by position."""
        found = self._found_at.get(scope)
        if found is None:
            found = self._found_at[scope] = {
                position_in(scope, rows[-1]): rows[-1]
                for key, rows in self._counting.items()
                if rows and scope_of(key) == scope and self._is_witness(rows[-1])
            }
        return found

    def report(self, position: int, recorded: str, current: str) -> None:
        """Tell of a difference between record and code."""
        self._on_mismatch(
            StepMismatch(
                execution_id=self._execution_id,
                position=position,
                recorded=recorded,
                current=current,
            )
        )

    def _is_witness(self, row: Checkpoint) -> bool:
        return row.kind is not CheckpointKind.UNDO and not any(
            aside.position <= row.position and aside.epoch >= row.epoch for aside in self._set_aside
        )


def scope_of(key: str) -> str:
    """Return the branch that a call's key belongs to; '' for the body itself."""
    return key.rpartition("/")[0]


def position_in(scope: str, checkpoint: Checkpoint) -> int:
    """Return a call's ordinal in the body, or in its branch."""
    return checkpoint.branch_position if scope else checkpoint.position


def counts(checkpoint: Checkpoint, since: int, epoch: int) -> bool:
    """Say whether an attempt still counts: outcomes always, others from epoch `since` on.

    What was begun and not ended counts always too, because it may have had its effect; what was
    undone counts in the run that undid it. An undo counts in its own epoch only: one that failed is
    tried afresh by a retry.
    """
    if checkpoint.kind is CheckpointKind.UNDO:
        return checkpoint.epoch == epoch
    if checkpoint.status is CheckpointStatus.FAILED:
        return checkpoint.is_final or checkpoint.epoch >= since
    return checkpoint.status is not CheckpointStatus.COMPENSATED or checkpoint.epoch >= since


def epoch_undone(checkpoints: Iterable[Checkpoint], epoch: int) -> int:
    """Return since which epoch attempts belong to the run that is being undone in `epoch`.

    A retry of an undoing begins an epoch, but no new run: the failures of the run, and what was
    undone of it so far, still say how far the body came. What is left to undo is of that run,
    because a run only ends once nothing is left.
    """
    left = (
        checkpoint.epoch
        for checkpoint in checkpoints
        if checkpoint.status is CheckpointStatus.COMPLETED
        and checkpoint.kind is not CheckpointKind.UNDO
        and checkpoint.compensation
    )
    return max(left, default=epoch)


def is_settled(checkpoint: Checkpoint) -> bool:
    """Say whether an attempt is the call's outcome."""
    if checkpoint.status is CheckpointStatus.FAILED:
        return checkpoint.is_final
    return checkpoint.status is not CheckpointStatus.INTENT


def describe(checkpoint: Checkpoint) -> str:
    """Name a recorded call, for people."""
    return f"{checkpoint.kind} {checkpoint.key!r}"
