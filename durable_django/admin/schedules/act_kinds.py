"""What may be done with a schedule, and what its page says will happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from durable_django.admin.acts.forms import ReasonForm
from durable_django.admin.schedules.forms import BackfillForm
from durable_django.control.schedules.acting import MOST_BACKFILLED, ScheduleActing
from durable_django.control.schedules.rows import ScheduleRow, say_tick
from durable_django.domain.schedule import OverlapPolicy
from durable_django.exceptions import ScheduleError
from durable_django.scheduling.tick_requester import Backfill

_SHOWN_TICKS = 10
#: The option of the door that a form calls by another name, or not at all, is the form's own.
_FORM_FIELDS = frozenset({"start", "end"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, said to the person and to the log."""

    told: str
    logged: str
    #: What was started, to go on to.
    execution_id: UUID | None = None


class ScheduleAct:
    """One act on one schedule, as one user is asked about it."""

    action: ClassVar[str]
    verb: ClassVar[Any]
    template: ClassVar[str] = "admin/durable_django/schedules/act.html"
    is_dangerous: ClassVar[bool] = False

    def __init__(self, row: ScheduleRow) -> None:
        self.row = row

    def why_not(self) -> str:
        """Return why it is not possible now; empty if it is."""
        return ""

    def make_form(self, data: QueryDict | None) -> ReasonForm:
        """Return the form to show or to read."""
        return ReasonForm(data)

    def consequences(self) -> list[str]:
        """Return what will happen, in sentences."""
        raise NotImplementedError

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Return what the page's template needs besides."""
        return {}

    def is_ready(self, acting: ScheduleActing, form: ReasonForm) -> bool:
        """Say whether a valid form is enough to act, or more must be shown before."""
        return True

    def perform(self, acting: ScheduleActing, form: ReasonForm) -> Done:
        """Act."""
        raise NotImplementedError

    def _done(self, told: str, logged: str, execution_id: UUID | None = None) -> Done:
        return Done(told=told % {"name": self.row.name}, logged=logged, execution_id=execution_id)


class EnableAct(ScheduleAct):
    """Let it tick again."""

    action = "enable"
    verb = gettext_lazy("Enable")

    def why_not(self) -> str:
        """Refuse what is enabled, or cannot tick."""
        if self.row.schedule.is_enabled:
            return _("It is enabled.")
        return self.row.problem

    def consequences(self) -> list[str]:
        """Say when it runs next."""
        said = [
            _("It runs again from now on. What it did not run meanwhile stays so: backfill it.")
        ]
        if self.row.next_runs:
            run = self.row.next_runs[0]
            said.append(_("Next: %(local)s (%(utc)s).") % {"local": run.in_zone, "utc": run.in_utc})
        return [*said, _("Its failed starts are forgotten.")]

    def perform(self, acting: ScheduleActing, form: ReasonForm) -> Done:
        """Enable it."""
        acting.enable(self.row.name)
        return self._done(_("Enabled: %(name)s."), "Enabled.")


class DisableAct(ScheduleAct):
    """Let it tick no more."""

    action = "disable"
    verb = gettext_lazy("Disable")

    def why_not(self) -> str:
        """Refuse what is disabled."""
        return "" if self.row.schedule.is_enabled else _("It is disabled.")

    def consequences(self) -> list[str]:
        """Say what stops, and what goes on."""
        return [
            _("It starts nothing more until somebody enables it."),
            _("What it has started goes on."),
            _("It can be triggered and backfilled all the same."),
        ]

    def perform(self, acting: ScheduleActing, form: ReasonForm) -> Done:
        """Disable it."""
        acting.disable(self.row.name)
        return self._done(_("Disabled: %(name)s."), "Disabled.")


class TriggerAct(ScheduleAct):
    """Start its workflow now."""

    action = "trigger"
    verb = gettext_lazy("Trigger now")

    def consequences(self) -> list[str]:
        """Say what starts, and beside what."""
        schedule = self.row.schedule
        queued = schedule.overlap is OverlapPolicy.QUEUE
        return [
            _("%(workflow)s is started now, with the schedule's input.")
            % {"workflow": schedule.workflow_name},
            _("It begins when the runs before it have ended.")
            if queued
            else _("It runs beside whatever the schedule started before; nothing is cancelled."),
            _("When the schedule runs next does not change."),
        ]

    def perform(self, acting: ScheduleActing, form: ReasonForm) -> Done:
        """Trigger it."""
        handle = acting.trigger(self.row.name)
        return self._done(_("Started by %(name)s."), "Triggered.", handle.id)


