"""All that happened to an execution, in words, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look
from durable_django.admin.page.rows import list_events
from durable_django.control.history.history import HistoryEntry, HistoryType, build_history
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.control.timeline.drawing import anchor_of
from durable_django.domain.event import EventType

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
    EventType.HOOK_REVOKED: gettext_lazy("Revoked a link that sends a signal"),
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
        describe_error=redact_text,
    )
    # Numbered from the oldest, which stays what it is when more happens.
    shown = [_show(look, number, entry) for number, entry in enumerate(entries, start=1)]
    return shown[::-1]


def _show(look: Look, number: int, entry: HistoryEntry) -> ShownEntry:
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
        reason=redact_text(entry.reason),
        error=entry.error,
        details=_list_details(entry.details),
    )


def _say(entry: HistoryEntry) -> str:
    if entry.type is HistoryType.ACT:
        act = str(entry.details.get("act", ""))
        return str(_ACTS.get(act, act))
    return str(_WORDS[entry.type]) % {"attempt": entry.attempt}


def _list_details(details: Mapping[str, Any]) -> list[str]:
    known = {name: value for name, value in details.items() if name not in ("act", "is_final")}
    return [
        _("%(name)s: %(value)s") % {"name": name.replace("_", " "), "value": value}
        for name, value in redact(known).items()
        if value not in ("", None)
    ]
