"""What may be done with a queue, and what its page says will happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.forms import ReasonForm
from durable_django.admin.queues.forms import LimitForm, RateForm, initial_of
from durable_django.control.queues.acting import QueueActing
from durable_django.control.queues.rows import QueueRow


class QueueAct:
    """One act on one queue, as one user is asked about it."""

    action: ClassVar[str]
    verb: ClassVar[Any]
    form_class: ClassVar[type[ReasonForm]] = ReasonForm
    #: Said to the log.
    logged: ClassVar[str]

    def __init__(self, row: QueueRow) -> None:
        self.row = row

    def why_not(self) -> str:
        """Return why it is not possible now; empty if it is."""
        return ""

    def make_form(self, data: QueryDict | None) -> ReasonForm:
        """Return the form to show or to read."""
        return self.form_class(data, initial=initial_of(self.row.control))

    def consequences(self) -> list[str]:
        """Return what will happen, in sentences."""
        raise NotImplementedError

    def perform(self, acting: QueueActing, form: ReasonForm) -> None:
        """Act."""
        raise NotImplementedError


class PauseAct(QueueAct):
    """Have workers take nothing from it."""

    action = "pause"
    verb = gettext_lazy("Pause")
    logged = "Paused."

    def why_not(self) -> str:
        """Refuse what is paused."""
        return _("It is paused.") if self.row.is_paused else ""

    def consequences(self) -> list[str]:
        """Say what stops, and what goes on."""
        return [
            _("Workers take nothing from it, within a second or so."),
            _("What is running goes on to its next wait, and stays there."),
            _("Timers and times to live go on: what falls due meanwhile is due at the resume."),
        ]

    def perform(self, acting: QueueActing, form: ReasonForm) -> None:
        """Pause it."""
        acting.pause(self.row.name)


class DrainAct(QueueAct):
    """Have workers begin nothing new of it."""

    action = "drain"
    verb = gettext_lazy("Drain")
    logged = "Draining."

    def why_not(self) -> str:
        """Refuse what is drained."""
        return _("It is being drained.") if self.row.is_draining else ""

    def consequences(self) -> list[str]:
        """Say what goes on, and what does not begin."""
        return [
            _("Workers begin nothing new of it, within a second or so."),
            _("What has begun goes on to its end, with the children it waits for; now that are %d.")
            % self.row.figures.begun,
            _("When none is left, this page says that it is drained."),
        ]

    def perform(self, acting: QueueActing, form: ReasonForm) -> None:
        """Drain it."""
        acting.drain(self.row.name)


class ResumeAct(QueueAct):
    """Open it."""

    action = "resume"
    verb = gettext_lazy("Resume")
    logged = "Resumed."

    def why_not(self) -> str:
        """Refuse what is open."""
        return _("It is open.") if self.row.is_open else ""

    def consequences(self) -> list[str]:
        """Say what begins."""
        return [
            _("Workers take from it again what is due; now that are %d.") % self.row.figures.due,
            _("Its limits stay as they are."),
        ]

    def perform(self, acting: QueueActing, form: ReasonForm) -> None:
        """Resume it."""
        acting.resume(self.row.name)


class LimitAct(QueueAct):
    """Set how many run at one moment."""

    action = "limit"
    verb = gettext_lazy("Set the limit")
    form_class = LimitForm
    logged = "Limit set."

    def consequences(self) -> list[str]:
        """Say what a limit holds back."""
        return [
            _("No more than so many of its executions are run at one moment, over all workers."),
            _("What runs above a lowered limit runs on to its next wait."),
            _("What sleeps or waits takes no place."),
        ]

    def perform(self, acting: QueueActing, form: ReasonForm) -> None:
        """Set it."""
        assert isinstance(form, LimitForm)  # noqa: S101 -- what this class makes
        acting.configure(self.row.name, **form.limits())


class RateAct(QueueAct):
    """Set how many begin in which time."""

    action = "rate"
    verb = gettext_lazy("Set the rate")
    form_class = RateForm
    logged = "Rate set."

    def consequences(self) -> list[str]:
        """Say what a rate holds back."""
        return [
            _("No more than so many of its executions begin in each period, over all workers."),
            _("After a quiet time, that many may begin at once."),
            _("What goes on after a wait needs no place in it."),
        ]

    def perform(self, acting: QueueActing, form: ReasonForm) -> None:
        """Set it."""
        assert isinstance(form, RateForm)  # noqa: S101 -- what this class makes
        acting.configure(self.row.name, **form.limits())


ACTS: Mapping[str, type[QueueAct]] = {
    act.action: act for act in (PauseAct, DrainAct, ResumeAct, LimitAct, RateAct)
}
