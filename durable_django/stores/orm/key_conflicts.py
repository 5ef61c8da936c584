"""What a start does to those that have its key already, where it is to be the new one's."""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from uuid import UUID

from django.db import DatabaseError

from durable_django.domain.event import replaced_by
from durable_django.domain.execution import NewExecution
from durable_django.domain.limit import refused_line
from durable_django.domain.status import TERMINAL_STATUSES, OnConflict
from durable_django.exceptions import InvalidTransitionError
from durable_django.models import WorkflowExecution
from durable_django.stores.orm import limits
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.events import add_event
from durable_django.stores.orm.limit_tickets import NewTicket
from durable_django.stores.orm.outside_acts import request_cancel
from durable_django.stores.orm.rows import EXECUTION_FIELDS, EXECUTIONS, to_execution, to_uuid

#: Seconds, and keys. It is held until the row is in, and that may have to wait for the commit of
#: whoever inserted the key first.
_LONGEST_TURN_S = 2
_MOST_TURNS = 20
_ENDED = sorted(status.value for status in TERMINAL_STATUSES)


def takes_over(new: NewExecution) -> bool:
    """Say whether the key is the new execution's, whoever has it now."""
    return new.key is not None and new.on_conflict in (OnConflict.REPLACE, OnConflict.QUEUE)


@contextmanager
def in_turn(db: Database, new: Sequence[NewExecution]) -> Iterator[None]:
    """Keep others from taking the same keys at the same time, where that would go wrong.

    On MySQL, in deadlocks: of three that insert one key at once, the second gets the lock of the
    first one's row, and can then neither insert its own beside it, because of the third that waits
    for that lock, nor give the lock up. Whoever waits too long here goes on all the same.

    On PostgreSQL, in refusals: whoever waited for the former holder's row finds that it has given
    up the key already, and may be overtaken so again and again. There the turn ends with the
    transaction, for which the others would have to wait anyway.
    """
    names = sorted({_turn_of(one) for one in new if takes_over(one)})
    taken = []
    if db.connection.vendor == "postgresql":
        for name in names[:_MOST_TURNS]:
            db.fetch("SELECT PG_ADVISORY_XACT_LOCK(%s)", [_number_of(name)])
    elif db.connection.vendor == "mysql":
        taken = [name for name in names[:_MOST_TURNS] if _take_turn(db, name)]
    try:
        yield
    finally:
        for name in taken:
            db.fetch("SELECT RELEASE_LOCK(%s)", [name])


def _turn_of(new: NewExecution) -> str:
    # At most 64 characters are legal.
    return f"durable:{sha256(f'{new.workflow_name}/{new.key}'.encode()).hexdigest()[:40]}"


def _number_of(turn: str) -> int:
    return int.from_bytes(sha256(turn.encode()).digest()[:8], signed=True)


def _take_turn(db: Database, name: str) -> bool:
    try:
        [[is_taken]] = db.fetch("SELECT GET_LOCK(%s, %s)", [name, _LONGEST_TURN_S])
    except DatabaseError:  # some clusters refuse such locks
        return False
    return bool(is_taken)


def take_over(db: Database, new: NewExecution) -> None:
    """Have whoever holds the key give it up; with REPLACE it is cancelled, if it has not ended.

    Somebody else may take the key before `new` is inserted: then the caller begins again.
    """
    sql = (
        f"SELECT id FROM {EXECUTIONS} WHERE workflow_name = %s AND execution_key = %s AND holds_key"
    )
    for [key] in db.fetch(sql, [new.workflow_name, new.key]):
        # By its primary key: whoever waits here for another who takes it over holds nothing yet.
        given_up = db.execute(
            f"UPDATE {EXECUTIONS} SET holds_key = NULL WHERE id = %s AND holds_key", [key]
        )
        if given_up and new.on_conflict is OnConflict.REPLACE:
            _cancel(db, to_uuid(key), new)


def _cancel(db: Database, former_id: UUID, new: NewExecution) -> None:
    event = replaced_by(former_id, new.id, new.key or "")
    try:
        is_new = request_cancel(db, former_id, event.reason, compensates=True)
    except InvalidTransitionError:
        return  # it has ended, or is on its way to an end
    if is_new:
        add_event(db, event)


def stand_in_line(db: Database, new: NewExecution) -> None:
    """Give all earlier executions with the key that have not ended their place before the new one.

    Raises:
        DefinitionError: One of them is under another limit already.
    """
    rows = WorkflowExecution.objects.using(db.alias).filter(
        workflow_name=new.workflow_name, key=new.key
    )
    earlier = rows.exclude(pk=new.id).exclude(status__in=_ENDED).order_by("pk")
    for execution in map(to_execution, earlier.values_list(*EXECUTION_FIELDS)):
        if execution.limit_key == new.limit_key:
            continue
        if execution.limit_key:
            raise refused_line(new.workflow_name, new.key or "", execution.id, execution.limit_key)
        if _note_limit(db, execution.id, new):
            ticket = NewTicket(
                execution_id=execution.id, group_key=new.limit_key, max_admitted=new.limit_max
            )
            limits.admit_at_once(db, ticket)


def _note_limit(db: Database, execution_id: UUID, new: NewExecution) -> bool:
    """Have an end of it give its place back; its row is locked then. False if it has ended."""
    alive = ", ".join(f"'{status}'" for status in _ENDED)
    sql = (
        f"UPDATE {EXECUTIONS} SET limit_key = %s, limit_max = %s WHERE id = %s"
        f" AND limit_key = '' AND status NOT IN ({alive})"
    )
    return db.execute(sql, [new.limit_key, new.limit_max, db.uuid(execution_id)]) == 1
