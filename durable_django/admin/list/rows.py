"""What a row of the list says of an execution beyond its columns: where it stands, in a line or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.page.header import read_progress
from durable_django.control.figures.step_tallies import MAX_TALLIED, StepTally
from durable_django.control.payloads.error_excerpts import ErrorExcerpt
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.showing import render_time
from durable_django.control.wording import say_duration, say_instant, say_moment
from durable_django.domain.signal import event_name_of
from durable_django.domain.status import CheckpointStatus, ExecutionStatus, ParkReason, WaitKind
from durable_django.models import WorkflowExecution

#: What a row shows of an execution; no payload, and of the error only the beginning, apart.
ROW_COLUMNS = (
    "id",
    "workflow_name",
    "workflow_version",
    "status",
    "key",
    "wake_at",
    "waiting_kind",
    "waiting_for",
    "park_reason",
    "parent_id",
    "parent_key",
    "ending",
    "progress",
    "cancel_requested_at",
    "cancel_reason",
    "pause_requested_at",
    "created_at",
    "started_at",
    "finished_at",
)
MAX_MESSAGE_SHOWN = 160
_UNDO = "~undo/"
_NOTHING = SafeString("")
_TO_RESUME = gettext_lazy("until somebody resumes it")
#: What it waits for that only something outside ends, or its own next turn.
_AT: Mapping[WaitKind, str | Promise] = {
    WaitKind.CHILD: gettext_lazy("child %(name)s"),
    WaitKind.MAP: gettext_lazy("items of %(name)s"),
    WaitKind.EVENT: gettext_lazy("event %(name)s"),
    WaitKind.POLL: gettext_lazy("check %(name)s"),
    WaitKind.TASK: gettext_lazy("task %(name)s"),
    WaitKind.SEVERAL: gettext_lazy("several things"),
}
_PARKED: Mapping[str, str | Promise] = {
    ParkReason.NONDETERMINISM.value: gettext_lazy("its code changed under it"),
    ParkReason.UNKNOWN_WORKFLOW.value: gettext_lazy("no worker has its code"),
    ParkReason.POISON.value: gettext_lazy("its workers died one after another"),
    ParkReason.PAYLOAD.value: gettext_lazy("a payload cannot be stored or read"),
    ParkReason.FAILURE.value: gettext_lazy("failed, and needs a person"),
    ParkReason.COMPENSATION_FAILED.value: gettext_lazy("an undo failed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One execution of the list, with what was read beside it."""

    execution: WorkflowExecution
    tally: StepTally | None
    error: ErrorExcerpt | None
    now: datetime

    @property
    def status(self) -> ExecutionStatus:
        """Its status."""
        return ExecutionStatus(self.execution.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an execution stands: what it is at, and quieter, what comes of it."""

    at: str = ""
    then: SafeString = _NOTHING


def render_standing(row: Row) -> SafeString:
    """Return the current step or the reason for waiting, when that is over, and the error if any."""
    standing = _STANDINGS[row.status](row)
    notes = [note for note in (standing.then, _say_requests(row)) if note]
    said = format_html_join(" · ", "{}", ((note,) for note in notes))
    return format_html(
        '<span class="dw-cell">{}{}{}</span>',
        standing.at,
        format_html('<span class="dw-muted">{}</span>', said) if said else "",
        _render_error(row),
    )


def render_attempts(row: Row) -> SafeString:
    """Return how many attempts of steps there were, and how many of them were not the first."""
    if row.tally is None:
        return format_html('<span class="dw-muted">{}</span>', "0")
    count = (
        f"{number_format(MAX_TALLIED, force_grouping=True)}+"
        if row.tally.is_capped
        else str(row.tally.attempts)
    )
    if not row.tally.retries:
        return format_html("{}", count)
    retries = _("%d again") % row.tally.retries
    return format_html('{} <span class="dw-muted">{}</span>', count, retries)


def render_duration(row: Row) -> SafeString:
    """Return how long it took, or has taken so far; before it begins, how long it has waited."""
    execution = row.execution
    begin = execution.started_at or execution.created_at
    lasted = say_duration((execution.finished_at or row.now) - begin)
    if execution.finished_at is not None:
        return format_html("{}", lasted)
    # The word says that it goes on: the colour alone would not.
    so_far = _("so far") if execution.started_at else _("queued")
    return format_html('{} <span class="dw-muted">{}</span>', lasted, so_far)


def _stand_pending(row: Row) -> Standing:
    alarm = row.execution.wake_at
    if alarm is not None and alarm > row.now:
        return Standing(at=_("not to begin yet"), then=_say_when(_("begins"), alarm, row))
    return Standing(at=_("waits for a worker"))


def _stand_running(row: Row) -> Standing:
    if _is_lost(row):
        return Standing(at=_("lost with its worker"), then=format_html("{}", _("to be taken up")))
    tally = row.tally
    if tally is None or tally.is_capped:
        return Standing(at=_("runs"), then=_say_progress(row))
    if tally.latest_status is not CheckpointStatus.INTENT:
        return Standing(at=_("after %s") % tally.latest_key, then=_say_progress(row))
    return Standing(at=_name_attempt(tally), then=_say_progress(row))


def _stand_compensating(row: Row) -> Standing:
    is_undo = row.tally is not None and row.tally.latest_key.startswith(_UNDO)
    step = row.tally.latest_key.removeprefix(_UNDO) if row.tally and is_undo else ""
    what = _("undoes %s") % step if step else _("undoes its steps")
    cancelled = row.execution.ending == ExecutionStatus.CANCELLED.value
    why = _("because it was cancelled") if cancelled else _("because it failed")
    if row.execution.waiting_kind == WaitKind.RETRY:
        return _stand_waiting(row)
    return Standing(at=what, then=format_html("{}", why))


def _stand_waiting(row: Row) -> Standing:
    execution = row.execution
    alarm, name = execution.wake_at, _name_of_call(execution.waiting_for)
    if execution.waiting_kind == WaitKind.SIGNAL:
        until = _say_when(_("until"), alarm, row) if alarm else format_html("{}", _("for ever"))
        return Standing(at=_("signal %s") % name, then=until)
    if execution.waiting_kind == WaitKind.TIMER:
        return Standing(at=_("sleep %s") % name, then=_say_when(_("until"), alarm, row))
    if execution.waiting_kind == WaitKind.RETRY:
        return Standing(at=_say_failure(row, name), then=_say_when(_("next"), alarm, row))
    if execution.waiting_kind in _AT:
        at = str(_AT[WaitKind(execution.waiting_kind)]) % {"name": _say_mailbox(execution)}
        return Standing(at=at, then=_say_when(_("until"), alarm, row) if alarm else _NOTHING)
    if execution.waiting_kind == WaitKind.DEFERRED:
        version = f"{execution.workflow_name} v{execution.workflow_version}"
        return Standing(
            at=_("no worker knows %s") % version, then=_say_when(_("asks again"), alarm, row)
        )
    return Standing(at=_("waits for a worker"))


def _say_mailbox(execution: WorkflowExecution) -> str:
    is_event = execution.waiting_kind == WaitKind.EVENT
    return event_name_of(execution.waiting_for) if is_event else execution.waiting_for


def _stand_parked(row: Row) -> Standing:
    reason = row.execution.park_reason or ""
    return Standing(at=str(_PARKED.get(reason, reason)))


def _stand_failed(row: Row) -> Standing:
    return Standing(at=_name_of_call(row.error.call) if row.error else "")


def _stand_cancelled(row: Row) -> Standing:
    reason = redact_text(row.execution.cancel_reason)
    return Standing(then=format_html("{}", _cut(reason)))


def _say_failure(row: Row, name: str) -> str:
    tally = row.tally
    if tally is None or tally.is_capped or tally.latest_status is not CheckpointStatus.FAILED:
        return _("%s failed") % name
    return _("%(step)s attempt %(attempt)d failed") % {
        "step": name,
        "attempt": tally.latest_attempt,
    }


def _name_attempt(tally: StepTally) -> str:
    name = _name_of_call(tally.latest_key)
    if tally.latest_attempt == 1:
        return name
    return _("%(step)s attempt %(attempt)d") % {"step": name, "attempt": tally.latest_attempt}


def _name_of_call(key: str) -> str:
    return _("undo of %s") % key.removeprefix(_UNDO) if key.startswith(_UNDO) else key


def _say_when(word: str, alarm: datetime | None, row: Row) -> SafeString:
    """Say when something is due: soon ones by how long it is, later ones by the clock."""
    if alarm is None:
        return _NOTHING
    if alarm <= row.now:
        return format_html("{}", _("due, waits for a worker"))
    if alarm - row.now < timedelta(hours=1):
        return format_html("{} {}", word, render_time(alarm, row.now))
    moment = say_moment(alarm, row.now)
    return format_html('{} <span title="{}">{}</span>', word, say_instant(alarm), moment)


def _say_requests(row: Row) -> SafeString:
    if row.status.is_terminal:
        return _NOTHING
    if row.execution.cancel_requested_at is not None:
        return format_html("{}", _("cancel requested"))
    if row.execution.pause_requested_at is not None and row.status is not ExecutionStatus.PAUSED:
        return format_html("{}", _("pause requested"))
    return _NOTHING


def _say_progress(row: Row) -> SafeString:
    progress = read_progress(row.execution.progress)
    return format_html("{}", progress.text) if progress else _NOTHING


def _is_lost(row: Row) -> bool:
    lease_end = row.execution.wake_at
    return lease_end is not None and lease_end <= row.now


def _render_error(row: Row) -> SafeString:
    shows = row.status in (ExecutionStatus.FAILED, ExecutionStatus.PARKED)
    if row.error is None or not shows:
        return _NOTHING
    # The module is in the way here; the whole name is on the execution's page.
    kind = row.error.type.rpartition(".")[2]
    message = redact_text(row.error.message)
    said = f"{kind}: {message}" if message else kind
    return format_html('<span class="dw-error" title="{}">{}</span>', row.error.type, _cut(said))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE_SHOWN else f"{line[:MAX_MESSAGE_SHOWN]}…"


_STANDINGS: Mapping[ExecutionStatus, Callable[[Row], Standing]] = {
    ExecutionStatus.PENDING: _stand_pending,
    ExecutionStatus.RUNNING: _stand_running,
    ExecutionStatus.SUSPENDED: _stand_waiting,
    ExecutionStatus.COMPENSATING: _stand_compensating,
    ExecutionStatus.PAUSED: lambda _row: Standing(at=str(_TO_RESUME)),
    ExecutionStatus.PARKED: _stand_parked,
    ExecutionStatus.FAILED: _stand_failed,
    ExecutionStatus.CANCELLED: _stand_cancelled,
    ExecutionStatus.COMPLETED: lambda _row: Standing(),
}
