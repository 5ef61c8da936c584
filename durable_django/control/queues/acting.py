"""Act on queues as a user: permission, act and audit, for the admin and the REST API."""

from __future__ import annotations

import logging
from typing import Any

from durable_django import queues
from durable_django.control.acting import actor_of
from durable_django.control.permissions import Permission, allows
from durable_django.domain.event import MAX_REASON_LENGTH, ActorKind
from durable_django.domain.work_queue import QueueControl
from durable_django.exceptions import DurableError

logger = logging.getLogger(__name__)


class QueueActNotAllowedError(DurableError):
    """The user lacks the permission to control queues."""

    def __init__(self) -> None:
        super().__init__(
            f"To control a queue you need the permission durable_django.{Permission.CHANGE_QUEUES}."
        )


def may_control(user: Any) -> bool:
    """Say whether the user may see queues and control them."""
    return allows(user, Permission.VIEW_QUEUES) and allows(user, Permission.CHANGE_QUEUES)


class QueueActing:
    """The acts of one user, for one reason, which is kept with the queue.

    Raises:
        QueueActNotAllowedError: (Each of them) the user lacks the permission.
        DefinitionError: (Each of them) the name of the queue is not legal.
    """

    def __init__(self, user: Any, reason: str = "", *, kind: ActorKind = ActorKind.USER) -> None:
        self._user = user
        self._by = actor_of(user, kind)
        self._reason = reason[:MAX_REASON_LENGTH]

    def pause(self, name: str) -> QueueControl:
        """Have workers take nothing from it; see `queues.pause`."""
        self._require()
        return queues.pause(name, reason=self._reason, by=self._by)

    def drain(self, name: str) -> QueueControl:
        """Have workers begin nothing new of it; see `queues.drain`."""
        self._require()
        return queues.drain(name, reason=self._reason, by=self._by)

    def resume(self, name: str) -> QueueControl:
        """Open it; see `queues.resume`."""
        self._require()
        return queues.resume(name, reason=self._reason, by=self._by)

    def configure(self, name: str, **limits: Any) -> QueueControl:
        """Limit it, by `max_running` and `rate`; see `queues.configure`.

        Raises:
            DefinitionError: A limit is not legal.
        """
        self._require()
        return queues.configure(name, **limits, reason=self._reason, by=self._by)

    def _require(self) -> None:
        if may_control(self._user):
            return
        actor = f"{self._by.kind} {self._by.id}"
        logger.warning("Act on a queue refused", extra={"actor": actor})
        raise QueueActNotAllowedError
