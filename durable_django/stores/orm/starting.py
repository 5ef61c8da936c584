"""Insert executions, in the caller's transaction if there is one."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q

from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import workflow_id
from durable_django.domain.status import Guarantee, OnConflict, WaitKind
from durable_django.exceptions import ExecutionKeyConflictError
from durable_django.models import Workflow, WorkflowExecution
from durable_django.stores.orm import limits
from durable_django.stores.orm.commit_proof import CommitProof
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.key_conflicts import (
    in_turn,
    stand_in_line,
    take_over,
    takes_over,
)
from durable_django.stores.orm.limit_tickets import NewTicket
from durable_django.stores.orm.rows import (
    EXECUTION_FIELDS,
    EXECUTIONS,
    to_datetime,
    to_execution,
    to_uuid,
)

T = TypeVar("T")

#: Rows per statement: few enough for any database's limits on parameters and packets.
_BATCH = 200
#: How often others may take a key between its being given up and its being taken.
_MOST_TAKEN = 10
_COLUMNS = (
    "id, workflow_id, workflow_name, workflow_version, queue, priority, execution_key, guarantee,"
    " correlation_id, tags, input, expires_at, subject, forked_from, epoch, parent_id, parent_key,"
    " parent_wait, on_parent_close, depth, limit_key, limit_max, waiting_kind,"
    " waiting_for, holds_key, status, fence, lease_owner, recoveries, signal_count, cancel_reason,"
    " cancel_compensates, progress,"
    " wake_at, order_at, created_at, updated_at"
)
_PLACES = ", ".join(["%s"] * 24) + ", TRUE, 'pending', 0, '', 0, 0, '', TRUE, '{}'"


class WorkflowRows:
    """Ensures that the row of a workflow is there, asking the database once per process.

    What a rolled-back transaction took back is written again by the next start.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], CommitProof] = {}

    def ensure(self, db: Database, name: str, version: int) -> None:
        known = self._written.get((name, version))
        if known is not None and known.holds():
            return
        Workflow.objects.using(db.alias).bulk_create(
            [Workflow(id=workflow_id(name, version), name=name, version=version)],
            ignore_conflicts=True,
        )
        self._written[name, version] = CommitProof(db.alias)


def insert_executions(
    db: Database, workflows: WorkflowRows, new: Sequence[NewExecution]
) -> list[tuple[Execution, bool]]:
    for name, version in dict.fromkeys((one.workflow_name, one.workflow_version) for one in new):
        workflows.ensure(db, name, version)
    if any(one.limit_key or takes_over(one) for one in new):
        # With a savepoint: a refusal must not spoil the caller's transaction.
        return db.act_transact(partial(_insert_under_rules, db, new))
    if len(new) <= _BATCH:
        return _insert(db, new)
    # All or none, also where the caller has no transaction.
    return db.transact(partial(_insert_in_batches, db, new))


