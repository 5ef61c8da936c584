"""The pages of the acts that need more than a reason: cancel, retry, signal."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.act_page import ActPage, Done, Words
from durable_django.admin.acts.forms import (
    WITH_UNDO,
    WITHOUT_UNDO,
    CancelForm,
    OneSignalForm,
    ReasonForm,
)
from durable_django.admin.acts.step_facts import StepFact, newest_first
from durable_django.control.acting import Acting
from durable_django.control.actions import PERMISSION_OF, Action
from durable_django.control.family import visible_children
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.permissions import allows
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import EventType
from durable_django.domain.identifiers import groups_of
from durable_django.domain.status import (
    ExecutionStatus,
    ParentClosePolicy,
    WaitKind,
)
from durable_django.domain.wait import read_waits

_MAX_ERROR = 500


class CancelPage(ActPage):
    """End it, with or without undoing what it did."""

    action = Action.CANCEL
    template = "admin/durable_django/acts/cancel.html"
    event = EventType.CANCEL_REQUESTED
    is_dangerous = True
    words = Words(
        verb=gettext_lazy("Cancel"),
        participle=gettext_lazy("cancelled"),
        needs=gettext_lazy(
            "Only what is pending, running, waiting or paused can be cancelled, once, and what is "
            "parked for another reason than a failed undo."
        ),
    )

    @classmethod
    def is_allowed(cls, user: Any) -> bool:
        """Say whether the user may do one of the two."""
        return any(allows(user, PERMISSION_OF[one]) for one in (Action.CANCEL, Action.TERMINATE))

    def make_form(self, data: QueryDict | None) -> CancelForm:
        """Offer the ways that the user may take; what needs least care comes first."""
        ways = [
            (WITH_UNDO, Action.CANCEL, _("Undo its completed steps, then end it cancelled")),
            (
                WITHOUT_UNDO,
                Action.TERMINATE,
                _("End it cancelled, and leave its effects as they are"),
            ),
        ]
        mine = [(way, text) for way, act, text in ways if allows(self.user, PERMISSION_OF[act])]
        first = mine[-1][0] if self.action is Action.TERMINATE else mine[0][0]
        return CancelForm(data, ways=mine, initial={"how": first})

    def consequences(self) -> list[str]:
        """Say when it stops."""
        return [
            self.say_when_it_stops(),
            _("Once you have asked, it can no longer end completed. This cannot be taken back."),
            _("Signals that it has not consumed expire."),
        ]

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Tell what would be undone, newest first, and what has no undo."""
        done = [step for step in newest_first(self.steps) if step.is_done and step.is_step]
        return {
            "undone": [step for step in done if step.has_undo],
            "left": [step for step in done if not step.has_undo],
            "children": self._count_open_children(),
            "may_undo": allows(self.user, PERMISSION_OF[Action.CANCEL]),
        }

    def _count_open_children(self) -> int:
        """Return how many of the children that the user may see are cancelled with it."""
        children = visible_children(self.user, self.execution.pk)
        policy = ParentClosePolicy.CANCEL.value
        return children.filter(finished_at__isnull=True, on_parent_close=policy).count()

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Ask for the cancel."""
        undoes = form.cleaned_data["how"] == WITH_UNDO
        if not acting.cancel(self.execution.pk, compensate=undoes):
            return None
        told, logged = (
            (_("Cancelling %(name)s; its steps are undone first."), "Cancelled, with undo.")
            if undoes
            else (_("Cancelling %(name)s without undoing its steps."), "Cancelled, no undo.")
        )
        return self.done(told % {"name": self.name}, logged)


class TerminatePage(CancelPage):
    """The same page, with the other way chosen."""

    action = Action.TERMINATE

    @classmethod
    def is_allowed(cls, user: Any) -> bool:
        """Say whether the user may end an execution without undoing it."""
        return allows(user, PERMISSION_OF[Action.TERMINATE])


class RetryPage(ActPage):
    """Let what failed or is parked run again."""

    action = Action.RETRY
    template = "admin/durable_django/acts/retry.html"
    event = EventType.RETRIED
    words = Words(
        verb=gettext_lazy("Retry"),
        participle=gettext_lazy("retried"),
        needs=gettext_lazy("Only what has failed or is parked can be retried."),
    )

    @cached_property
    def error(self) -> ErrorRecord | None:
        """What ended or stopped it."""
        return ErrorRecord.from_text(self.execution.error) if self.execution.error else None

    @property
    def goes_on_undoing(self) -> bool:
        """Whether it stopped because an undo failed."""
        return self.status is ExecutionStatus.PARKED and self.execution.ending is not None

    def consequences(self) -> list[str]:
        """Say what happens next."""
        if self.goes_on_undoing:
            return [
                _(
                    "It stopped while it undid its steps. It goes on undoing: the undo that failed is tried again."
                ),
                _("It ends %(ending)s when everything is undone.")
                % {"ending": self.execution.ending},
            ]
        lines = [
            _("It runs again as soon as a worker is free, in the version it was started with.")
        ]
        if self.execution.pause_requested_at:
            lines.append(_("The pause that was asked for is forgotten."))
        return lines

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Tell which calls run again and which outcomes are kept."""
        call = self.error.call if self.error else ""
        again: list[StepFact] = []
        kept: list[StepFact] = []
        for step in self.steps:
            is_call = bool(call) and step.key in groups_of(call)
            is_again = is_call or step.is_undone or not step.is_settled
            (again if is_again else kept).append(step)
        return {
            "again": [] if self.goes_on_undoing else again,
            "kept": kept,
            "to_undo": [s for s in newest_first(kept) if s.is_done and s.has_undo]
            if self.goes_on_undoing
            else [],
            "goes_on_undoing": self.goes_on_undoing,
            "call": call,
            "error_text": redact_text(str(self.error))[:_MAX_ERROR] if self.error else "",
        }

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Retry it."""
        acting.retry(self.execution.pk)
        return self.done(_("Retrying %(name)s.") % {"name": self.name}, "Retried.")


class SignalPage(ActPage):
    """Send it a signal."""

    action = Action.SIGNAL
    template = "admin/durable_django/acts/signal.html"
    words = Words(
        verb=gettext_lazy("Send signal"),
        participle=gettext_lazy("signalled"),
        needs=gettext_lazy(
            "A signal can be sent to what has not ended and is not undoing its steps."
        ),
    )

    @property
    def awaited(self) -> str:
        """The name of the signal that it waits for now, or the first of several, if it does."""
        kind, name = WaitKind(self.execution.waiting_kind), self.execution.waiting_for
        if kind is WaitKind.SIGNAL:
            return name
        if kind is not WaitKind.SEVERAL:
            return ""
        with suppress(ValueError):  # nothing that this version wrote
            names = (one for part, one in read_waits(name) if part is WaitKind.SIGNAL)
            return next(names, "")
        return ""

    def make_form(self, data: QueryDict | None) -> OneSignalForm:
        """Propose what it waits for."""
        name = self.wanted.get("name") or self.awaited
        return OneSignalForm(data, initial={"name": name, "payload": "null"})

    def consequences(self) -> list[str]:
        """Say what the signal meets."""
        if self.awaited and self.execution.status == ExecutionStatus.SUSPENDED.value:
            return [
                _("It waits for the signal %(name)s, and goes on as soon as it comes.")
                % {"name": f"“{self.awaited}”"},
                _("A signal of another name stays in its mailbox until the workflow asks for it."),
            ]
        return [
            _(
                "It does not wait for a signal now. What you send stays in its mailbox until the workflow asks for it."
            ),
        ]

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Send it."""
        given = form.cleaned_data
        name = given["name"]
        _signal, is_new = acting.send_signal(
            self.execution.pk, name, given["payload"], dedupe_key=given["dedupe_key"]
        )
        if not is_new:
            said = _("This dedupe key was used before: the signal was not sent again.")
            raise ValidationError({"dedupe_key": said})
        told = _("The signal “%(signal)s” was sent to %(name)s.")
        return self.done(told % {"signal": name, "name": self.name}, f"Sent the signal {name!r}.")
