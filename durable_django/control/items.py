"""Count the items of maps: one statement, however many there are, and none of them is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Func, Q, QuerySet, TextField
from django.utils.translation import gettext as _

from durable_django.conf import settings
from durable_django.control.calls import group_calls
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import (
    TERMINAL_STATUSES,
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    WaitKind,
)
from durable_django.engine.map_result import read_total
from durable_django.models import StepCheckpoint, WorkflowExecution


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCount:
    """How far the items of one map have come."""

    #: None: it was not noted.
    total: int | None = None
    completed: int = 0
    #: For good; of children, those that were cancelled too.
    failed: int = 0
    undone: int = 0
    #: Begun and not ended; of children, all that have not ended.
    open: int = 0
    #: Completed, with an undo that has not been run.
    to_undo: int = 0
    #: Whether they are counted as executions: there are no items of the parent's own (yet).
    are_children: bool = False

    @property
    def ended(self) -> int:
        """How many have an outcome."""
        return self.completed + self.failed + self.undone

    def say(self) -> str:
        """Return it in words: `12 of 250 done, 3 failed`."""
        done = self.completed + self.undone
        if self.total is None:
            said = [_("%(done)s done") % {"done": done}]
        else:
            said = [_("%(done)s of %(total)s done") % {"done": done, "total": self.total}]
        if self.failed:
            said.append(_("%(count)s failed") % {"count": self.failed})
        if self.undone:
            said.append(_("%(count)s undone") % {"count": self.undone})
        return ", ".join(said)


def count_items(execution_id: UUID, checkpoints: Iterable[Checkpoint]) -> dict[str, ItemCount]:
    """Return the counts of the maps among these attempts, by their calls' keys.

    Asks nothing if there is no map. The numbers of a map are its execution's own: they count
    children too that the user may not see.
    """
    maps = {c.key: c.last for c in group_calls(checkpoints) if c.kind is CheckpointKind.MAP}
    counted = count_items_of(execution_id, maps)
    return {key: replace(counted[key], total=read_total(row)) for key, row in maps.items()}


def count_items_of(execution_id: UUID, maps: Collection[str]) -> dict[str, ItemCount]:
    """Return the counts of the maps of these keys, without their totals."""
    if not maps:
        return {}
    alias = settings().database
    items = StepCheckpoint.objects.using(alias).filter(
        execution_id=execution_id, kind=CheckpointKind.ITEM.value
    )
    found = dict(_count_own(items))
    if set(maps) - found.keys():
        children = WorkflowExecution.objects.using(alias).filter(
            parent_id=execution_id, parent_wait=WaitKind.MAP.value
        )
        found = _count_children(children) | found
    return {key: found.get(key, ItemCount()) for key in maps}


class _MapOf(Func):
    """The key of an item without its last part, the slash included.

    SQLite and PostgreSQL strip characters from the right until they come to a slash.
    """

    template = "RTRIM(%(expressions)s, REPLACE(%(expressions)s, '/', ''))"
    output_field = TextField()

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Cut off as much as follows the last slash."""
        last = "SUBSTRING_INDEX(%(expressions)s, '/', -1)"
        template = f"LEFT(%(expressions)s, CHAR_LENGTH(%(expressions)s) - CHAR_LENGTH({last}))"
        return super().as_sql(compiler, connection, template=template, **context)


def _count_own(items: QuerySet[StepCheckpoint, Any]) -> Iterable[tuple[str, ItemCount]]:
    is_done = Q(status=CheckpointStatus.COMPLETED.value)
    is_failed = Q(status=CheckpointStatus.FAILED.value, is_final=True)
    counted = (
        items.order_by()
        .annotate(map=_MapOf(F("key")))
        .values("map")
        .annotate(
            keys=Count("key", distinct=True),
            completed=Count("key", filter=is_done, distinct=True),
            failed=Count("key", filter=is_failed, distinct=True),
            undone=Count("key", filter=Q(status=CheckpointStatus.COMPENSATED.value), distinct=True),
            to_undo=Count("key", filter=is_done & ~Q(compensation=""), distinct=True),
        )
    )
    for row in counted:
        completed, failed = row["completed"], row["failed"]
        # One that was undone and done again after a retry is done.
        undone = min(row["undone"], max(row["keys"] - completed - failed, 0))
        count = ItemCount(
            completed=completed,
            failed=failed,
            undone=undone,
            open=max(row["keys"] - completed - failed - undone, 0),
            to_undo=row["to_undo"],
        )
        yield row["map"].removesuffix("/"), count


def _count_children(children: QuerySet[WorkflowExecution, Any]) -> dict[str, ItemCount]:
    rows = (
        children.order_by()
        .annotate(map=_MapOf(F("parent_key")))
        .values_list("map", "status")
        .annotate(count=Count("pk"))
    )
    found: dict[str, ItemCount] = {}
    for text, status, count in rows:
        key = text.removesuffix("/")
        known = found.get(key, ItemCount(are_children=True))
        name = _fate_of(ExecutionStatus(status))
        found[key] = replace(known, **{name: getattr(known, name) + count})
    return found


def _fate_of(status: ExecutionStatus) -> str:
    if status is ExecutionStatus.COMPLETED:
        return "completed"
    return "failed" if status in TERMINAL_STATUSES else "open"
