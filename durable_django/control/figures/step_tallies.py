"""How often the steps of many executions were tried, and which came last: one query for a page.

Of each execution no more than `MAX_TALLIED` attempts are read, so that a page with a workflow of a
million steps on it is no slower than another.
"""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections, models

from durable_django.domain.status import CheckpointStatus
from durable_django.stores.orm.rows import CHECKPOINTS, to_uuid

MAX_TALLIED = 1000
_UUID_FIELD: models.UUIDField[Any, Any] = models.UUIDField()
_TALLY = (
    "SELECT COUNT(*) AS attempts, SUM(again) AS retries, MAX(id) AS latest_id FROM"
    " (SELECT id, CASE WHEN attempt > 1 THEN 1 ELSE 0 END AS again"
    f" FROM {CHECKPOINTS} WHERE execution_id = %s AND kind IN ('step', 'undo')"
    f" LIMIT {MAX_TALLIED + 1}) AS tried"
)
_LATEST = (
    "SELECT latest.execution_id, tally.attempts, tally.retries,"
    " latest.call_key, latest.attempt, latest.status"
    f" FROM ({{tallies}}) AS tally JOIN {CHECKPOINTS} latest ON latest.id = tally.latest_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTally:
    """The attempts of an execution's steps and undos."""

    #: One more than `MAX_TALLIED` if there are more.
    attempts: int
    #: Those among them that were not the first of their step.
    retries: int
    #: The attempt that was begun last, by the key of its call.
    latest_key: str
    latest_attempt: int
    latest_status: CheckpointStatus

    @property
    def is_capped(self) -> bool:
        """Whether there are more attempts than were read; the latest is not known then."""
        return self.attempts > MAX_TALLIED


def load_tallies(alias: str, execution_ids: Collection[UUID]) -> dict[UUID, StepTally]:
    """Return the tally of each execution that has tried a step; at most a page of executions."""
    if not execution_ids:
        return {}
    connection = connections[alias]
    sql = _LATEST.format(tallies=" UNION ALL ".join([_TALLY] * len(execution_ids)))
    with connection.cursor() as cursor:
        cursor.execute(sql, [_UUID_FIELD.get_db_prep_value(i, connection) for i in execution_ids])
        return {to_uuid(row[0]): _to_tally(row[1:]) for row in cursor.fetchall()}


def _to_tally(row: tuple[Any, ...]) -> StepTally:
    attempts, retries, key, attempt, status = row
    return StepTally(
        attempts=int(attempts),
        retries=int(retries),
        latest_key=key,
        latest_attempt=attempt,
        latest_status=CheckpointStatus(status),
    )
