"""Read what an execution's page shows, without the payloads unless they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Model, QuerySet, Window
from django.db.models.functions import RowNumber, Substr

from durable_django.control.scope import visible_executions
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import Event, EventType
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.domain.timer import Timer
from durable_django.models import (
    ExecutionEvent,
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.stores.orm.children import without_items
from durable_django.stores.orm.rows import (
    CHECKPOINT_FIELDS,
    EXECUTION_FIELDS,
    SIGNAL_FIELDS,
    TIMER_FIELDS,
    to_checkpoint,
    to_event,
    to_execution,
    to_signal,
    to_timer,
)

#: The most attempts, signals, timers and events that one look reads.
MAX_ROWS = 2000
#: Characters of a payload that are read to be shown; of a longer one, one more.
MAX_SHOWN = 65_536
#: Of one payload among many.
MAX_SHOWN_OF_MANY = 8_192
#: Signals and timers of one page; ordinals of calls of one page.
PAGE_SIZE = 200
_PAYLOADS = ("input", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is recorded of an execution, without payloads; of each kind at most `MAX_ROWS`."""

    #: By position; the newest, if there are too many.
    attempts: Sequence[Checkpoint]
    #: By when they are due.
    timers: Sequence[Timer]
    #: In the order of acceptance.
    signals: Sequence[Signal]

    @property
    def calls(self) -> int:
        """How many durable calls there are, without undos."""
        is_undo = CheckpointKind.UNDO
        return len({row.key for row in self.attempts if row.kind is not is_undo})

    @property
    def last_position(self) -> int:
        """The highest ordinal of a durable call; 0 before the first."""
        return max((row.position for row in self.attempts), default=0)

    @property
    def is_cut(self) -> bool:
        """Whether there is more than was read."""
        return len(self.attempts) == MAX_ROWS


def find_row(user: Any, execution_id: UUID) -> WorkflowExecution | None:
    """Return the execution's row without its payloads; None if the user may not see it."""
    return visible_executions(user).defer(*_PAYLOADS).filter(pk=execution_id).first()


def to_value(row: WorkflowExecution) -> Execution:
    """Return the row as a value; its payloads are left out."""
    values = {name: getattr(row, name) for name in EXECUTION_FIELDS if name not in _PAYLOADS}
    left_out = {"input": "null", "output": None}
    return to_execution([(values | left_out)[name] for name in EXECUTION_FIELDS])


def read_records(row: WorkflowExecution) -> Records:
    """Return what is recorded, by one statement for each kind."""
    return Records(
        attempts=_list_attempts(row), timers=_list_timers(row), signals=_list_signals(row)
    )


def list_attempts_between(
    row: WorkflowExecution, first: int, last: int, *, of_each: int, payloads: bool
) -> list[Checkpoint]:
    """Return the newest attempts `of_each` call at these positions (both included).

    Their payloads are cut after `MAX_SHOWN_OF_MANY` characters and one, or left out.
    """
    recency = Window(RowNumber(), partition_by=["key"], order_by=F("attempt").desc())
    rows = _list_of_calls(row).filter(position__gte=first, position__lte=last)
    rows = rows.alias(recency=recency).filter(recency__lte=of_each)
    # All branches of a group stand at one position.
    ordered = rows.order_by("position", "key", "attempt")[:MAX_ROWS]
    shown = MAX_SHOWN_OF_MANY if payloads else 0
    return [to_checkpoint(found) for found in _read(ordered, CHECKPOINT_FIELDS, _PAYLOADS, shown)]


def list_items(
    row: WorkflowExecution, call: str, page: int, *, only_failed: bool, payloads: bool
) -> tuple[list[Checkpoint], int]:
    """Return the attempts of a map's items on a page of `PAGE_SIZE`, and how many there are.

    In the order in which they were begun; payloads as in `list_attempts_between`.
    """
    begin = Substr("key", 1, len(call) + 1)
    rows = own_rows(row, StepCheckpoint).filter(kind=CheckpointKind.ITEM.value)
    rows = rows.alias(begin=begin).filter(begin=f"{call}/")
    if only_failed:
        rows = rows.filter(status=CheckpointStatus.FAILED.value)
    shown = MAX_SHOWN_OF_MANY if payloads else 0
    found = _read(_page_of(rows.order_by("pk"), page), CHECKPOINT_FIELDS, _PAYLOADS, shown)
    return [to_checkpoint(one) for one in found], rows.count()


