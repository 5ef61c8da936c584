"""The page that asks before an act on one execution: what every such page has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.forms import ReasonForm
from durable_django.admin.acts.step_facts import StepFact, list_steps
from durable_django.conf import settings
from durable_django.control.acting import Acting
from durable_django.control.actions import PERMISSION_OF, Action, is_possible
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.permissions import allows
from durable_django.domain.event import EventType
from durable_django.domain.status import ExecutionStatus
from durable_django.models import ExecutionEvent, WorkflowExecution


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, said to the person and to the log, and where to look at it."""

    told: str
    logged: str
    execution_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How a page speaks of its act."""

    #: As a title and a button: "Pause".
    verb: Any
    #: In the midst of a sentence: "cannot be paused".
    participle: Any
    #: Which states allow it.
    needs: Any


class ActPage:
    """One act on one execution, as one user is asked about it."""

    action: ClassVar[Action]
    words: ClassVar[Words]
    template: ClassVar[str] = "admin/durable_django/acts/act.html"
    #: What tells that somebody else was first.
    event: ClassVar[EventType | None] = None
    is_dangerous: ClassVar[bool] = False

    def __init__(self, user: Any, execution: WorkflowExecution, wanted: QueryDict) -> None:
        self.user = user
        self.execution = execution
        #: What the link to the page asked for: a call by its `key`, a signal by its `name`.
        self.wanted = wanted

    # --- may it? ---

    @classmethod
    def is_allowed(cls, user: Any) -> bool:
        """Say whether the user has the permission at all."""
        return allows(user, PERMISSION_OF[cls.action])

    def is_possible(self) -> bool:
        """Say whether the execution's present state allows the act."""
        return is_possible(self.action, self.execution)

    # --- asking ---

    def make_form(self, data: QueryDict | None) -> ReasonForm:
        """Return the form to show or to read."""
        return ReasonForm(data)

    def consequences(self) -> list[str]:
        """Return what will happen, in sentences."""
        return []

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Return what the page's template needs besides."""
        return {}

    # --- acting ---

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Act; return what was done, or None if it was done already."""
        raise NotImplementedError

    # --- looking ---

    @property
    def status(self) -> ExecutionStatus:
        """Where the execution stands."""
        return ExecutionStatus(self.execution.status)

    @property
    def is_held(self) -> bool:
        """Whether a worker is at it, so that it hears of the act at its next durable call."""
        return self.status in (ExecutionStatus.RUNNING, ExecutionStatus.COMPENSATING)

    def say_when_it_stops(self) -> str:
        """Say when an execution that is asked to stop does."""
        if not self.is_held:
            return _("It stops at once, where it is.")
        return _(
            "It is running: it stops before its next durable call. The step it is in ends first."
        )

    @cached_property
    def steps(self) -> list[StepFact]:
        """The durable calls of the body, in its order."""
        return list_steps(self.execution)

    @property
    def name(self) -> str:
        """The execution, for people."""
        return name_of(self.execution)

    def find_former(self) -> ExecutionEvent | None:
        """Return the last event of the same act: who was first, when and why, without secrets."""
        if self.event is None:
            return None
        events = ExecutionEvent.objects.using(settings().database)
        own = events.filter(execution_id=self.execution.pk, type=self.event.value)
        former = own.order_by("-id").first()
        if former is not None:
            former.reason = redact_text(former.reason)
        return former

    def done(self, told: str, logged: str, execution_id: UUID | None = None) -> Done:
        """Return what was done to the execution, or what came of it."""
        return Done(told=told, logged=logged, execution_id=execution_id or self.execution.pk)


class PausePage(ActPage):
    """Hold it until somebody resumes it."""

    action = Action.PAUSE
    event = EventType.PAUSE_REQUESTED
    words = Words(
        verb=gettext_lazy("Pause"),
        participle=gettext_lazy("paused"),
        needs=gettext_lazy(
            "Only what is pending, running or waiting can be paused, once, and not while it is "
            "about to be cancelled."
        ),
    )

    def consequences(self) -> list[str]:
        """Say when it stops, and what goes on."""
        return [
            self.say_when_it_stops(),
            _("Timers go on. What falls due meanwhile happens at once when it is resumed."),
            _("Signals are accepted, and wait in its mailbox."),
            _("It stays paused until somebody resumes or cancels it."),
        ]

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Ask for the pause."""
        if not acting.pause(self.execution.pk):
            return None
        return self.done(
            _("Paused, at once or at its next step: %(name)s.") % {"name": self.name}, "Paused."
        )


class ResumePage(ActPage):
    """Let a paused execution go on."""

    action = Action.RESUME
    event = EventType.RESUMED
    words = Words(
        verb=gettext_lazy("Resume"),
        participle=gettext_lazy("resumed"),
        needs=gettext_lazy("Only what is paused, or is asked to pause, can be resumed."),
    )

    def consequences(self) -> list[str]:
        """Say where it goes on."""
        if self.status is not ExecutionStatus.PAUSED:
            return [_("It was asked to pause and has not stopped yet. It simply goes on.")]
        return [
            _("It goes on where it stopped, as soon as a worker is free."),
            _("Timers that fell due meanwhile are over at once; steps that completed stay."),
        ]

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Resume it."""
        if not acting.resume(self.execution.pk):
            return None
        return self.done(_("Resumed: %(name)s.") % {"name": self.name}, "Resumed.")


def name_of(execution: WorkflowExecution) -> str:
    """Return an execution's name for people: its workflow with its key, or with its id."""
    return f"{execution.workflow_name} {execution.key or execution.pk}"
