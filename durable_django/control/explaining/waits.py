"""Explain executions that will go on by themselves: by an alarm, a signal or a free worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext as _

from durable_django.control.calls import find_last_end
from durable_django.control.explaining.held import (
    LATE_AFTER,
    advise_when_late,
    say_undoing,
    say_who_takes,
)
from durable_django.control.explaining.limits import (
    explain_limit,
    explain_queue,
    say_limits_of_queue,
)
from durable_django.control.explaining.outside import (
    explain_child,
    explain_event,
    explain_map,
    explain_poll,
    explain_several,
)
from durable_django.control.explaining.stops import failure_of, say_list
from durable_django.control.explaining.tasks import explain_task
from durable_django.control.explaining.values import Answer, Case
from durable_django.control.wording import say_duration, say_mailbox
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.signal import event_name_of
from durable_django.domain.status import (
    ExecutionStatus,
    SignalStatus,
    WaitKind,
)


def explain_waiting(case: Case) -> Answer:
    """Explain PENDING, SUSPENDED, and COMPENSATING while it waits."""
    alarm = case.execution.wake_at
    if alarm is not None and alarm <= case.now:
        return _explain_due(case, alarm)
    explain_news = _ENDED_FROM_OUTSIDE.get(case.execution.waiting_kind)
    if explain_news is not None:
        return explain_news(case)
    if alarm is None:
        return _explain_stuck(case)
    return _EXPLAINED.get(case.execution.waiting_kind, _explain_start)(case, alarm)


def _explain_due(case: Case, alarm: datetime) -> Answer:
    if (held_up := explain_queue(case, alarm)) is not None:
        return held_up
    waited = case.now - alarm
    late = waited > LATE_AFTER
    why = _say_why_due(case)
    if late:
        headline = _("Late: due for %(time)s") % {"time": say_duration(waited)}
        reason = _("%(why)s It is due since %(at)s, and no worker has taken it.")
    else:
        headline = _("Due now")
        reason = _("%(why)s It is due since %(at)s.")
    reason = f"{reason % {'why': why, 'at': case.say(alarm)}} {say_limits_of_queue(case.control)}"
    return Answer(
        headline=headline,
        reason=reason.strip(),
        next=say_who_takes(case),
        advice=advise_when_late(case) if late else _("Nothing: a worker takes it up at once."),
        since=alarm,
        is_late=late,
    )


def _say_why_due(case: Case) -> str:
    execution, name = case.execution, case.execution.waiting_for
    if execution.cancel_requested_at is not None and execution.ending is None:
        return _("It is to be cancelled.")
    if execution.expires_at is not None and execution.expires_at <= case.now:
        return _("Its time to live is over: it will end as failed.")
    said = {
        WaitKind.SIGNAL: _("Its wait for signal %(name)s has timed out."),
        WaitKind.TIMER: _("Its sleep %(name)s is over."),
        WaitKind.DEFERRED: _("A worker that took it did not know its workflow."),
        WaitKind.TASK: _("Its task %(name)s is answered, over, or to be reminded of."),
        WaitKind.CHILD: _("Its child %(name)s has ended, or the time for it is over."),
        WaitKind.MAP: _("Items of %(name)s have ended, or one is to be tried again."),
        WaitKind.EVENT: _("Event %(name)s has come, or the time for it is over."),
        WaitKind.POLL: _("It is time for the next check, %(name)s."),
        WaitKind.SEVERAL: _("One of the things that it waits for has come."),
    }
    if execution.waiting_kind is WaitKind.RETRY:
        return _say_failed_attempt(case)
    if any(s.name == name and s.status is SignalStatus.PENDING for s in case.signals):
        said[WaitKind.SIGNAL] = _("Signal %(name)s, which it waits for, has come.")
        said[WaitKind.EVENT] = _("Event %(name)s, which it waits for, has come.")
    otherwise = _("It can go on.") if execution.started_at else _("It has not begun.")
    shown = event_name_of(name) if execution.waiting_kind is WaitKind.EVENT else name
    return said.get(execution.waiting_kind, otherwise) % {"name": shown}


def _explain_signal(case: Case) -> Answer:
    execution, name = case.execution, case.execution.waiting_for
    until = case.wait.until if case.wait else None
    said = [_("It waits for signal %(name)s.") % {"name": name}]
    pending = [s for s in case.signals if s.status is SignalStatus.PENDING and s.name != name]
    if pending:
        others = sorted({say_mailbox(signal.name) for signal in pending})
        text = _("Signals of other names came, and stay in its inbox: %(names)s.")
        said.append(text % {"names": say_list(others)})
    follows = _("The signal.")
    if until is not None:
        text = _("The signal; or, if none has come by then, the timeout %(at)s.")
        follows = text % {"at": case.say(until)}
    elif execution.expires_at is not None:
        text = _("The signal; or the end of its time to live, %(at)s, when it fails.")
        until = execution.expires_at
        follows = text % {"at": case.say(until)}
    return Answer(
        headline=_("Waits for signal %(name)s") % {"name": name},
        reason=" ".join(said),
        next=follows,
        advice=_("Send signal %(name)s, if what it stands for has happened.") % {"name": name},
        since=find_last_end(execution, case.checkpoints),
        until=until,
    )


def _explain_timer(case: Case, alarm: datetime) -> Answer:
    name = case.execution.waiting_for
    until = case.wait.until if case.wait and case.wait.until else alarm
    said = {"name": name, "at": case.say(until), "left": say_duration(until - case.now)}
    return Answer(
        headline=_("Sleeps: %(name)s") % said,
        reason=_("It sleeps (%(name)s); %(left)s are left.") % said,
        next=_say_end_of(case, alarm, until, _("Its timer, %(at)s.") % said),
        advice=_("Wait; or fire the timer, if it need not sleep any longer."),
        since=find_last_end(case.execution, case.checkpoints),
        until=until,
    )


def _explain_retry(case: Case, alarm: datetime) -> Answer:
    name = case.execution.waiting_for
    until = case.wait.until if case.wait and case.wait.until else alarm
    row = _last_attempt(case)
    said = {"name": name, "at": case.say(until)}
    reason = _say_failed_attempt(case)
    if case.execution.status is ExecutionStatus.COMPENSATING:
        reason = f"{reason} {say_undoing(case)}"
    return Answer(
        headline=_("Tries %(name)s again") % said,
        reason=reason,
        next=_say_end_of(case, alarm, until, _("The next attempt of %(name)s, %(at)s.") % said),
        advice=_("Wait; or fire the timer, once the cause is mended, to try again at once."),
        since=row.completed_at if row else None,
        until=until,
    )


def _explain_deferred(case: Case, alarm: datetime) -> Answer:
    execution = case.execution
    said = {
        "name": execution.workflow_name,
        "version": execution.workflow_version,
        "at": case.say(alarm),
        "queue": execution.queue,
    }
    return Answer(
        headline=_("Its workflow is unknown to the worker"),
        reason=_("A worker took it that does not register %(name)s version %(version)s.") % said,
        next=_("A worker of queue %(queue)s that registers it, from %(at)s on.") % said,
        advice=_("Deploy code that registers it: after a day unknown it is parked."),
        since=_deferred_since(execution.waiting_for) or execution.updated_at,
        until=alarm,
    )


def _explain_start(case: Case, alarm: datetime) -> Answer:
    """Explain what waits for its alarm alone: a planned start, or a later turn."""
    execution = case.execution
    said = {"at": case.say(alarm), "left": say_duration(alarm - case.now)}
    has_begun = execution.started_at is not None
    reason = _("It was given back and goes on later.") if has_begun else _("It has not begun.")
    if execution.status is ExecutionStatus.COMPENSATING:
        reason = say_undoing(case)
    headline = _("Goes on in %(left)s") if has_begun else _("Starts in %(left)s")
    return Answer(
        headline=headline % said,
        reason=reason,
        next=_("Its alarm, %(at)s; a worker takes it up then.") % said,
        advice=_("Nothing is to be done."),
        since=execution.updated_at,
        until=alarm,
    )


def _explain_stuck(case: Case) -> Answer:
    execution = case.execution
    return Answer(
        headline=_("Stuck: it has no alarm"),
        reason=_(
            "It has no alarm and waits for no signal. That must not happen: please report it."
        ),
        next=_("Nothing will."),
        advice=(
            _("Nothing here can help an undoing: please report it.")
            if execution.status is ExecutionStatus.COMPENSATING
            else _("Pause and resume it: that sets it going again.")
        ),
        since=execution.updated_at,
        is_late=True,
    )


# --- what they have in common ---


def _say_failed_attempt(case: Case) -> str:
    row = _last_attempt(case)
    name = case.execution.waiting_for
    if row is None:
        return _("An attempt of %(name)s failed.") % {"name": name}
    text = _("Attempt %(attempt)s of %(name)s failed: %(error)s.")
    error = case.say_error(failure_of(row)).rstrip(".")
    return text % {"attempt": row.attempt, "name": row.key, "error": error}


def _last_attempt(case: Case) -> Checkpoint | None:
    if case.wait is None:
        return None
    rows = [row for row in case.checkpoints if row.key == case.wait.key]
    return max(rows, key=lambda row: row.attempt, default=None)


def _say_end_of(case: Case, alarm: datetime, until: datetime, follows: str) -> str:
    expires_at = case.execution.expires_at
    if expires_at is not None and alarm == expires_at < until:
        text = _("Before that its time to live is over, %(at)s, and it fails.")
        return f"{follows} {text % {'at': case.say(expires_at)}}"
    return follows


def _deferred_since(waiting_for: str) -> datetime | None:
    try:
        return datetime.fromisoformat(waiting_for.rpartition(" ")[2])
    except ValueError:
        return None


#: What comes from outside; an alarm is only its timeout.
_ENDED_FROM_OUTSIDE: dict[WaitKind, Callable[[Case], Answer]] = {
    WaitKind.SIGNAL: _explain_signal,
    WaitKind.LIMIT: explain_limit,
    WaitKind.TASK: explain_task,
    WaitKind.CHILD: explain_child,
    WaitKind.MAP: explain_map,
    WaitKind.EVENT: explain_event,
    WaitKind.POLL: explain_poll,
    WaitKind.SEVERAL: explain_several,
}
_EXPLAINED: dict[WaitKind, Callable[[Case, datetime], Answer]] = {
    WaitKind.TIMER: _explain_timer,
    WaitKind.RETRY: _explain_retry,
    WaitKind.DEFERRED: _explain_deferred,
    WaitKind.YIELD: _explain_start,
    WaitKind.NOTHING: _explain_start,
}
