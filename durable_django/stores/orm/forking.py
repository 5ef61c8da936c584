"""Insert an execution that begins with another one's outcomes."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from durable_django.domain.execution import Execution, NewExecution
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.rows import CHECKPOINT_COLUMNS, CHECKPOINTS
from durable_django.stores.orm.starting import WorkflowRows, insert_executions

_COPIED = ", ".join(column for column in CHECKPOINT_COLUMNS if column != "execution_id")


def insert_fork(
    db: Database, workflows: WorkflowRows, new: NewExecution, before_position: int
) -> Execution:
    if new.forked_from is None:
        raise ValueError("A fork says which execution it begins with.")
    origin = db.uuid(new.forked_from)

    def insert() -> Execution:
        [(execution, _)] = insert_executions(db, workflows, [new])
        # An attempt without an end is left behind: its effect, if any, was the origin's.
        db.execute(
            f"INSERT INTO {CHECKPOINTS} (execution_id, {_COPIED})"
            f" SELECT %s, {_COPIED} FROM {CHECKPOINTS}"
            " WHERE execution_id = %s AND position < %s AND kind <> 'undo' AND status <> 'intent'"
            " ORDER BY position, attempt",
            [db.uuid(new.id), origin, before_position],
        )
        return execution

    return db.transact(insert)
