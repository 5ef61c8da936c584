"""Explain executions that wait for others: for children, items, events, checks, or several."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from durable_django.control.calls import find_last_end
from durable_django.control.explaining.parts import NEEDS_A_PERSON, list_waited, name_of, say_child
from durable_django.control.explaining.values import Answer, Case
from durable_django.control.waiting import CurrentWait, has_event_key
from durable_django.domain.execution import Execution
from durable_django.domain.signal import event_name_of
from durable_django.domain.status import ExecutionStatus, WaitKind


def explain_child(case: Case) -> Answer:
    """Explain what waits for the end of another execution."""
    wait = case.waits[0]
    child = _child_of(case, wait)
    said = {"name": wait.name, "stands": say_child(child) if child else ""}
    headline = _("Waits for child %(name)s") % said
    if child is not None and child.status in NEEDS_A_PERSON:
        headline = _("Waits for child %(name)s, which %(stands)s") % said
    [waited] = list_waited(case)
    return Answer(
        headline=headline,
        reason=_("It waits for: %(what)s") % {"what": _lowered(waited.text)},
        next=_("The end of the child, whatever it is.") + _say_timeout(case, wait),
        advice=_advise_about(child, wait),
        since=_since(case, wait),
        until=wait.until or case.execution.expires_at,
    )


def explain_map(case: Case) -> Answer:
    """Explain what waits for items of a map: children, or steps that are tried again."""
    wait = case.waits[0]
    count = case.maps.get(wait.name)
    said = {"name": wait.name, "count": count.say() if count else ""}
    headline = _("Works through %(name)s") % said
    if count is not None:
        headline = _("Works through %(name)s: %(count)s") % said
    [waited] = list_waited(case)
    if count is not None and not count.are_children:
        follows = _("The next attempt of an item.")
        advice = _("Wait; the steps show which items failed, and with what.")
    else:
        follows = _("The end of the last child; or one that fails, which may be one too many.")
        advice = _("Wait; the children show which of them need a person.")
    return Answer(
        headline=headline,
        reason=_("It waits for: %(what)s") % {"what": _lowered(waited.text)},
        next=follows,
        advice=advice,
        since=_since(case, wait),
        until=wait.until or case.execution.expires_at,
    )


def explain_event(case: Case) -> Answer:
    """Explain what waits for a broadcast."""
    wait = case.waits[0]
    said = {"name": event_name_of(wait.name)}
    # A key is stored as its digest.
    how = _("Broadcast it (durable_broadcast %(name)s), if it has happened.")
    if has_event_key(wait):
        how = _(
            "Broadcast it with its key (durable_broadcast %(name)s --key …), if it has happened: "
            "the key is the one that the workflow waits with, and is not stored."
        )
    return Answer(
        headline=_("Waits for event %(name)s") % said,
        reason=_("It waits for a broadcast of event %(name)s.") % said,
        next=_("The broadcast.") + _say_timeout(case, wait),
        advice=how % said,
        since=find_last_end(case.execution, case.checkpoints),
        until=wait.until or case.execution.expires_at,
    )


def explain_poll(case: Case) -> Answer:
    """Explain what makes a check again and again."""
    wait = case.waits[0]
    alarm = wait.until or case.execution.wake_at
    said = {"name": wait.name, "at": case.say(alarm) if alarm else "?"}
    return Answer(
        headline=_("Checks %(name)s again and again") % said,
        reason=_("The check %(name)s has not said yes yet.") % said,
        next=_("The next check, %(at)s.") % said,
        advice=_("Wait; or check now, if what it looks for has happened."),
        since=_since(case, wait),
        until=alarm,
    )


def explain_several(case: Case) -> Answer:
    """Explain what waits for any of several things."""
    waited = list_waited(case)
    alarm = case.execution.wake_at
    count = len(waited)
    text = ngettext("Waits for %(n)s thing", "Waits for %(n)s things", count) % {"n": count}
    follows = _("Whatever of them comes first.")
    if alarm is not None:
        text_of_alarm = _("Whatever of them comes first; %(at)s at the latest.")
        follows = text_of_alarm % {"at": case.say(alarm)}
    return Answer(
        headline=text if count else _("Waits for several things"),
        reason=_("It waits for several things at once; each is told below.")
        if count
        else _("It waits for several things at once, and which they are is not recorded."),
        next=follows,
        advice=_advise_about_several(case),
        since=find_last_end(case.execution, case.checkpoints),
        until=alarm,
    )


def _advise_about(child: Execution | None, wait: CurrentWait) -> str:
    said = {"name": wait.name}
    if child is None:
        return _("Ask somebody who may see the child %(name)s.") % said
    if child.status is ExecutionStatus.PARKED:
        text = _("The child %(name)s needs a person: open it, mend what stopped it, and retry it.")
        return text % said
    if child.status is ExecutionStatus.PAUSED:
        return _("Resume the child %(name)s, or cancel it.") % said
    return _("Look at the child %(name)s: what it waits for, this one waits for.") % said


def _advise_about_several(case: Case) -> str:
    found = ((wait, _child_of(case, wait)) for wait in case.waits)
    for wait, child in found:
        if child is not None and child.status in NEEDS_A_PERSON:
            return _advise_about(child, wait)
    names = [name_of(case, wait) for wait in case.waits if wait.kind is WaitKind.SIGNAL]
    if names:
        return _("Send signal %(name)s, if what it stands for has happened.") % {"name": names[0]}
    names = [name_of(case, wait) for wait in case.waits if wait.kind is WaitKind.TASK]
    if names:
        return _("Have task %(name)s be completed, or reassign it.") % {"name": names[0]}
    return _("Nothing is to be done, unless one of them should have come by now.")


def _child_of(case: Case, wait: CurrentWait) -> Execution | None:
    return case.children.get(wait.child_id) if wait.child_id is not None else None


def _since(case: Case, wait: CurrentWait) -> datetime:
    """Return since when it waits: its attempt was begun with the wait."""
    begun = (row.started_at for row in case.checkpoints if row.key == wait.key and row.started_at)
    return max(begun, default=find_last_end(case.execution, case.checkpoints))


def _say_timeout(case: Case, wait: CurrentWait) -> str:
    if wait.until is not None:
        text = _("Or, if that has not come by then, the timeout %(at)s.")
        return f" {text % {'at': case.say(wait.until)}}"
    if case.execution.expires_at is not None:
        text = _("Or the end of its time to live, %(at)s, when it fails.")
        return f" {text % {'at': case.say(case.execution.expires_at)}}"
    return ""


def _lowered(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
