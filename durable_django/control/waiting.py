"""What an execution waits for now, as far as its row, its calls and its timers tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from durable_django.control.calls import Call, is_open
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.signal import EVENT_PREFIX, event_name_of
from durable_django.domain.status import CheckpointKind, CheckpointStatus, TimerStatus, WaitKind
from durable_django.domain.timer import Timer
from durable_django.domain.wait import read_waits

#: The kinds of call whose attempt stays open while it waits; `waiting_for` names its key.
_OPEN_KINDS = {
    WaitKind.CHILD: CheckpointKind.CHILD,
    WaitKind.MAP: CheckpointKind.MAP,
    WaitKind.POLL: CheckpointKind.POLL,
    WaitKind.TASK: CheckpointKind.TASK,
}
_WAIT_OF = {kind: wait for wait, kind in _OPEN_KINDS.items()}
_NAMED = frozenset({WaitKind.TIMER, WaitKind.SIGNAL, WaitKind.EVENT, WaitKind.RETRY, *_OPEN_KINDS})
#: What is only a waiting for something outside, so that its timer is a timeout.
TIMED_OUT_BY_TIMER = frozenset({WaitKind.SIGNAL, WaitKind.EVENT, WaitKind.CHILD, WaitKind.TASK})


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentWait:
    """One thing that a suspended execution waits for."""

    kind: WaitKind
    #: As `waiting_for` tells it: of a signal or an event, the name of its mailbox.
    name: str
    #: The key of the call that waits. Of a wait that nothing is recorded of: the next free one, or
    #: empty if that is not known either.
    key: str
    #: When it is over by itself, or goes on; None: not before something happens.
    until: datetime | None
    #: The key of the pending timer it ends with, if it has one.
    timer_key: str = ""
    #: Of a child: its execution.
    child_id: UUID | None = None

    @property
    def firing_key(self) -> str:
        """What is fired to have it be over, or go on, now."""
        return self.timer_key or self.key


def list_current_waits(
    execution: Execution, calls: Sequence[Call], timers: Iterable[Timer]
) -> list[CurrentWait]:
    """Return what the execution waits for by name, one of which is enough to wake it.

    Empty if it does not wait, or for nothing that has a name. Of several whose list did not fit
    into the row, those are found that something else is recorded of.
    """
    if execution.is_terminal:
        return []
    finder = _Finder(execution, calls, timers)
    if execution.waiting_kind in _NAMED:
        return [finder.find(execution.waiting_kind, execution.waiting_for)]
    if execution.waiting_kind is not WaitKind.SEVERAL:
        return []
    parts = _read_parts(execution.waiting_for)
    return [finder.find(*part) for part in parts] if parts else list(finder.guess())


def say_wait(wait: CurrentWait) -> str:
    """Return what people call what it waits for: of an event its name."""
    return event_name_of(wait.name) if wait.kind is WaitKind.EVENT else wait.name


def has_event_key(wait: CurrentWait) -> bool:
    """Say whether the event that it waits for has a key, of which only the digest is stored."""
    return wait.kind is WaitKind.EVENT and "/" in wait.name.removeprefix(EVENT_PREFIX)


def find_current_wait(
    execution: Execution, calls: Sequence[Call], timers: Iterable[Timer]
) -> CurrentWait | None:
    """Return what the execution waits for, if that is one thing with a name."""
    if execution.waiting_kind is WaitKind.SEVERAL:
        return None
    return next(iter(list_current_waits(execution, calls, timers)), None)


def child_id_of(row: Checkpoint) -> UUID | None:
    """Return the execution that an attempt of a child is; None of everything else."""
    if row.kind is not CheckpointKind.CHILD:
        return None
    try:
        return UUID(row.idempotency_key)
    except ValueError:  # written by somebody else
        return None


def _read_parts(text: str) -> list[tuple[WaitKind, str]]:
    try:
        return [(kind, name) for kind, name in read_waits(text) if kind in _NAMED]
    except ValueError:  # nothing that this version wrote
        return []


class _Finder:
    """Finds the calls and timers of waits, each only once."""

    def __init__(
        self, execution: Execution, calls: Sequence[Call], timers: Iterable[Timer]
    ) -> None:
        self._execution = execution
        self._is_single = execution.waiting_kind is not WaitKind.SEVERAL
        self._calls = calls
        self._timers = [timer for timer in timers if timer.status is TimerStatus.PENDING]
        self._retrying = [row for row in _last_rows(calls) if _is_put_off(row)]

    def find(self, kind: WaitKind, name: str) -> CurrentWait:
        if kind is WaitKind.RETRY:
            return self._find_retry(name)
        if kind in _OPEN_KINDS:
            return self._find_open(kind, name)
        timer = self._take_timer(name)
        until = timer.fire_at if timer else None
        if kind is WaitKind.TIMER and until is None:
            until = self._alarm()
        return CurrentWait(
            kind=kind,
            name=name,
            key=timer.key if timer else self._next_key(name),
            until=until,
            timer_key=timer.key if timer else "",
        )

    def guess(self) -> Iterator[CurrentWait]:
        """Yield what is recorded of waits, whatever the row says."""
        for call in self._calls:
            if is_open(call.last) and call.kind in _WAIT_OF:
                yield self._find_open(_WAIT_OF[call.kind], call.key)
        for row in self._retrying:
            until = row.retry_at
            yield CurrentWait(kind=WaitKind.RETRY, name=row.name, key=row.key, until=until)
        for timer in self._timers:
            yield CurrentWait(
                kind=WaitKind.TIMER,
                name=timer.key,
                key=timer.key,
                until=timer.fire_at,
                timer_key=timer.key,
            )

    def _find_open(self, kind: WaitKind, key: str) -> CurrentWait:
        call = next((c for c in self._calls if c.key == key), None)
        row = call.last if call is not None and call.kind is _OPEN_KINDS[kind] else None
        timer = self._take_timer(key, is_key=True)
        until = timer.fire_at if timer else None
        if kind is WaitKind.POLL:
            until = (row.retry_at if row else None) or self._alarm()
        elif kind is WaitKind.MAP:
            until = self._alarm()
        return CurrentWait(
            kind=kind,
            name=key,
            key=key,
            until=until,
            timer_key=timer.key if timer else "",
            child_id=None if row is None else child_id_of(row),
        )

    def _find_retry(self, name: str) -> CurrentWait:
        # A step waits under its name, an undo under its key.
        for row in self._retrying:
            waits = row.key if row.kind is CheckpointKind.UNDO else row.name
            if waits == name:
                self._retrying.remove(row)
                until = row.retry_at or self._alarm()
                return CurrentWait(kind=WaitKind.RETRY, name=name, key=row.key, until=until)
        return CurrentWait(kind=WaitKind.RETRY, name=name, key=name, until=self._alarm())

    def _alarm(self) -> datetime | None:
        """Return the execution's alarm, if it can only be this wait's; its end is no part of it."""
        execution = self._execution
        is_its_end = execution.wake_at == execution.expires_at
        return execution.wake_at if self._is_single and not is_its_end else None

    def _take_timer(self, name: str, *, is_key: bool = False) -> Timer | None:
        exact = next((timer for timer in self._timers if timer.key == name), None)
        found = exact
        if found is None and not is_key:
            # In a branch its key begins with the branch's.
            found = next((t for t in self._timers if _base_of(t.key) == name), None)
        if found is not None:
            self._timers.remove(found)
        return found

    def _next_key(self, name: str) -> str:
        if not self._is_single:
            return ""
        made = sum(1 for c in self._calls if "/" not in c.key and _base_of(c.key) == name)
        return f"{name}#{made + 1}" if made else name


def _last_rows(calls: Iterable[Call]) -> Iterator[Checkpoint]:
    for call in reversed(list(calls)):
        yield call.last
        yield from call.undos[-1:]


def _is_put_off(row: Checkpoint) -> bool:
    return row.status is CheckpointStatus.FAILED and not row.is_final


def _base_of(key: str) -> str:
    """Return the name of which `key` is an occurrence, in a branch or not."""
    own = key.rpartition("/")[2]
    name, mark, occurrence = own.rpartition("#")
    return name if mark and occurrence.isdigit() else own
