"""What a person is asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from durable_django.domain.event import Actor
from durable_django.domain.status import TaskStatus


class PrincipalKind(StrEnum):
    """Whether a name is a user's or a group's."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user or a group, by name."""

    kind: PrincipalKind
    name: str

    def __str__(self) -> str:
        """Return it as code writes it: `alice`, `group:finance`."""
        return self.name if self.kind is PrincipalKind.USER else f"group:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Whom a task is offered to as well, if nobody has completed it `after` so long."""

    after: timedelta
    #: A user or a group, or several, as `principals_of` takes them.
    to: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What is asked; written in the transaction in which the execution begins to wait for it."""

    id: UUID
    execution_id: UUID
    #: The key of the call, and its name.
    key: str
    name: str
    title: str = ""
    description: str = ""
    #: Encoded: what is shown beside the form, a list of objects of one name and its value each.
    display: str = ""
    #: The import path of a Django form; else `fields` say what is asked.
    form: str = ""
    fields: tuple[Mapping[str, Any], ...] = ()
    #: The one user who has it from the start; empty: whoever claims it.
    assignee: str = ""
    #: Who may claim it; none at all: everybody with the permission.
    candidates: tuple[Principal, ...] = ()
    #: Users who may not complete it.
    not_by: tuple[str, ...] = ()
    #: 0 to 1000: the higher, the sooner.
    priority: int = 0
    #: All of these count from the moment it is written.
    due: timedelta | None = None
    timeout: timedelta | None = None
    remind_every: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: tuple[Principal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A human task as its row says. Instants are aware UTC."""

    id: UUID
    execution_id: UUID
    key: str
    name: str
    status: TaskStatus = TaskStatus.OPEN
    title: str = ""
    description: str = ""
    display: str = ""
    form: str = ""
    fields: tuple[Mapping[str, Any], ...] = ()
    assignee: str = ""
    owner: str = ""
    candidates: tuple[Principal, ...] = ()
    not_by: tuple[str, ...] = ()
    priority: int = 0
    due_at: datetime | None = None
    expires_at: datetime | None = None
    remind_every: timedelta | None = None
    remind_at: datetime | None = None
    reminders: int = 0
    escalate_at: datetime | None = None
    escalate_to: tuple[Principal, ...] = ()
    escalated_at: datetime | None = None
    #: The answer, encoded.
    data: str | None = None
    #: What they said who completed it, or why it was cancelled.
    comment: str = ""
    #: Who completed or cancelled it; None: it was withdrawn with its execution, or by it.
    actor: Actor | None = None
    created_at: datetime
    claimed_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswer:
    """What `ctx.ask` returns: the answer, who gave it and when."""

    data: Mapping[str, Any] = field(default_factory=dict)
    #: The username of who completed it.
    by: str = ""
    at: datetime | None = None
    comment: str = ""

    def __getitem__(self, name: str) -> Any:
        """Return one field of the answer."""
        return self.data[name]
