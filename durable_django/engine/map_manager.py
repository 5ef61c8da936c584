"""Map a function over many items, in memory that does not grow with their number.

Each item is a step of its own, found by its key, with its own retries; a claim does not load
them. They are looked up, run and forgotten a window at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus, WaitKind
from durable_django.domain.wait import Wait
from durable_django.engine.branch_share import BranchShare
from durable_django.engine.branches import Branch, BranchStatus, Outcome, run_branch
from durable_django.engine.map_items import check_lengths, keys_of, load_items
from durable_django.engine.map_record import (
    WINDOW,
    MapEnd,
    check_same_items,
    close_map,
    open_map,
    result_of,
)
from durable_django.engine.map_result import MapResult
from durable_django.engine.records import Call
from durable_django.engine.replay import Walk
from durable_django.engine.retry_executor import RetryExecutor
from durable_django.engine.slice_state import SliceState
from durable_django.engine.step_executor import StepExecutor, StepOptions
from durable_django.engine.suspension import ReplayEnded, WorkflowSuspended
from durable_django.engine.undoables import Undoable
from durable_django.exceptions import BranchDroppedError, DefinitionError

#: How many errors of items a failure of the whole tells.
_TOLD = 5
#: What a share may lack of a whole item because it is a binary fraction.
_NEARLY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    """What a call of `ctx.map` asks for; see there."""

    key: Callable[[Any], object] | None = None
    max_concurrency: int | None = None
    #: How many items may fail: a number, or a share of them below 1.
    tolerate: float = 0
    step: StepOptions = field(default_factory=StepOptions)

    def __post_init__(self) -> None:
        """Refuse what could not work, where it is written."""
        most = self.max_concurrency
        if most is not None and (type(most) is not int or most < 1):
            raise DefinitionError("max_concurrency is a whole number from 1 on.")
        if not _is_tolerable(self.tolerate):
            raise DefinitionError(
                f"tolerate is a number of items (3), or a share of them from 0.0 to 1.0 (0.05), "
                f"and not {self.tolerate!r:.60}."
            )

    def allowed(self, count: int) -> int:
        """Return how many of so many items may fail."""
        if isinstance(self.tolerate, int):
            return self.tolerate
        return int(count * self.tolerate + _NEARLY)


def _is_tolerable(number: object) -> bool:
    if type(number) is int:
        return number >= 0
    return isinstance(number, float) and 0 <= number <= 1


@dataclass(slots=True)
class Tally:
    """How far the items have come, over all windows."""

    failed: int = 0
    waiting: int = 0
    #: The first failures, by key.
    errors: dict[str, str] = field(default_factory=dict)
    #: The earliest of the waits.
    wait: Wait | None = None

    def add(self, key: str, outcome: Outcome) -> None:
        """Count one item."""
        if outcome.status is BranchStatus.FAILED:
            self.failed += 1
            if len(self.errors) < _TOLD:
                self.errors[key] = str(outcome.error)
        for wait in outcome.waits:
            self.waiting += 1
            if self.wait is None or (
                wait.alarm and self.wait.alarm and wait.alarm < self.wait.alarm
            ):
                self.wait = wait


class MapManager:
    """Maps functions in one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state

    def map(
        self, name: str, function: Callable[..., Any], items: Sequence[Any], options: MapOptions
    ) -> MapResult[Any]:
        """Return the results; see `WorkflowContext.map`."""
        state = self._state
        state.check_call(f"Map {name!r}")
        with state.latching():
            keys = keys_of(name, items, options.key)
            with state.locked():
                call = state.replay.enter(CheckpointKind.MAP, name)
                check_lengths(call, keys)
                check_same_items(state, call, keys)
            run = _MapRun(state, call, function, items, keys, options)
            return run.run()


