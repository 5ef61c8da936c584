"""Explain executions that a worker holds, or held when it was lost."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from durable_django.control.calls import find_open, is_running
from durable_django.control.explaining.stops import list_to_undo, say_list
from durable_django.control.explaining.values import Answer, Case
from durable_django.domain.status import CheckpointStatus, ExecutionStatus, Guarantee
from durable_django.engine.slice_ender import undone_for

#: What is due for longer is late: a worker that is free takes up due work within a second.
LATE_AFTER = timedelta(seconds=10)


def explain_held(case: Case) -> Answer:
    """Explain RUNNING, and COMPENSATING while it does not wait."""
    execution, now = case.execution, case.now
    if not is_running(execution, now):
        return _explain_lost(case)
    row = find_open(case.calls)
    begun = execution.started_at or execution.updated_at
    if execution.status is ExecutionStatus.COMPENSATING:
        headline, reason = _("Undoes its steps"), say_undoing(case)
    elif row is None:
        headline, reason = _("Running"), _("A worker runs it, between two recorded calls.")
    else:
        headline = _("Runs %(call)s") % {"call": row.key}
        text = _("Worker %(worker)s runs %(call)s, attempt %(attempt)s.")
        reason = text % {
            "worker": execution.lease_owner or "?",
            "call": row.key,
            "attempt": row.attempt,
        }
    text = _("Nothing need wake it: it runs. If its worker dies, another takes it up %(at)s.")
    return Answer(
        headline=headline,
        reason=reason,
        next=text % {"at": case.say(execution.wake_at or now)},
        advice=_advise_while_it_runs(case),
        since=(row.started_at if row else None) or begun,
    )


def _explain_lost(case: Case) -> Answer:
    execution, now = case.execution, case.now
    ended = execution.wake_at
    row = find_open(case.calls)
    doing = _("undid its steps") if execution.ending else _("ran it")
    if row is not None:
        doing = _("ran %(call)s, attempt %(attempt)s") % {"call": row.key, "attempt": row.attempt}
    text = _("Worker %(worker)s %(doing)s and was lost: its lease ended %(at)s.")
    at = case.say(ended) if ended else _("at a time that is not recorded")
    reason = text % {"worker": execution.lease_owner or "?", "doing": doing, "at": at}
    if execution.recoveries:
        lost = _("It lost %(n)s workers before that without a new checkpoint.")
        reason += f" {lost % {'n': execution.recoveries}}"
    late = ended is None or now - ended > LATE_AFTER
    return Answer(
        headline=_("Lost with its worker"),
        reason=reason,
        next=say_who_takes(case),
        advice=advise_when_late(case) if late else _("Wait a few seconds: it recovers by itself."),
        since=ended,
        is_late=late,
    )


def _advise_while_it_runs(case: Case) -> str:
    if case.execution.status is ExecutionStatus.COMPENSATING:
        return _(
            "Nothing: an undoing can be neither cancelled nor paused. Wait until it has ended."
        )
    return _("Nothing is to be done. A cancel or a pause takes effect before the next call.")


def say_undoing(case: Case) -> str:
    """Return why it undoes its steps, what is undone and what is left."""
    execution = case.execution
    undone = [c.key for c in case.calls if c.last.status is CheckpointStatus.COMPENSATED]
    left = list_to_undo(case)
    cause = undone_for(execution.error)
    if execution.ending is ExecutionStatus.CANCELLED:
        said = [_("It was cancelled and undoes its completed steps, newest first.")]
    else:
        said = [_("It failed and undoes its completed steps, newest first.")]
    if cause is not None:
        said.append(_("The cause: %(error)s.") % {"error": case.say_error(cause).rstrip(".")})
    said.append(_("Undone: %(calls)s.") % {"calls": say_list(undone) or _("nothing yet")})
    said.append(_("Left: %(calls)s.") % {"calls": say_list(left) or _("nothing")})
    return " ".join(said)


def say_who_takes(case: Case) -> str:
    """Return who takes up what is due."""
    execution = case.execution
    if execution.guarantee is Guarantee.FOREGROUND:
        return _("The process that called run(); if that has gone, durable_recover hands it on.")
    text = _("A worker of queue %(queue)s, as soon as one is free.")
    return text % {"queue": execution.queue}


def advise_when_late(case: Case) -> str:
    """Return what to look at when nobody has taken up what is due."""
    if case.execution.guarantee is Guarantee.FOREGROUND:
        return _("Run durable_recover: it hands to the workers what its own process has left.")
    text = _(
        "Is there a worker that takes queue %(queue)s, and is it free? The health page says so. "
        "durable_recover takes it up now."
    )
    return text % {"queue": case.execution.queue}