def _insert_under_rules(db: Database, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
    """Insert executions of which some take over their keys, or wait for places under limits."""
    with in_turn(db, new):
        pairs = _insert_taking_keys(db, new)
    lined_up = [
        one for one, (_, is_new) in zip(new, pairs, strict=True) if one.limit_key and is_new
    ]
    for one in lined_up:
        if takes_over(one) and one.on_conflict is OnConflict.QUEUE:
            stand_in_line(db, one)
    if lined_up:
        limits.join(db, [_ticket_of(db, one) for one in lined_up])
    elif len(new) == 1:
        return pairs
    # Read again: some were admitted, or have given up their key to one that came after them.
    stored = _load(db, [execution.id for execution, is_new in pairs if is_new])
    return [(stored.get(execution.id, execution), is_new) for execution, is_new in pairs]


def _load(db: Database, ids: Sequence[UUID]) -> dict[UUID, Execution]:
    rows = WorkflowExecution.objects.using(db.alias)
    found = (
        row
        for batch in _batches(ids)
        for row in rows.filter(pk__in=batch).values_list(*EXECUTION_FIELDS)
    )
    return {execution.id: execution for execution in map(to_execution, found)}


def _insert_taking_keys(db: Database, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
    """Insert executions, those that take over their keys whoever has these.

    Raises:
        ExecutionKeyConflictError: Others took the key again and again.
    """
    found: dict[UUID, tuple[Execution, bool]] = {}
    missing = list(new)
    for _ in range(_MOST_TAKEN):
        for one in missing:
            if takes_over(one):
                take_over(db, one)
        pairs = _insert_in_batches(db, missing)
        found |= dict(zip((one.id for one in missing), pairs, strict=True))
        missing = [one for one in missing if takes_over(one) and not found[one.id][1]]
        if not missing:
            return [found[one.id] for one in new]
    [one, *_] = missing
    holder_id = found[one.id][0].id
    raise ExecutionKeyConflictError(one.workflow_name, one.key or "", holder_id, wants_new=True)


def _ticket_of(db: Database, new: NewExecution) -> NewTicket:
    return NewTicket(
        execution_id=new.id,
        group_key=new.limit_key,
        max_admitted=new.limit_max,
        ready_at=new.start_at,
        head_start=db.head_start(new.priority),
    )


def _insert_in_batches(db: Database, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
    return [pair for batch in _batches(new) for pair in _insert(db, batch)]


def _batches(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), _BATCH):
        yield whole[start : start + _BATCH]


def _insert(db: Database, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
    if not new:
        return []
    moment = db.moment()
    rows = ", ".join(f"({_PLACES}, {_instants(db, one, moment)})" for one in new)
    sql = f"INSERT INTO {EXECUTIONS} ({_COLUMNS}) VALUES {rows}"
    if any(one.key is not None for one in new):
        # A key that is taken must not spoil the caller's transaction.
        sql = db.dialect.insert_unless_there(sql)
    params = [value for one in new for value in _values(db, one)]
    written = _written(db, new, sql, params)
    missing = [one for one in new if one.id not in written]
    existing = _by_key(db, missing) if missing else {}
    return [
        (written[one.id], True)
        if one.id in written
        else (existing[one.workflow_name, one.key], False)
        for one in new
    ]


def _written(
    db: Database, new: Sequence[NewExecution], sql: str, params: list[Any]
) -> dict[UUID, Execution]:
    """Run the INSERT; return what it wrote by id, and maybe others."""
    if db.dialect.can_return_inserts:
        values = {one.id: one for one in new}
        found = db.fetch(f"{sql} RETURNING id, wake_at, created_at", params)
        return {
            to_uuid(key): _pending(values[to_uuid(key)], wake_at, created_at)
            for key, wake_at, created_at in found
            # MariaDB also returns the rows that were there already.
            if to_uuid(key) in values
        }
    db.execute(sql, params)
    rows = WorkflowExecution.objects.using(db.alias).filter(pk__in=[one.id for one in new])
    executions = map(to_execution, rows.values_list(*EXECUTION_FIELDS))
    return {execution.id: execution for execution in executions}


def _by_key(db: Database, new: Sequence[NewExecution]) -> dict[tuple[str, str | None], Execution]:
    same_key = Q()
    for name, key in {(one.workflow_name, one.key) for one in new}:
        same_key |= Q(workflow_name=name, key=key, holds_key=True)
    rows = WorkflowExecution.objects.using(db.alias).filter(same_key)
    executions = [to_execution(row) for row in rows.values_list(*EXECUTION_FIELDS)]
    return {(execution.workflow_name, execution.key): execution for execution in executions}


def _values(db: Database, new: NewExecution) -> list[Any]:
    return [
        db.uuid(new.id),
        db.uuid(workflow_id(new.workflow_name, new.workflow_version)),
        new.workflow_name,
        new.workflow_version,
        new.queue,
        new.priority,
        new.key,
        str(new.guarantee),
        new.correlation_id,
        json.dumps(list(new.tags)),
        new.input,
        db.instant(new.expires_at),
        new.subject,
        None if new.forked_from is None else db.uuid(new.forked_from),
        new.epoch,
        None if new.parent_id is None else db.uuid(new.parent_id),
        new.parent_key,
        str(new.parent_wait),
        str(new.on_parent_close),
        new.depth,
        new.limit_key,
        new.limit_max,
        # Held back until it is admitted.
        str(WaitKind.LIMIT if new.limit_key else WaitKind.NOTHING),
        new.limit_key,
    ]


def _instants(db: Database, new: NewExecution, moment: Moment) -> str:
    """Return the alarm, the order, and the instants of creation and last change."""
    head_start = db.head_start(new.priority)
    if new.limit_key:
        alarm = new.expires_at
        wake_at = "NULL" if alarm is None else db.literal(alarm)
        order_at = "NULL" if alarm is None else db.literal(alarm - head_start)
    elif new.start_at is None:
        wake_at, order_at = moment.now, moment.plus(-head_start)
    else:
        alarm = new.start_at if new.expires_at is None else min(new.start_at, new.expires_at)
        wake_at, order_at = db.literal(alarm), db.literal(alarm - head_start)
    if new.guarantee is Guarantee.FOREGROUND:
        order_at = "NULL"
    return f"{wake_at}, {order_at}, {moment.now}, {moment.now}"


def _pending(new: NewExecution, wake_at: Any, created_at: Any) -> Execution:
    """Return what was just inserted."""
    return Execution(
        id=new.id,
        workflow_name=new.workflow_name,
        workflow_version=new.workflow_version,
        queue=new.queue,
        priority=new.priority,
        key=new.key,
        guarantee=new.guarantee,
        correlation_id=new.correlation_id,
        tags=new.tags,
        subject=new.subject,
        forked_from=new.forked_from,
        epoch=new.epoch,
        parent_id=new.parent_id,
        parent_key=new.parent_key,
        parent_wait=new.parent_wait,
        on_parent_close=new.on_parent_close,
        depth=new.depth,
        limit_key=new.limit_key,
        limit_max=new.limit_max,
        input=new.input,
        expires_at=new.expires_at,
        wake_at=None if wake_at is None else to_datetime(wake_at),
        waiting_kind=WaitKind.LIMIT if new.limit_key else WaitKind.NOTHING,
        waiting_for=new.limit_key,
        created_at=to_datetime(created_at),
        updated_at=to_datetime(created_at),
    )
