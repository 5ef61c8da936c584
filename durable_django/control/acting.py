"""Act on executions as a user: scope, permission, act and audit, for the admin and the REST API."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from durable_django import client
from durable_django.conf import settings
from durable_django.control.actions import OF_OWN_WORKFLOWS, PERMISSION_OF, Action, is_own
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import find_visible, visible_executions
from durable_django.domain.event import MAX_REASON_LENGTH, Actor, ActorKind
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.acting import UNCHANGED
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.forking import ForkPlan
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import DurableError, TimerNotFoundError
from durable_django.runtime import engine

logger = logging.getLogger(__name__)


class ActNotAllowedError(DurableError):
    """The user lacks the permission for the act."""

    def __init__(self, action: Action) -> None:
        self.action = action
        self.permission = PERMISSION_OF[action]
        super().__init__(
            f"To {action.replace('_', ' ')} you need the permission durable_django."
            f"{self.permission}."
        )


class StartOutOfScopeError(ActNotAllowedError):
    """The user would not see what they start: it would be in somebody else's scope, or in none."""

    def __init__(self) -> None:
        super().__init__(Action.START)
        hint = "say in its subject, correlation id, tags or key that it is yours"
        self.args = (f"It would be out of your scope, so it was not started: {hint}.",)


class OwnWorkflowError(ActNotAllowedError):
    """The execution is ours and is steered by what it works for, such as a bulk operation."""

    def __init__(self, action: Action, workflow: str) -> None:
        super().__init__(action)
        steered = f"{workflow} works off a bulk operation: stop the operation instead."
        needed = f"with the permission durable_django.{Permission.BULK}"
        self.args = (f"{steered} It can only be paused, resumed and retried, {needed}.",)


def actor_of(user: Any, kind: ActorKind = ActorKind.USER) -> Actor:
    """Return the user as the audit names them."""
    return Actor(kind=kind, id=str(user.pk or ""), name=user.get_username()[:255])


class Acting:
    """The acts of one user, for one reason.

    Each act looks whether the user may see the execution (else ExecutionNotFoundError) and has the
    permission (else ActNotAllowedError), then acts through the engine, which writes the event in
    the transaction of the act. The engine's own errors pass through: see `client`.
    """

    def __init__(self, user: Any, reason: str = "", *, kind: ActorKind = ActorKind.USER) -> None:
        self._user = user
        self._by = actor_of(user, kind)
        self._reason = reason[:MAX_REASON_LENGTH]

    def start(
        self,
        workflow: str,
        workflow_input: Mapping[str, Any],
        options: StartOptions,
        version: int | None = None,
    ) -> ExecutionHandle[Any]:
        """Start a workflow, within what the user may see; see `client.start`."""
        self._require(Action.START)
        start = partial(
            client.start,
            workflow,
            workflow_input,
            version=version,
            options=options,
            reason=self._reason,
            by=self._by,
        )
        if not settings().scope:
            return start()
        with transaction.atomic(using=settings().database):
            handle = start()
            own = visible_executions(self._user).filter(pk=handle.id)
            if handle.is_new and not own.exists():
                raise StartOutOfScopeError
        return handle

    def send_signal(
        self, execution_id: UUID, name: str, payload: Any, *, dedupe_key: str | None = None
    ) -> tuple[Signal, bool]:
        """Send a signal; return it and whether it is new. See `client.signal`."""
        self._check(Action.SIGNAL, execution_id)
        return client.send_signal(
            execution_id,
            name,
            payload,
            dedupe_key=dedupe_key,
            reason=self._reason,
            by=self._by,
        )

    def broadcast(self, name: str, payload: Any, *, key: str = "") -> int:
        """Broadcast an event to those that the user may see; see `client.broadcast`."""
        if not allows(self._user, Permission.VIEW):
            raise self._refused(ActNotAllowedError(Action.SIGNAL), None)
        self._require(Action.SIGNAL)
        return engine().broadcasts.broadcast(
            name,
            payload,
            key=key,
            reason=self._reason,
            by=self._by,
            among=self._find_visible if settings().scope else None,
        )

    def fire_timer(self, execution_id: UUID, key: str) -> None:
        """Have a timer be over now; see `client.fire_timer`."""
        self._check(Action.FIRE_TIMER, execution_id)
        # PostgreSQL takes no NUL, not even to look for; so no timer has one.
        if "\0" in key:
            raise TimerNotFoundError(execution_id, key)
        client.fire_timer(execution_id, key, reason=self._reason, by=self._by)

    def cancel(self, execution_id: UUID, *, compensate: bool = True) -> bool:
        """Cancel it, or without `compensate` terminate it; see `client.cancel`."""
        self._check(Action.CANCEL if compensate else Action.TERMINATE, execution_id)
        return client.cancel(execution_id, reason=self._reason, compensate=compensate, by=self._by)

    def pause(self, execution_id: UUID) -> bool:
        """Pause it; see `client.pause`."""
        self._check(Action.PAUSE, execution_id)
        return client.pause(execution_id, reason=self._reason, by=self._by)

    def resume(self, execution_id: UUID) -> bool:
        """Resume it; see `client.resume`."""
        self._check(Action.RESUME, execution_id)
        return client.resume(execution_id, reason=self._reason, by=self._by)

    def retry(self, execution_id: UUID) -> ExecutionStatus:
        """Retry it; see `client.retry`."""
        self._check(Action.RETRY, execution_id)
        return client.retry(execution_id, reason=self._reason, by=self._by)

    def plan_fork(
        self, execution_id: UUID, from_step: str | None = None, version: int | None = None
    ) -> ForkPlan:
        """Say what a fork would do; see `client.plan_fork`."""
        self._check(Action.FORK, execution_id)
        return client.plan_fork(execution_id, from_step, version=version)

    def fork(
        self,
        execution_id: UUID,
        from_step: str | None = None,
        *,
        workflow_input: Any = UNCHANGED,
        version: int | None = None,
    ) -> ExecutionHandle[Any]:
        """Fork it; see `client.fork`."""
        self._check(Action.FORK, execution_id)
        return client.fork(
            execution_id,
            from_step,
            input=workflow_input,
            version=version,
            reason=self._reason,
            by=self._by,
        )

    def _find_visible(self, ids: Collection[UUID]) -> set[UUID]:
        rows = visible_executions(self._user).filter(pk__in=list(ids))
        return set(rows.values_list("pk", flat=True))

    def _check(self, action: Action, execution_id: UUID) -> None:
        if not allows(self._user, Permission.VIEW):
            raise self._refused(ActNotAllowedError(action), execution_id)
        row = find_visible(self._user, execution_id)
        self._require(action, execution_id)
        if is_own(row) and not (action in OF_OWN_WORKFLOWS and allows(self._user, Permission.BULK)):
            raise self._refused(OwnWorkflowError(action, row.workflow_name), execution_id)

    def _require(self, action: Action, execution_id: UUID | None = None) -> None:
        if not allows(self._user, PERMISSION_OF[action]):
            raise self._refused(ActNotAllowedError(action), execution_id)

    def _refused(self, error: ActNotAllowedError, execution_id: UUID | None) -> ActNotAllowedError:
        """Leave a line in the log: what was refused changes nothing, also not the events."""
        actor = f"{self._by.kind} {self._by.id}"
        facts = {"act": str(error.action), "actor": actor, "execution_id": execution_id}
        logger.warning("Act refused", extra=facts)
        return error
