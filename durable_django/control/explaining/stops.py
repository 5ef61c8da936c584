"""Explain executions that have ended, or that stopped until a person acts."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as _noop
from django.utils.translation import ngettext

from durable_django.control.calls import Call
from durable_django.control.explaining.values import Answer, Case
from durable_django.control.wording import say_duration
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointStatus, ParkReason
from durable_django.engine.slice_ender import undone_for


def explain_completed(case: Case) -> Answer:
    """Explain COMPLETED."""
    execution = case.execution
    began, ended = execution.created_at, _ended_at(execution)
    took = say_duration(ended - began)
    return Answer(
        headline=_("Completed in %(took)s") % {"took": took},
        reason=_("It came to its end %(at)s, and its result is stored.") % {"at": case.say(ended)},
        next=_("Nothing: it has ended."),
        advice=_("Nothing is to be done. A fork runs parts of it again, as a new execution."),
        since=ended,
    )


def explain_failed(case: Case) -> Answer:
    """Explain FAILED."""
    call = find_failed_call(case)
    ended = _ended_at(case.execution)
    return Answer(
        headline=_headline_of_failure(case, call),
        reason=_reason_of_failure(case, call),
        next=_("Nothing is scheduled: it has ended."),
        advice=_("Mend what failed, then retry; or fork it from an earlier step."),
        since=ended,
    )


def explain_cancelled(case: Case) -> Answer:
    """Explain CANCELLED."""
    execution = case.execution
    ended = _ended_at(execution)
    said = [_("It was cancelled, and ended %(at)s.") % {"at": case.say(ended)}]
    if execution.cancel_reason:
        reason = case.describe_error(execution.cancel_reason)
        said.append(_("The reason given: %(reason)s.") % {"reason": reason})
    undone = [call.key for call in case.calls if call.last.status is CheckpointStatus.COMPENSATED]
    if undone:
        said.append(_("Undone: %(calls)s.") % {"calls": say_list(undone)})
    elif not execution.cancel_compensates:
        said.append(_("Nothing was undone, as was asked for."))
    return Answer(
        headline=_("Cancelled"),
        reason=" ".join(said),
        next=_("Nothing: it has ended for good, and cannot be retried."),
        advice=_("To do its work after all, fork it or start a new one."),
        since=ended,
    )


def explain_paused(case: Case) -> Answer:
    """Explain PAUSED."""
    execution = case.execution
    since = execution.pause_requested_at or execution.updated_at
    after = case.checkpoints[-1].key if case.checkpoints else ""
    where = _("after %(call)s") % {"call": after} if after else _("before its first call")
    said = _("It was paused by a person, %(where)s.") % {"where": where}
    if execution.expires_at is not None:
        text = _("Its time to live is over %(at)s; that is noticed when it is resumed.")
        said = f"{said} {text % {'at': case.say(execution.expires_at)}}"
    return Answer(
        headline=_("Paused"),
        reason=said,
        next=_("A person: nothing else wakes it. Timers that fall due and signals wait with it."),
        advice=_("Resume it, or cancel it."),
        since=since,
    )


def explain_parked(case: Case) -> Answer:
    """Explain PARKED."""
    execution = case.execution
    headline, why, advice = _PARKED.get(execution.park_reason, _UNKNOWN)
    said = [str(_(why))]
    if case.error is not None:
        said.append(_("It says: %(error)s.") % {"error": case.say_error(case.error).rstrip(".")})
    if execution.ending is not None:
        cause = undone_for(execution.error)
        if cause is not None and cause != case.error:
            said.append(
                _("It was undoing because of: %(error)s.") % {"error": case.say_error(cause)}
            )
    return Answer(
        headline=_("Parked: %(why)s") % {"why": _(headline)},
        reason=" ".join(said),
        next=_("A person: nothing else wakes it."),
        advice=_(advice),
        since=execution.updated_at,
    )


def find_failed_call(case: Case) -> Call | None:
    """Return the call whose failure ended or parked the execution, if it was a call's."""
    error = case.error
    if error is not None and error.call:
        return next((call for call in case.calls if call.key == error.call), None)
    return None


def list_to_undo(case: Case) -> list[str]:
    """Return the calls that would be undone, the last one first; of a map, how many items."""
    return [name for call in reversed(case.calls) if (name := _name_to_undo(case, call))]