class _MapRun:
    """One walk over the items of one map."""

    def __init__(
        self,
        state: SliceState,
        call: Call,
        function: Callable[..., Any],
        items: Sequence[Any],
        keys: Sequence[str],
        options: MapOptions,
    ) -> None:
        self._state = state
        self._call = call
        self._function = function
        self._items = items
        self._keys = keys
        self._options = options
        self._share = BranchShare.within(self._state.share)

    def run(self) -> MapResult[Any]:
        state, call = self._state, self._call
        if self._options.step.compensate is not None:
            state.undoables[call.key] = self
        settled = call.settled
        if settled is None:
            settled = self._settle()
        state.passed(call, settled)
        return result_of(state, call, settled, self._keys, self._read)

    # --- to its end ---

    def _settle(self) -> Checkpoint:
        state, call = self._state, self._call
        if state.is_undoing:
            raise ReplayEnded
        with state.locked():
            state.check_may_begin()
            open_map(state, call, self._function, self._keys, self._options.step.compensate)
        tally = self._run_items()
        allowed = self._options.allowed(len(self._keys))
        if tally.failed <= allowed and tally.wait is not None:
            self._suspend(tally.wait)
        end = MapEnd(
            failed=tally.failed,
            total=len(self._keys),
            has_failed=tally.failed > allowed,
            errors=tally.errors,
        )
        with state.locked():
            return close_map(state, call, end)

    def _suspend(self, wait: Wait) -> NoReturn:
        key = self._call.key
        alarm = Wait(kind=WaitKind.MAP, name=key, key=key, alarm=wait.alarm, after=wait.after)
        self._state.stop(WorkflowSuspended(alarm))

    def _run_items(self) -> Tally:
        tally = Tally()
        allowed = self._options.allowed(len(self._keys))
        for begin in range(0, len(self._keys), WINDOW):
            for key, outcome in self._run_window(begin, allowed - tally.failed):
                tally.add(key, outcome)
            if tally.failed > allowed:
                break
        return tally

    def _run_window(self, begin: int, allowed: int) -> list[tuple[str, Outcome]]:
        """Run what is left to do of a window; stop beginning items when too many have failed."""
        calls = self._calls(begin)
        outcomes: dict[int, Outcome] = {}
        self._share = BranchShare.within(self._state.share)

        def run(place: int) -> None:
            try:
                with self._share.lock:
                    if self._share.is_decided:
                        return
                    state = self._state.item(_ItemWalk(calls[place - begin]), self._share)
                outcome = run_branch(self._branch(place), state)
                outcome.value = None
                with self._share.lock:
                    outcomes[place] = outcome
                    failed = sum(o.status is BranchStatus.FAILED for o in outcomes.values())
                    self._share.has_outcome = failed > allowed
            except BaseException as reason:  # noqa: BLE001 -- carried to the thread of the slice
                self._share.stop = self._share.stop or reason

        jobs = [
            lambda place=begin + at: run(place)
            for at, call in enumerate(calls)
            if not _has_completed(call)
        ]
        self._state.needs.branches.run(jobs, self._options.max_concurrency)
        if self._share.stop is not None:
            raise self._share.stop
        return [(self._keys[place], outcome) for place, outcome in sorted(outcomes.items())]

    def _branch(self, place: int) -> Branch:
        item = self._items[place]

        def work(state: SliceState) -> Any:
            with state.durable_call(f"Item {self._keys[place]!r} of map {self._call.key!r}"):
                executor = StepExecutor(state, RetryExecutor())
                return executor.execute(
                    self._call.name, self._function, (item,), self._options.step
                )

        return Branch(name=self._keys[place], work=work)

    # --- reading what is recorded ---

    def _calls(self, begin: int) -> list[Call]:
        return load_items(self._state, self._call, self._keys[begin : begin + WINDOW])

    def _read(self, begin: int, end: int) -> list[Any]:
        """Return the outcomes of the items from `begin` up to `end`."""
        calls = load_items(self._state, self._call, self._keys[begin:end])
        return [self._outcome(begin + at, call) for at, call in enumerate(calls)]

    def _outcome(self, place: int, call: Call) -> Any:
        if call.settled is None:
            return BranchDroppedError(self._call.key, self._keys[place])
        executor = StepExecutor(self._bare_state(call), RetryExecutor())
        try:
            # No durable call: results may be read anywhere, also inside an action.
            return executor.recorded(call, call.settled, self._options.step)
        except Exception as error:  # noqa: BLE001 -- what is recorded of the item
            return error

    def _bare_state(self, call: Call) -> SliceState:
        return self._state.item(_ItemWalk(call), BranchShare.within(self._state.share))

    # --- undoing ---

    @property
    def whole(self) -> Checkpoint | None:
        """The map's own outcome."""
        return self._call.settled

    def newest_first(self) -> Iterator[Undoable]:
        """Yield the items that completed, the last one first."""
        for begin in reversed(range(0, len(self._keys), WINDOW)):
            for at, call in reversed(list(enumerate(self._calls(begin)))):
                undoable = self._undoable(begin + at, call)
                if undoable is not None:
                    yield undoable

    def _undoable(self, place: int, call: Call) -> Undoable | None:
        state = self._bare_state(call)
        run_branch(self._branch(place), state)
        found = state.undoables.get(call.key)
        return found if isinstance(found, Undoable) else None


class _ItemWalk(Walk):
    """A walk through one item: it comes by one call, which was looked up before."""

    def __init__(self, call: Call) -> None:
        self._only = call
        self._scope = ""

    @property
    def is_replaying(self) -> bool:
        return self._only.settled is not None

    def enter(self, kind: CheckpointKind, name: str) -> Call:
        return self._only

    def note(self, checkpoint: Checkpoint) -> None:
        self._only.note(checkpoint)


def _has_completed(call: Call) -> bool:
    return call.settled is not None and call.settled.status is not CheckpointStatus.FAILED
