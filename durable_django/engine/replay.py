"""Find what was recorded of a durable call, and notice when the code no longer fits.

A call is found by its name and occurrence (`charge`, `charge#2`), never by arrival order. Its
position and kind are witnesses: where they differ, the body is not the one that was recorded.
"""

from __future__ import annotations

from collections import Counter
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
    position: int
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
        """The attempt that was begun and not ended: a crash came between."""
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


class Replay:
    """Walks through what was recorded, in step with the body."""

    def __init__(
        self,
        execution_id: UUID,
        epoch: int,
        checkpoints: Iterable[Checkpoint],
        on_mismatch: Callable[[StepMismatch], object],
        *,
        is_undoing: bool = False,
        has_waited: bool = False,
    ) -> None:
        self._execution_id = execution_id
        self._on_mismatch = on_mismatch
        self._history: dict[str, list[Checkpoint]] = {}
        self._counting: dict[str, list[Checkpoint]] = {}
        self._occurrences: Counter[str] = Counter()
        self._position = 0
        # By attempt: a call that the code moved has rows at more than one position.
        rows = sorted(checkpoints, key=lambda checkpoint: checkpoint.attempt)
        since = epoch_undone(rows, epoch) if is_undoing else epoch
        for checkpoint in rows:
            self._history.setdefault(checkpoint.key, []).append(checkpoint)
            if counts(checkpoint, since, epoch):
                self._counting.setdefault(checkpoint.key, []).append(checkpoint)
        #: Outcomes that a retry set aside. What was recorded after them need not come again: made
        #: anew, the call may end otherwise and lead elsewhere.
        self._set_aside = [
            row
            for row in {(row.key, row.epoch): row for row in rows}.values()
            if row.kind is not CheckpointKind.UNDO and not counts(row, since, epoch)
        ]
        self._recorded_at = self._find_recorded()
        #: The body came this far before.
        self._furthest = self._find_furthest(has_waited=has_waited)

    @property
    def is_replaying(self) -> bool:
        """Whether calls that the body came to before still lie ahead."""
        return self._position < self._furthest

    def enter(self, kind: CheckpointKind, name: str) -> Call:
        """Return the body's next durable call with its record, having compared the two."""
        self._position += 1
        self._occurrences[name] += 1
        occurrence = self._occurrences[name]
        key = name if occurrence == 1 else f"{name}#{occurrence}"
        self._compare(key, kind)
        return self._call(key, name, self._position, kind)

    def enter_undo(self, of: Checkpoint) -> Call:
        """Return the call that undoes `of`, with its record."""
        return self._call(f"~undo/{of.key}", of.name, of.position, CheckpointKind.UNDO)

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember an attempt written in this slice, in place of what was known of it."""
        for table in (self._history, self._counting):
            rows = table.setdefault(checkpoint.key, [])
            rows[:] = [row for row in rows if row.attempt != checkpoint.attempt]
            rows.append(checkpoint)

    def rewind(self) -> None:
        """Begin again at the body's first call, with all that is known by now."""
        self._occurrences.clear()
        self._position = 0
        self._recorded_at = self._find_recorded()
        self._furthest = self._find_furthest(has_waited=True)

    def finish(self, error: Exception | None = None) -> None:
        """Notice calls that were recorded and that the body, now at its end, did not make.

        `error` is what the body raised: it went further once, so it raised nothing here then.
        """
        ended = "has ended" if error is None else f"has raised {type(error).__qualname__}"
        for position in sorted(self._recorded_at):
            if position > self._position:
                recorded = describe(self._recorded_at[position])
                self._report(position, recorded, f"nothing (the body {ended})")

    def _find_recorded(self) -> dict[int, Checkpoint]:
        """Return what the body must come by, by position."""
        return {
            rows[-1].position: rows[-1]
            for rows in self._counting.values()
            if rows and rows[-1].kind is not CheckpointKind.UNDO and self._is_witness(rows[-1])
        }

    def _find_furthest(self, *, has_waited: bool) -> int:
        """Return the position of the last call the body came to, recorded or not."""
        last = max(self._recorded_at, default=0)
        # A sleep or a wait is recorded when it is over, a step as soon as it is begun.
        is_open = last > 0 and not is_settled(self._recorded_at[last])
        return last + 1 if has_waited and not is_open else last

    def _is_witness(self, row: Checkpoint) -> bool:
        return not any(
            aside.position <= row.position and aside.epoch >= row.epoch for aside in self._set_aside
        )

    def _call(self, key: str, name: str, position: int, kind: CheckpointKind) -> Call:
        return Call(
            key=key,
            name=name,
            position=position,
            kind=kind,
            history=self._history.setdefault(key, []),
            attempts=self._counting.setdefault(key, []),
        )

    def _compare(self, key: str, kind: CheckpointKind) -> None:
        current = f"{kind} {key!r}"
        here = self._recorded_at.get(self._position)
        if here is not None and (here.key != key or here.kind is not kind):
            self._report(self._position, describe(here), current)
            return
        last = next(reversed(self._counting.get(key, ())), None)
        if here is not None or last is None or last.position == self._position:
            return
        # What was recorded after an outcome that a retry set aside may come at another place.
        if self._recorded_at.get(last.position) is last:
            self._report(last.position, describe(last), f"{current} elsewhere")

    def _report(self, position: int, recorded: str, current: str) -> None:
        self._on_mismatch(
            StepMismatch(
                execution_id=self._execution_id,
                position=position,
                recorded=recorded,
                current=current,
            )
        )


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
