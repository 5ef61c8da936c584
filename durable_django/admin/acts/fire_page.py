"""The page that has a timer fire now: a sleep, a timeout, the next attempt or check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.http import QueryDict
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.acts.act_page import ActPage, Done, Words
from durable_django.admin.acts.forms import ReasonForm, TimerForm
from durable_django.admin.acts.step_facts import Pending, StepFact, list_pending
from durable_django.control.acting import Acting
from durable_django.control.actions import Action
from durable_django.control.calls import UNDO_PREFIX
from durable_django.domain.event import EventType
from durable_django.domain.status import CheckpointKind, ExecutionStatus, WaitKind
from durable_django.runtime import engine

#: Where the name of the timer does not tell what it is, by what the execution waits for.
_TIMEOUTS: Mapping[str, Promise] = {
    WaitKind.EVENT.value: gettext_lazy("timeout of a wait for an event"),
    WaitKind.SEVERAL.value: gettext_lazy("end of a sleep, or a timeout"),
}


class FireTimerPage(ActPage):
    """Have a sleep, a timeout or the delay before an attempt be over now."""

    action = Action.FIRE_TIMER
    template = "admin/durable_django/acts/fire_timer.html"
    event = EventType.TIMER_FIRED
    words = Words(
        verb=gettext_lazy("Fire timer"),
        participle=gettext_lazy("woken by a timer"),
        needs=gettext_lazy(
            "Only what has not ended and has a timer still to come can be woken so."
        ),
    )

    @cached_property
    def pending(self) -> list[Pending]:
        """What could fire."""
        now = engine().store.now()
        # What is due already needs no person; a worker that is free does.
        return [timer for timer in list_pending(self.execution) if timer.due_at > now]

    def is_possible(self) -> bool:
        """Say whether it is alive and has a timer."""
        return not self.status.is_terminal and bool(self.pending)

    def make_form(self, data: QueryDict | None) -> TimerForm:
        """Offer the timers, the one the link named or the next one chosen."""
        keys = [timer.key for timer in self.pending]
        wanted = self.wanted.get("key")
        first = wanted if wanted in keys else keys[0]
        return TimerForm(data, timers=keys, initial={"timer": first})

    def consequences(self) -> list[str]:
        """Say what firing means."""
        lines = [_("The timer is over now instead of at its time. This cannot be taken back.")]
        if self.status is ExecutionStatus.PAUSED:
            lines.append(_("It is paused: it notices when it is resumed."))
        if self.execution.waiting_kind == WaitKind.SIGNAL.value:
            lines.append(
                _("It waits for a signal: to it, a fired timer means that none came in time.")
            )
        return lines

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Put what each timer is beside its radio button."""
        radios = cast("Any", form["timer"])
        kinds = {step.key: step for step in self.steps}
        return {
            "timers": [
                {"radio": radio, "timer": timer, "what": self._describe(timer, kinds)}
                for radio, timer in zip(radios, self.pending, strict=True)
            ]
        }

    def _describe(self, timer: Pending, steps: dict[str, Any]) -> str:
        step: StepFact | None = steps.get(timer.key)
        return self._describe_attempt(timer, step) if timer.is_attempt else self._name(timer, step)

    def _describe_attempt(self, timer: Pending, step: StepFact | None) -> str:
        if step is None:
            is_undo = timer.key.startswith(UNDO_PREFIX)
            return _("next attempt of an undo") if is_undo else _("next attempt of an item")
        if step.kind is CheckpointKind.POLL:
            return _("next check")
        return _("attempt %(number)d of a step") % {"number": step.attempt + 1}

    def _name(self, timer: Pending, step: StepFact | None) -> str:
        """Say what a timer is: it belongs to a sleep, to a wait, or to what waits outside."""
        if step is not None:
            # Only what stays open while it waits has a row beside its timer.
            return _("timeout of %(what)s") % {"what": step.word}
        kind, name = self.execution.waiting_kind, self.execution.waiting_for
        if kind in _TIMEOUTS:
            return str(_TIMEOUTS[kind])
        is_timeout = (
            kind == WaitKind.SIGNAL.value
            and timer.key.rpartition("/")[2].split("#")[0] == name.split("#")[0]
        )
        return _("timeout of a wait for a signal") if is_timeout else _("end of a sleep")

    def perform(self, acting: Acting, form: ReasonForm) -> Done | None:
        """Fire it."""
        key = form.cleaned_data["timer"]
        acting.fire_timer(self.execution.pk, key)
        told = _("The timer “%(timer)s” of %(name)s has fired.")
        return self.done(told % {"timer": key, "name": self.name}, f"Fired the timer {key!r}.")
