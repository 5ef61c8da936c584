"""Walk through what was recorded, in step with the body, and notice when the code no longer fits.

A call is found by its name and occurrence (`charge`, `charge#2`), in a branch after the branch's
key (`prepare/stock`), never by arrival order. Its position and kind are witnesses: where they
differ, the body is not the one that was recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind
from durable_django.engine.records import Call, Records, StepMismatch, describe, is_settled
from durable_django.exceptions import DefinitionError

#: Leaves room for `~undo/` in the column.
MAX_KEY_LENGTH = 480


class Walk:
    """One walk: through the body, or through one branch of it."""

    def __init__(
        self,
        records: Records,
        *,
        scope: str = "",
        position: int = 0,
        passed: int = 0,
        has_waited: bool = False,
    ) -> None:
        self.records = records
        self._scope = scope
        #: Of the group in the body, for the calls of a branch.
        self._group_position = position
        self._passed = passed
        self._place = passed
        self._occurrences: Counter[str] = Counter()
        self._recorded_at = records.recorded_at(scope)
        #: The body came this far before.
        self._furthest = self._find_furthest(has_waited=has_waited)

    @property
    def scope(self) -> str:
        """The key of the branch; empty for the body itself."""
        return self._scope

    @property
    def is_replaying(self) -> bool:
        """Whether calls that the body came to before still lie ahead."""
        return self._place < self._furthest

    def branch(self, scope: str, position: int, *, passed: int = 0) -> Walk:
        """Return a walk through a branch of a group that stands at `position` in the body.

        `passed` calls of the scope are taken as gone by.
        """
        return Walk(self.records, scope=scope, position=position, passed=passed, has_waited=True)

    def enter(self, kind: CheckpointKind, name: str) -> Call:
        """Return the next durable call with its record, having compared the two."""
        self._place += 1
        self._occurrences[name] += 1
        key = self._key(name, self._occurrences[name])
        self._compare(key, kind)
        if self._scope:
            return self.records.call(key, name, kind, self._group_position, self._place)
        return self.records.call(key, name, kind, self._place)

    def enter_undo(self, of: Checkpoint) -> Call:
        """Return the call that undoes `of`, with its record."""
        key = f"~undo/{of.key}"
        return self.records.call(key, of.name, CheckpointKind.UNDO, of.position, of.branch_position)

    def note(self, checkpoint: Checkpoint) -> None:
        """Remember an attempt written in this slice, in place of what was known of it."""
        self.records.note(checkpoint)

    def rewind(self) -> None:
        """Begin again at the first call, with all that is known by now."""
        self._occurrences.clear()
        self._place = self._passed
        self._recorded_at = self.records.recorded_at(self._scope)
        self._furthest = self._find_furthest(has_waited=True)

    def finish(self, error: Exception | None = None) -> None:
        """Notice calls that were recorded and that the body, now at its end, did not make.

        `error` is what the body raised: it went further once, so it raised nothing here then.
        """
        ended = "has ended" if error is None else f"has raised {type(error).__qualname__}"
        what = f"branch {self._scope!r}" if self._scope else "body"
        for position in sorted(self._recorded_at):
            if position > self._place:
                recorded = describe(self._recorded_at[position])
                self.records.report(position, recorded, f"nothing (the {what} {ended})")

    def _key(self, name: str, occurrence: int) -> str:
        key = name if occurrence == 1 else f"{name}#{occurrence}"
        key = f"{self._scope}/{key}" if self._scope else key
        if len(key) > MAX_KEY_LENGTH:
            raise DefinitionError(
                f"{key!r:.80}… is too long: the names of a call and of the branches it is in have "
                f"{MAX_KEY_LENGTH} characters together at most."
            )
        return key

    def _find_furthest(self, *, has_waited: bool) -> int:
        """Return the position of the last call the body came to, recorded or not."""
        last = max(self._recorded_at, default=0)
        # A sleep or a wait is recorded when it is over, a step as soon as it is begun.
        is_open = last > 0 and not is_settled(self._recorded_at[last])
        return last + 1 if has_waited and not is_open else last

    def _compare(self, key: str, kind: CheckpointKind) -> None:
        current = f"{kind} {key!r}"
        here = self._recorded_at.get(self._place)
        if here is not None and (here.key != key or here.kind is not kind):
            self.records.report(self._place, describe(here), current)
            return
        last = self.records.last_of(key)
        place = 0 if last is None else last.branch_position if self._scope else last.position
        if here is not None or last is None or place == self._place:
            return
        # What was recorded after an outcome that a retry set aside may come at another place.
        if self._recorded_at.get(place) is last:
            self.records.report(place, describe(last), f"{current} elsewhere")


class Replay(Walk):
    """The walk through an execution's body."""

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
        records = Records(execution_id, epoch, checkpoints, on_mismatch, is_undoing=is_undoing)
        super().__init__(records, has_waited=has_waited)
