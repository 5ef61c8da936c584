"""Act on schedules as a user: permission, act and audit, for the admin and the REST API.

Whoever may trigger or backfill a schedule sees what that starts, or it is not started.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from durable_django import schedules
from durable_django.conf import settings
from durable_django.control.acting import StartOutOfScopeError, actor_of
from durable_django.control.bulk import BULK_WORKFLOW
from durable_django.control.permissions import Permission, allows
from durable_django.control.schedules.errors import ScheduleActNotAllowedError
from durable_django.control.scope import visible_executions
from durable_django.domain.event import MAX_REASON_LENGTH, ActorKind
from durable_django.domain.schedule import Schedule
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.exceptions import ScheduleError, UnknownWorkflowError
from durable_django.scheduling.tick_requester import Backfill

logger = logging.getLogger(__name__)

#: A person waits for the answer, so they start no more at once; programs use `schedules.backfill`.
MOST_BACKFILLED = 1000
#: Any one of these is needed for the act, and the permission to view besides.
PERMISSIONS_OF: Mapping[str, Sequence[Permission]] = {
    "create": (Permission.ADD_SCHEDULES,),
    "change": (Permission.CHANGE_SCHEDULES,),
    "delete": (Permission.DELETE_SCHEDULES,),
    "enable": (Permission.RUN_SCHEDULES, Permission.CHANGE_SCHEDULES),
    "disable": (Permission.RUN_SCHEDULES, Permission.CHANGE_SCHEDULES),
    "trigger": (Permission.RUN_SCHEDULES,),
    "backfill": (Permission.RUN_SCHEDULES,),
}
_IDS_AT_ONCE = 500


def may(user: Any, act: str) -> bool:
    """Say whether the user may view schedules, and do this to them."""
    needed = PERMISSIONS_OF[act]
    return allows(user, Permission.VIEW_SCHEDULES) and any(allows(user, one) for one in needed)


class ScheduleActing:
    """The acts of one user, for one reason; errors of the door (`schedules`) pass through.

    Raises:
        ScheduleActNotAllowedError: (Each of them) the user lacks the permission.
    """

    def __init__(self, user: Any, reason: str = "", *, kind: ActorKind = ActorKind.USER) -> None:
        self._user = user
        self._by = actor_of(user, kind)
        self._reason = reason[:MAX_REASON_LENGTH]

    def create(self, name: str, workflow: str, options: Mapping[str, Any]) -> Schedule:
        """Add a schedule; see `schedules.create`."""
        self._require("create")
        _refuse_our_own(workflow)
        return schedules.create(name, workflow, by=self._by, **options)

    def change(self, name: str, changes: Mapping[str, Any]) -> Schedule:
        """Change some options; see `schedules.update`."""
        self._require("change")
        _refuse_our_own(changes.get("workflow", ""))
        return schedules.update(name, by=self._by, **changes)

    def delete(self, name: str) -> None:
        """Delete it; see `schedules.delete`."""
        self._require("delete")
        schedules.delete(name, by=self._by)

    def enable(self, name: str) -> Schedule:
        """Let it tick; see `schedules.enable`."""
        self._require("enable")
        return schedules.enable(name, by=self._by)

    def disable(self, name: str) -> Schedule:
        """Let it tick no more; see `schedules.disable`."""
        self._require("disable")
        return schedules.disable(name, reason=self._reason, by=self._by)

    def trigger(self, name: str) -> ExecutionHandle[Any]:
        """Start its workflow now; see `schedules.trigger`.

        Raises:
            StartOutOfScopeError: The user would not see what is started.
        """
        self._require("trigger")
        with transaction.atomic(using=settings().database):
            handle = schedules.trigger(name, reason=self._reason, by=self._by)
            self._refuse_unseen([handle.id])
        return handle

    def plan_backfill(self, name: str, start: datetime, end: datetime) -> Backfill:
        """Say which ticks a backfill would start; see `schedules.backfill`."""
        self._require("backfill")
        return schedules.backfill(name, start, end, dry_run=True)

    def backfill(self, name: str, start: datetime, end: datetime) -> Backfill:
        """Start the ticks of the past that started nothing; see `schedules.backfill`.

        Where a scope is set it is one transaction: all of them, or none.

        Raises:
            ScheduleError: More than a thousand are to be started.
            StartOutOfScopeError: The user would not see what is started.
        """
        plan = self.plan_backfill(name, start, end)
        if len(plan.ticks) > MOST_BACKFILLED:
            raise ScheduleError(
                "end",
                f"{len(plan.ticks)} ticks are too many for one request: at most {MOST_BACKFILLED}. "
                f"Backfill the range part by part, or from code.",
            )
        if not settings().scope:
            return schedules.backfill(name, start, end, reason=self._reason, by=self._by)
        with transaction.atomic(using=settings().database):
            done = schedules.backfill(name, start, end, reason=self._reason, by=self._by)
            self._refuse_unseen(done.execution_ids)
        return done

    def _refuse_unseen(self, ids: Sequence[UUID]) -> None:
        if not settings().scope:
            return
        for first in range(0, len(ids), _IDS_AT_ONCE):
            batch = ids[first : first + _IDS_AT_ONCE]
            if visible_executions(self._user).filter(pk__in=batch).count() < len(set(batch)):
                raise StartOutOfScopeError

    def _require(self, act: str) -> None:
        if may(self._user, act):
            return
        # What was refused changes nothing: a line in the log is all that tells of it.
        actor = f"{self._by.kind} {self._by.id}"
        logger.warning("Act on a schedule refused", extra={"act": act, "actor": actor})
        raise ScheduleActNotAllowedError(act, PERMISSIONS_OF[act])


def _refuse_our_own(workflow: object) -> None:
    if workflow == BULK_WORKFLOW:
        raise UnknownWorkflowError(BULK_WORKFLOW)