class DeleteAct(ScheduleAct):
    """Delete it."""

    action = "delete"
    verb = gettext_lazy("Delete")
    is_dangerous = True

    def why_not(self) -> str:
        """Refuse what the code defines."""
        if self.row.is_deletable:
            return ""
        return _("The code defines it, so it is deleted there. It can be disabled here.")

    def consequences(self) -> list[str]:
        """Say what is lost."""
        return [
            _("The schedule and the list of its ticks are deleted. That cannot be taken back."),
            _("What it has started goes on, and stays."),
        ]

    def perform(self, acting: ScheduleActing, form: ReasonForm) -> Done:
        """Delete it."""
        acting.delete(self.row.name)
        return self._done(_("Deleted: %(name)s."), "Deleted.")


class BackfillAct(ScheduleAct):
    """Start ticks of the past; their count comes first."""

    action = "backfill"
    verb = gettext_lazy("Backfill")
    template = "admin/durable_django/schedules/backfill.html"
    _plan: Backfill | None = None

    def why_not(self) -> str:
        """Refuse what cannot tick."""
        return self.row.problem

    def make_form(self, data: QueryDict | None) -> ReasonForm:
        """Return the form; its times are those of the schedule's clock."""
        form = BackfillForm(data)
        zone = self.row.schedule.timezone
        for name in ("start", "end"):
            form.fields[name].help_text = _("On the clock of %s.") % zone
        if data is not None and not self.row.problem:
            with timezone.override(ZoneInfo(zone)):
                form.full_clean()
        return form

    def consequences(self) -> list[str]:
        """Say which ticks are started, and how."""
        queued = self.row.schedule.overlap is OverlapPolicy.QUEUE
        return [
            _(
                "Every tick in the range that started nothing is started now: missed and failed ones."
            ),
            _("What the overlap policy skipped stays skipped."),
            _("They run one after the other.")
            if queued
            else _("They run side by side, whatever the overlap policy."),
        ]

    def context(self, form: ReasonForm) -> dict[str, Any]:
        """Return the plan, if there is one."""
        plan = self._plan
        if plan is None:
            return {"plan": None}
        zone = ZoneInfo(self.row.schedule.timezone)
        return {
            "plan": plan,
            "count": len(plan.ticks),
            "told": ngettext(
                "%d execution would be started", "%d executions would be started", len(plan.ticks)
            )
            % len(plan.ticks),
            "ticks": [say_tick(tick.astimezone(zone)) for tick in plan.ticks[:_SHOWN_TICKS]],
            "more": max(0, len(plan.ticks) - _SHOWN_TICKS),
            "is_too_many": len(plan.ticks) > MOST_BACKFILLED,
            "most": MOST_BACKFILLED,
            "counted": _label(plan, form),
        }

    def is_ready(self, acting: ScheduleActing, form: ReasonForm) -> bool:
        """Count; act only on what the person has seen counted."""
        given = form.cleaned_data
        try:
            self._plan = acting.plan_backfill(self.row.name, given["start"], given["end"])
        except ScheduleError as error:
            form.add_error(error.field if error.field in _FORM_FIELDS else None, str(error))
            return False
        return bool(self._plan.ticks) and given["counted"] == _label(self._plan, form)

    def perform(self, acting: ScheduleActing, form: ReasonForm) -> Done:
        """Start them."""
        given = form.cleaned_data
        done = acting.backfill(self.row.name, given["start"], given["end"])
        count = len(done.execution_ids)
        told = ngettext("%d execution was started.", "%d executions were started.", count) % count
        return Done(told=told, logged=f"Backfilled: {count} started.")


def _label(plan: Backfill, form: ReasonForm) -> str:
    given = form.cleaned_data
    return f"{len(plan.ticks)} {given['start'].isoformat()} {given['end'].isoformat()}"


ACTS: Mapping[str, type[ScheduleAct]] = {
    act.action: act for act in (TriggerAct, BackfillAct, EnableAct, DisableAct, DeleteAct)
}