def _name_to_undo(case: Case, call: Call) -> str:
    count = case.maps.get(call.key)
    if count is not None and count.to_undo:
        text = ngettext("%(call)s (%(n)s item)", "%(call)s (%(n)s items)", count.to_undo)
        return text % {"call": call.key, "n": count.to_undo}
    return call.key if call.is_to_undo else ""


def failure_of(row: Checkpoint) -> ErrorRecord | None:
    """Return why the attempt failed."""
    return ErrorRecord.from_text(row.error) if row.error else None


def is_business(error: ErrorRecord | None) -> bool:
    """Say whether the error is an outcome that the step names in `raises`."""
    return error is not None and bool(error.args)


def say_list(names: list[str], most: int = 8) -> str:
    """Return names with commas, cut after `most`."""
    said = ", ".join(names[:most])
    more = len(names) - most
    return _("%(names)s and %(more)s more") % {"names": said, "more": more} if more > 0 else said


def _ended_at(execution: Execution) -> datetime:
    return execution.finished_at or execution.updated_at


def _headline_of_failure(case: Case, call: Call | None) -> str:
    kind = case.error.type if case.error else _("no error was recorded")
    if case.error is not None and case.error.code == "expired":
        return _("Failed: its time to live was over")
    if call is None:
        return _("Failed: %(error)s") % {"error": kind}
    return _("Failed: %(call)s, %(error)s") % {"call": call.key, "error": kind}


def _reason_of_failure(case: Case, call: Call | None) -> str:
    said = []
    if call is not None:
        error = failure_of(call.last) or case.error
        text = _("%(call)s failed for good at attempt %(attempt)s: %(error)s.")
        said.append(
            text
            % {
                "call": call.key,
                "attempt": call.last.attempt,
                "error": case.say_error(error).rstrip("."),
            }
        )
        if is_business(error):
            said.append(_("That is a business outcome, which is not tried again."))
    elif case.error is not None and case.error.code == "expired":
        said.append(_("It had not ended when its time to live was over."))
    else:
        text = _("Its body raised an error that no step caused: %(error)s.")
        said.append(text % {"error": case.say_error(case.error).rstrip(".")})
    undone = [one.key for one in case.calls if one.last.status is CheckpointStatus.COMPENSATED]
    if undone:
        said.append(_("Undone since: %(calls)s.") % {"calls": say_list(undone)})
    return " ".join(said)


_UNKNOWN = (
    _noop("a person must decide"),
    _noop("It stopped, and no reason is recorded."),
    _noop("Look at the history, then retry or cancel it."),
)
_PARKED: dict[ParkReason | None, tuple[str, str, str]] = {
    ParkReason.NONDETERMINISM: (
        _noop("its code has changed"),
        _noop("Its code no longer does what its checkpoints record."),
        _noop(
            "Restore the code as it was, or register the change as a new version; then retry. "
            "Or fork it to the new version."
        ),
    ),
    ParkReason.UNKNOWN_WORKFLOW: (
        _noop("no worker knows its workflow"),
        _noop("No worker registers its workflow in this version, and none did for too long."),
        _noop("Deploy code that registers it, then retry. Or fork it to a version that is known."),
    ),
    ParkReason.POISON: (
        _noop("it loses its workers"),
        _noop("Worker after worker was lost while it ran it, without a new checkpoint."),
        _noop("Look for what kills the worker (memory? a signal? a hang?), mend it, then retry."),
    ),
    ParkReason.PAYLOAD: (
        _noop("a payload cannot be stored or read"),
        _noop("A value could not be written as JSON, or a stored one could not be read back."),
        _noop("Mend the value or its class (or restore the key it is encrypted with), then retry."),
    ),
    ParkReason.FAILURE: (
        _noop("it failed"),
        _noop("It failed, and its workflow says to park then instead of undoing."),
        _noop("Mend what failed, then retry. Or cancel it, which undoes its completed steps."),
    ),
    ParkReason.COMPENSATION_FAILED: (
        _noop("an undo failed"),
        _noop("It undid its steps, and an undo failed for good."),
        _noop("Mend it by hand or in the code, then retry: it goes on undoing what is left."),
    ),
}
