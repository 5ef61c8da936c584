"""One act on one task, as one user is asked about it: what every such act has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import QueryDict

from durable_django.admin.acts.forms import ReasonForm
from durable_django.control.human_tasks.checking import check_is_active
from durable_django.control.human_tasks.links import TaskLink
from durable_django.control.human_tasks.people import Person
from durable_django.control.human_tasks.rows import TaskRow
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.permissions import Permission, allows
from durable_django.exceptions import DurableError

DO, STEER = Permission.COMPLETE_TASKS, Permission.REASSIGN_TASKS
TEMPLATES = "admin/durable_django/human_tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, said to the person and to the log."""

    told: str
    logged: str
    #: Where to go on: at the task, or in the inbox.
    stays: bool = False
    #: A link that was made, to be shown now and never again.
    link: TaskLink | None = None


class TaskAct:
    """One act on one task, as one user is asked about it."""

    verb: ClassVar[Any]
    #: One of these permissions is needed.
    needs: ClassVar[tuple[Permission, ...]]
    #: Whether a page asks before; else a button acts.
    asks: ClassVar[bool] = True
    is_dangerous: ClassVar[bool] = False
    template: ClassVar[str] = f"{TEMPLATES}/act.html"

    def __init__(self, user: Any, person: Person, row: TaskRow) -> None:
        self.user = user
        self.person = person
        self.row = row

    @classmethod
    def is_allowed(cls, user: Any) -> bool:
        """Say whether the user may do such a thing to any task at all."""
        return any(allows(user, one) for one in cls.needs)

    def is_possible(self) -> bool:
        """Say whether the task as it stands allows it."""
        return True

    def find_obstacle(self) -> DurableError | None:
        """Return what is in the way, if it is more than the act's own conditions."""
        try:
            check_is_active(self.row.task)
        except DurableError as error:
            return error
        return None

    def make_form(self, data: QueryDict | None) -> forms.Form:
        """Return the form to show or to read."""
        return ReasonForm(data)

    def consequences(self) -> list[str]:
        """Return what will happen, in sentences."""
        return []

    def context(self) -> dict[str, Any]:
        """Return what the page's template needs besides."""
        return {}

    def perform(self, form: forms.Form) -> Done:
        """Act; raise what the control plane raises."""
        raise NotImplementedError

    @property
    def id(self) -> UUID:
        """The task's."""
        return self.row.task.pk

    @property
    def title(self) -> str:
        """The task, for people."""
        return redact_text(self.row.title)