def list_signals_of_page(row: WorkflowExecution, page: int, *, payloads: bool) -> list[Signal]:
    """Return the signals of a page of `PAGE_SIZE`, the newest first.

    Their payloads are cut after `MAX_SHOWN_OF_MANY` characters and one, or left out.
    """
    rows = _page_of(own_rows(row, WorkflowSignal).order_by("-position"), page)
    shown = MAX_SHOWN_OF_MANY if payloads else 0
    return [to_signal(found) for found in _read(rows, SIGNAL_FIELDS, ("payload",), shown)]


def find_start(row: WorkflowExecution) -> Event | None:
    """Return who started it, or made it as a fork, if that was written down."""
    # What was forked from it has noted that here too.
    kind = EventType.FORKED if row.forked_from else EventType.STARTED
    found = own_rows(row, ExecutionEvent).filter(type=kind).order_by("pk").first()
    return to_event(found) if found else None


def list_events(row: WorkflowExecution) -> list[Event]:
    """Return what was done to it, oldest first; the newest, if there is too much."""
    newest = own_rows(row, ExecutionEvent).order_by("-pk")[:MAX_ROWS]
    return [to_event(found) for found in newest][::-1]


def list_losses(row: WorkflowExecution) -> list[Event]:
    """Return when a worker was lost with it, oldest first; the newest, if there are too many."""
    lost = own_rows(row, ExecutionEvent).filter(type=EventType.WORKER_LOST)
    return [to_event(found) for found in lost.order_by("-pk")[:MAX_ROWS]][::-1]


def load_payloads(row: WorkflowExecution) -> tuple[str, str | None]:
    """Return the input and the output, each cut after `MAX_SHOWN` characters and one."""
    rows = WorkflowExecution.objects.using(_alias_of(row)).filter(pk=row.pk)
    found: tuple[str, str | None] = rows.values_list(*_cut(_PAYLOADS, MAX_SHOWN)).get()
    return found


def own_rows(row: WorkflowExecution, model: type[Model]) -> QuerySet[Any, Any]:
    """Return the execution's rows of another table, from the database that it was read from."""
    return model._default_manager.using(_alias_of(row)).filter(execution_id=row.pk)  # noqa: SLF001 -- Django documents it


def _list_of_calls(row: WorkflowExecution) -> QuerySet[StepCheckpoint, Any]:
    """Return the execution's attempts but those of items, of which there may be thousands."""
    return without_items(own_rows(row, StepCheckpoint))


def _list_attempts(row: WorkflowExecution) -> list[Checkpoint]:
    newest = _list_of_calls(row).order_by("-pk")[:MAX_ROWS]
    rows = map(to_checkpoint, _read(newest, CHECKPOINT_FIELDS, _PAYLOADS, shown=0))
    return sorted(rows, key=lambda one: (one.position, one.key, one.attempt))


def _list_timers(row: WorkflowExecution) -> list[Timer]:
    newest = own_rows(row, WorkflowTimer).order_by("-pk").values_list(*TIMER_FIELDS)[:MAX_ROWS]
    return sorted(map(to_timer, newest), key=lambda timer: (timer.fire_at, timer.key))


def _list_signals(row: WorkflowExecution) -> list[Signal]:
    newest = own_rows(row, WorkflowSignal).order_by("-position")[:MAX_ROWS]
    found = [to_signal(one) for one in _read(newest, SIGNAL_FIELDS, ("payload",), shown=0)]
    return found[::-1]


def _alias_of(row: WorkflowExecution) -> str | None:
    return row._state.db  # noqa: SLF001 -- Django documents it


def _page_of(rows: QuerySet[Any, Any], page: int) -> QuerySet[Any, Any]:
    return rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]


def _read(
    rows: QuerySet[Any, Any], names: Sequence[str], payloads: Sequence[str], shown: int
) -> Iterator[list[Any]]:
    """Yield the values of these columns, the payloads among them cut, or None if none is shown."""
    plain = [name for name in names if name not in payloads]
    cut = _cut(payloads, shown) if shown else []
    for found in rows.values_list(*plain, *cut):
        values = dict(zip((*plain, *payloads), found, strict=False))
        yield [values.get(name) for name in names]


def _cut(names: Sequence[str], shown: int) -> list[Substr]:
    # One more than is shown, so that what was cut can be told from what just fits.
    return [Substr(name, 1, shown + 1) for name in names]
