"""All that happened to an execution, in words, newest first."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look
from durable_django.admin.page.rows import list_events
from durable_django.control.family import find_visible_executions
from durable_django.control.history.history import HistoryEntry, HistoryType, build_history
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.control.timeline.drawing import anchor_of
from durable_django.domain.event import ActorKind, EventType

_WORDS: Mapping[HistoryType, str | Promise] = {
    HistoryType.CREATED: gettext_lazy("Created"),
    HistoryType.BEGAN: gettext_lazy("First taken up by a worker"),
    HistoryType.ATTEMPT_BEGAN: gettext_lazy("Attempt %(attempt)s began"),
    HistoryType.ATTEMPT_COMPLETED: gettext_lazy("Attempt %(attempt)s completed"),
    HistoryType.ATTEMPT_FAILED: gettext_lazy("Attempt %(attempt)s failed"),
    HistoryType.UNDO_BEGAN: gettext_lazy("Undo began, attempt %(attempt)s"),
    HistoryType.UNDO_COMPLETED: gettext_lazy("Undo completed"),
    HistoryType.UNDO_FAILED: gettext_lazy("Undo failed, attempt %(attempt)s"),
    HistoryType.TIMER_REGISTERED: gettext_lazy("Timer set"),
    HistoryType.TIMER_DUE: gettext_lazy("Timer due"),
    HistoryType.TIMER_CANCELLED: gettext_lazy("Timer not needed any more"),
    HistoryType.SLEEP_PASSED: gettext_lazy("Woke from its sleep"),
    HistoryType.WAIT_TIMED_OUT: gettext_lazy("Wait timed out"),
    HistoryType.SIGNAL_ACCEPTED: gettext_lazy("Signal came"),
    HistoryType.SIGNAL_DELIVERED: gettext_lazy("Signal consumed"),
    HistoryType.SIGNAL_EXPIRED: gettext_lazy("Signal came in vain"),
    HistoryType.SIGNAL_DEAD: gettext_lazy("Signal was never asked for"),
    HistoryType.EVENT_ACCEPTED: gettext_lazy("Event came"),
    HistoryType.EVENT_DELIVERED: gettext_lazy("Event consumed"),
    HistoryType.CHILD_STARTED: gettext_lazy("Started a child"),
    HistoryType.CHILD_COMPLETED: gettext_lazy("Child completed"),
    HistoryType.CHILD_FAILED: gettext_lazy("Child did not complete"),
    HistoryType.GROUP_DECIDED: gettext_lazy("Branches came to their end"),
    HistoryType.GROUP_FAILED: gettext_lazy("Branches failed"),
    HistoryType.MAP_BEGAN: gettext_lazy("Began with the items of a map"),
    HistoryType.MAP_COMPLETED: gettext_lazy("Done with the items of a map"),
    HistoryType.MAP_FAILED: gettext_lazy("Too many items failed"),
    HistoryType.CHECKS_BEGAN: gettext_lazy("Began to check"),
    HistoryType.CHECK_SUCCEEDED: gettext_lazy("A check said yes"),
    HistoryType.CHECKS_FAILED: gettext_lazy("No check said yes"),
    HistoryType.DROPPED: gettext_lazy("Dropped: it ended without it"),
    HistoryType.PAUSED: gettext_lazy("Paused"),
    HistoryType.PARKED: gettext_lazy("Parked: it needs a person"),
    HistoryType.COMPLETED: gettext_lazy("Completed"),
    HistoryType.FAILED: gettext_lazy("Failed"),
    HistoryType.CANCELLED: gettext_lazy("Cancelled"),
}
_ACTS: Mapping[str, str | Promise] = {
    EventType.STARTED: gettext_lazy("Started"),
    EventType.SIGNALLED: gettext_lazy("Sent a signal"),
    EventType.CANCEL_REQUESTED: gettext_lazy("Asked for a cancel"),
    EventType.PAUSE_REQUESTED: gettext_lazy("Asked for a pause"),
    EventType.RESUMED: gettext_lazy("Resumed"),
    EventType.RETRIED: gettext_lazy("Retried"),
    EventType.FORKED: gettext_lazy("Forked"),
    EventType.TIMER_FIRED: gettext_lazy("Fired a timer"),
    EventType.HOOK_MINTED: gettext_lazy("Made a link that sends a signal"),
    EventType.HOOK_REVOKED: gettext_lazy("Revoked a link"),
    EventType.TASK_CLAIMED: gettext_lazy("Claimed a task"),
    EventType.TASK_RELEASED: gettext_lazy("Released a task"),
    EventType.TASK_REASSIGNED: gettext_lazy("Reassigned a task"),
    EventType.TASK_DELEGATED: gettext_lazy("Delegated a task"),
    EventType.TASK_COMPLETED: gettext_lazy("Completed a task"),
    EventType.TASK_CANCELLED: gettext_lazy("Cancelled a task"),
    EventType.TASK_REMINDED: gettext_lazy("A task was reminded of"),
    EventType.TASK_ESCALATED: gettext_lazy("A task was escalated"),
    EventType.TASK_LINK_MINTED: gettext_lazy("Made a link that completes a task"),
    EventType.WORKER_LOST: gettext_lazy("A worker was lost, and another took over"),
}
#: How what happened is marked: its class and its sign.
_ACT_MARK = ("dw-running", "●")
_MARKS: Mapping[HistoryType, tuple[str, str]] = {
    HistoryType.ACT: _ACT_MARK,
    HistoryType.ATTEMPT_COMPLETED: ("dw-completed", "✓"),
    HistoryType.ATTEMPT_FAILED: ("dw-failed", "✗"),
    HistoryType.UNDO_BEGAN: ("dw-compensating", "↩"),
    HistoryType.UNDO_COMPLETED: ("dw-compensating", "↩"),
    HistoryType.UNDO_FAILED: ("dw-failed", "✗"),
    HistoryType.WAIT_TIMED_OUT: ("dw-failed", "✗"),
    HistoryType.CHILD_COMPLETED: ("dw-completed", "✓"),
    HistoryType.CHILD_FAILED: ("dw-failed", "✗"),
    HistoryType.GROUP_DECIDED: ("dw-completed", "✓"),
    HistoryType.GROUP_FAILED: ("dw-failed", "✗"),
    HistoryType.MAP_COMPLETED: ("dw-completed", "✓"),
    HistoryType.MAP_FAILED: ("dw-failed", "✗"),
    HistoryType.CHECK_SUCCEEDED: ("dw-completed", "✓"),
    HistoryType.CHECKS_FAILED: ("dw-failed", "✗"),
    HistoryType.DROPPED: ("dw-cancelled", "⊘"),
    HistoryType.PARKED: ("dw-parked", "⚑"),
    HistoryType.PAUSED: ("dw-paused", "‖"),
    HistoryType.COMPLETED: ("dw-completed", "✓"),
    HistoryType.FAILED: ("dw-failed", "✗"),
    HistoryType.CANCELLED: ("dw-cancelled", "⊘"),
}
_PLAIN_MARK = ("dw-pending", "·")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """Something that happened, ready to be shown."""

    id: str
    at: SafeString
    is_approximate: bool
    css_class: str
    icon: str
    what: str
    #: A call's key or a signal's name, and where more is said of it.
    about: str
    about_url: str
    due: SafeString
    #: Empty if it was the engine.
    actor: str
    #: Of another execution, if it may be seen.
    actor_url: str
    #: Of a child that it is about, if it may be seen.
    child_url: str
    reason: str
    error: str
    #: `name: value`, of an act.
    details: Sequence[str]


def show_history(look: Look) -> list[ShownEntry]:
    """Return everything that is known to have happened, newest first."""
    entries = build_history(
        look.execution,
        look.records.attempts,
        look.records.timers,
        look.records.signals,
        list_events(look.row),
        maps=look.maps,
        describe_error=redact_text,
    )
    known = _find_mentioned(look, entries)
    # Numbered from the oldest, which stays what it is when more happens.
    shown = [_show(look, known, number, entry) for number, entry in enumerate(entries, start=1)]
    return shown[::-1]


def _find_mentioned(look: Look, entries: Sequence[HistoryEntry]) -> Container[UUID]:
    """Return the executions among those mentioned that the user may see."""
    actors = {one for entry in entries if (one := _actor_execution(entry)) is not None}
    others = actors - look.children.keys()
    return {*look.children, *find_visible_executions(look.request.user, others)}


def _actor_execution(entry: HistoryEntry) -> UUID | None:
    if entry.actor_kind != ActorKind.WORKFLOW:
        return None
    try:
        return UUID(entry.actor_id)
    except ValueError:  # written by somebody else
        return None


def _show(look: Look, known: Container[UUID], number: int, entry: HistoryEntry) -> ShownEntry:
    css_class, icon = _MARKS.get(entry.type, _PLAIN_MARK)
    is_of_call = bool(entry.key) and entry.signal_id is None
    return ShownEntry(
        id=f"dw-happened-{number}",
        at=show_instant(entry.at, look.now),
        is_approximate=entry.is_approximate,
        css_class=css_class,
        icon=icon,
        what=_say(entry),
        about=entry.key,
        about_url=f"{look.links.to_tab('steps')}#{anchor_of(entry.key)}" if is_of_call else "",
        due=show_instant(entry.due_at, look.now),
        actor=entry.actor,
        actor_url=_url_of(look, known, _actor_execution(entry)),
        child_url=_url_of(look, known, entry.child_id),
        reason=redact_text(entry.reason),
        error=entry.error,
        details=_list_details(entry.details),
    )


def _url_of(look: Look, known: Container[UUID], execution_id: UUID | None) -> str:
    is_known = execution_id is not None and execution_id in known
    return look.links.to_execution(execution_id) if is_known and execution_id else ""


def _say(entry: HistoryEntry) -> str:
    if entry.type is HistoryType.ACT:
        act = str(entry.details.get("act", ""))
        return str(_ACTS.get(act, act))
    return str(_WORDS[entry.type]) % {"attempt": entry.attempt}


def _list_details(details: Mapping[str, Any]) -> list[str]:
    known = {name: value for name, value in details.items() if name not in ("act", "is_final")}
    return [
        _("%(name)s: %(value)s") % {"name": name.replace("_", " "), "value": _say_value(value)}
        for name, value in redact(known).items()
        if value not in ("", None, False)
    ]


def _say_value(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return " · ".join(f"{name} {one}" for name, one in value.items())
