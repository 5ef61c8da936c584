"""The acts on one task: what each needs, asks, tells beforehand and does."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.human_tasks.forms import DelegateForm, ReassignForm
from durable_django.admin.human_tasks.link_acts import LinkAct, RevokeAct
from durable_django.admin.human_tasks.task_act import DO, STEER, Done, TaskAct
from durable_django.control import human_tasks


class ClaimAct(TaskAct):
    """Have it."""

    verb = gettext_lazy("Claim")
    needs = (DO,)
    asks = False

    def perform(self, form: forms.Form) -> Done:
        """Claim it."""
        human_tasks.claim(self.id, user=self.user)
        told = _("It is yours now: %(task)s.") % {"task": self.title}
        return Done(told=told, logged="Claimed.", stays=True)


class CompleteAct(TaskAct):
    """Answer it; the form is the task's own, on its page."""

    verb = gettext_lazy("Complete")
    needs = (DO,)
    asks = False


class ReleaseAct(TaskAct):
    """Let go of it, or have somebody else let go."""

    verb = gettext_lazy("Release")
    needs = (DO, STEER)

    def is_possible(self) -> bool:
        """Say whether somebody has it whom the user may have it taken from."""
        return self.row.can_release

    def consequences(self) -> list[str]:
        """Say who may claim it then."""
        return [
            _("It is nobody's then, and whoever it is offered to can claim it."),
            _("What was filled in and not sent is lost. Its due time stays."),
        ]

    def perform(self, form: forms.Form) -> Done:
        """Release it."""
        human_tasks.release(self.id, user=self.user, reason=form.cleaned_data["reason"])
        return Done(told=_("Released: %(task)s.") % {"task": self.title}, logged="Released.")


class DelegateAct(TaskAct):
    """Hand on what one has."""

    verb = gettext_lazy("Delegate")
    needs = (DO,)

    def is_possible(self) -> bool:
        """Say whether the user has it."""
        return self.row.can_delegate

    def make_form(self, data: QueryDict | None) -> forms.Form:
        """Ask to whom."""
        return DelegateForm(data)

    def consequences(self) -> list[str]:
        """Say whose it is then."""
        return [
            _("It is theirs then: they complete it, and the answer is in their name."),
            _("You stay named as who delegated it, and can look at it."),
        ]

    def perform(self, form: forms.Form) -> Done:
        """Delegate it."""
        to = form.cleaned_data["to"]
        reason = form.cleaned_data["reason"]
        human_tasks.delegate(self.id, to, user=self.user, reason=reason)
        told = _("Delegated to %(to)s: %(task)s.") % {"to": to, "task": self.title}
        return Done(told=told, logged=f"Delegated to {to!r}.")


class ReassignAct(TaskAct):
    """Give it to somebody, whoever has it."""

    verb = gettext_lazy("Reassign")
    needs = (STEER,)

    def is_possible(self) -> bool:
        """Say whether it is not over."""
        return self.row.can_reassign

    def make_form(self, data: QueryDict | None) -> forms.Form:
        """Ask to whom."""
        return ReassignForm(data)

    def consequences(self) -> list[str]:
        """Say who loses it."""
        first = (
            _("%(user)s has it no more.") % {"user": self.row.task.assignee}
            if self.row.task.assignee
            else _("Nobody has it now.")
        )
        return [
            first,
            _("A user has it at once; of a group, each member may claim it, and nobody else."),
        ]

    def perform(self, form: forms.Form) -> Done:
        """Reassign it."""
        to = form.cleaned_data["to"]
        reason = form.cleaned_data["reason"]
        human_tasks.reassign(self.id, to, user=self.user, reason=reason)
        told = _("Reassigned to %(to)s: %(task)s.") % {"to": to, "task": self.title}
        return Done(told=told, logged=f"Reassigned to {to!r}.")


class CancelAct(TaskAct):
    """End it without an answer."""

    verb = gettext_lazy("Cancel the task")
    needs = (STEER,)
    is_dangerous = True

    def is_possible(self) -> bool:
        """Say whether it is not over."""
        return self.row.can_cancel

    def consequences(self) -> list[str]:
        """Say what the workflow makes of it."""
        return [
            _("It ends without an answer. This cannot be taken back."),
            _(
                "Its execution is told at once: the call that asked fails, and unless the workflow "
                "catches that, the execution undoes its steps and fails."
            ),
            _("To have somebody else do it, reassign it instead."),
        ]

    def perform(self, form: forms.Form) -> Done:
        """Cancel it."""
        human_tasks.cancel(self.id, user=self.user, reason=form.cleaned_data["reason"])
        return Done(told=_("Cancelled: %(task)s.") % {"task": self.title}, logged="Cancelled.")


TASK_ACTS: Mapping[str, type[TaskAct]] = {
    "claim": ClaimAct,
    "complete": CompleteAct,
    "release": ReleaseAct,
    "delegate": DelegateAct,
    "reassign": ReassignAct,
    "cancel": CancelAct,
    "link": LinkAct,
    "revoke": RevokeAct,
}
