"""Say of one execution, in words, where it stands, why, and what will move it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from durable_django.control.payloads.payload_view import arguments_json, payload_json
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.signal import event_name_of
from durable_django.domain.status import (
    HELD_STATUSES,
    ExecutionStatus,
    Guarantee,
    ParkReason,
    WaitKind,
)
from durable_django.domain.wait import read_waits
from durable_django.management.console import to_text

_PARKED = {
    ParkReason.NONDETERMINISM: "its code no longer does what its checkpoints record: "
    "restore the code (or register it as a new version), then `durable_retry`",
    ParkReason.UNKNOWN_WORKFLOW: "no worker knew its workflow: deploy the code, then "
    "`durable_retry`",
    ParkReason.POISON: "it was lost with its worker again and again: look for what kills the "
    "worker (memory?), then `durable_retry`",
    ParkReason.PAYLOAD: "a payload could not be stored or read: mend it, then `durable_retry`",
    ParkReason.FAILURE: "it failed, and its workflow says to park then: `durable_retry`, or "
    "`durable_cancel` to undo",
    ParkReason.COMPENSATION_FAILED: "an undo failed for good: mend it by hand or in the code, "
    "then `durable_retry` goes on undoing",
}


#: What ends these waits comes from outside; an alarm is only their timeout, or the next turn.
_FROM_OUTSIDE: dict[WaitKind, tuple[str, str]] = {
    WaitKind.CHILD: (
        "It waits for its child {name!r}.",
        "The end of the child (`durable_list --parent {id}`){by}.",
    ),
    WaitKind.MAP: (
        "It waits for the items of {name!r}.",
        "The ends of its children (`durable_list --parent {id}`), or an item's next attempt{by}.",
    ),
    WaitKind.EVENT: (
        "It waits for a broadcast of event {name!r}.",
        "The broadcast (`durable_broadcast {name!r}`){by}.",
    ),
    WaitKind.LIMIT: (
        "It is held back by the limit {name!r} until others under it have ended.",
        "The end of one of them, when it is first in the line{by}.",
    ),
    WaitKind.POLL: ("The check {name!r} has not said yes yet.", "The next check, at {at}."),
    WaitKind.SEVERAL: ("It waits for any of: {parts}.", "Whatever of them comes first{by}."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Why an execution stands where it stands, and what will wake it."""

    why: str
    wakes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A payload's redacted value, or why it cannot be shown."""

    value: Any = None
    problem: str = ""

    def to_text(self) -> str:
        """Return what a person reads."""
        return f"({self.problem})" if self.problem else to_text(self.value)


def stand_of(execution: Execution, now: datetime) -> Standing:
    """Explain the execution, at the store's `now`."""
    if execution.status in _EXPLAINED:
        why, wakes = _EXPLAINED[execution.status](execution)
    elif execution.is_terminal:
        why, wakes = _explain_end(execution)
    elif execution.status in HELD_STATUSES and execution.waiting_kind is WaitKind.NOTHING:
        why, wakes = _explain_held(execution, now)
    else:
        why, wakes = _explain_waiting(execution, now)
    if execution.cancel_requested_at is not None and not execution.is_terminal:
        why += f" A cancel was requested at {to_text(execution.cancel_requested_at)}."
    elif execution.pause_requested_at is not None and execution.status in HELD_STATUSES:
        why += " A pause was requested; it takes effect at the next durable call."
    if execution.recoveries:
        why += f" Workers lost in a row: {execution.recoveries}."
    return Standing(why=why, wakes=wakes)


def facts_of(execution: Execution) -> dict[str, Any]:
    """Return all facts but the payloads, for JSON."""
    facts = asdict(execution)
    for name in ("input", "output", "error"):
        del facts[name]
    return facts | {
        "error": error_of(execution.error),
        "progress": redact(dict(execution.progress)),
    }


def error_of(text: str | None) -> dict[str, Any] | None:
    """Return a stored error as JSON, without its traceback."""
    if not text:
        return None
    error = ErrorRecord.from_text(text)
    return {"type": error.type, "message": redact_text(error.message), "code": error.code}


def describe_error(text: str | None) -> str:
    """Return a stored error in one line; empty if there is none."""
    return redact_text(str(ErrorRecord.from_text(text))) if text else ""


def show_payload(text: str | None) -> Shown:
    """Return the redacted value of a stored payload, or why it cannot be shown."""
    return _to_shown(payload_json(text, may_see=True))


def show_arguments(text: str, action: str) -> Shown:
    """Return a step's arguments by name, redacted, or why they cannot be shown."""
    return _to_shown(arguments_json(text, action, may_see=True))


def _to_shown(value: Any) -> Shown:
    if isinstance(value, dict) and value.get("undecodable") is True:
        return Shown(problem=f"cannot be read here: {value.get('detail', '')}".rstrip(": "))
    return Shown(value=value)


def describe_wait(execution: Execution) -> str:
    """Return in a few words what a suspended execution waits for; empty if it does not wait."""
    if execution.status is ExecutionStatus.PARKED:
        return str(execution.park_reason or "")
    kind, name = execution.waiting_kind, execution.waiting_for
    if kind is WaitKind.SEVERAL:
        return f"any of: {_list_parts(name)}"
    return _say_part(kind, name) if kind is not WaitKind.NOTHING else ""


def _list_parts(waiting_for: str) -> str:
    try:
        parts = read_waits(waiting_for)
    except ValueError:  # nothing that this version wrote
        parts = []
    return ", ".join(_say_part(kind, name) for kind, name in parts) or "several things"


def _say_part(kind: WaitKind, name: str) -> str:
    return f"{kind} {event_name_of(name) if kind is WaitKind.EVENT else name}".strip()


def _explain_end(execution: Execution) -> tuple[str, str]:
    ended = f"It ended {execution.status.upper()} at {to_text(execution.finished_at)}"
    if execution.status is ExecutionStatus.FAILED:
        return f"{ended}: {describe_error(execution.error)}.", "`durable_retry` runs it again."
    reason = f": {execution.cancel_reason}" if execution.cancel_reason else ""
    return f"{ended}{reason}.", "Nothing: it has ended."


def _explain_parked(execution: Execution) -> tuple[str, str]:
    reason = execution.park_reason
    what = _PARKED.get(reason, "a person must decide") if reason else "a person must decide"
    said = describe_error(execution.error)
    return f"It is parked ({reason}). {said}".rstrip(), f"Nothing but a person: {what}."


def _explain_paused(_: Execution) -> tuple[str, str]:
    return "It is paused.", "`durable_resume` lets it go on; `durable_cancel` ends it."


def _explain_held(execution: Execution, now: datetime) -> tuple[str, str]:
    does = "undoes its steps" if execution.status is ExecutionStatus.COMPENSATING else "runs"
    end = execution.wake_at
    if end is not None and end > now:
        return (
            f"It {does} in worker {execution.lease_owner or '?'}.",
            f"Nothing need wake it; if that worker dies, another takes it up at {to_text(end)}.",
        )
    worker = execution.lease_owner or "?"
    why = f"It was lost with worker {worker}, whose lease ended at {to_text(end)}."
    return why, _who_takes(execution)


def _explain_waiting(execution: Execution, now: datetime) -> tuple[str, str]:
    alarm = execution.wake_at
    if alarm is not None and alarm <= now:
        return f"It is due since {to_text(alarm)}.", _who_takes(execution)
    name, at = execution.waiting_for, to_text(alarm)
    if execution.waiting_kind is WaitKind.SIGNAL:
        until, or_then = (f", until {at}", " or that time") if alarm else ("", "")
        command = f"`durable_signal {execution.id} {name!r}`"
        return f"It waits for signal {name!r}{until}.", f"The signal ({command}){or_then}."
    if execution.waiting_kind is WaitKind.TASK:
        by = f", or {at} (its timeout, a reminder or an escalation)" if alarm else ""
        return f"It waits for a person: task {name!r}.", f"Its completion (`durable_tasks`){by}."
    if execution.waiting_kind in _FROM_OUTSIDE:
        return _explain_outside(execution)
    if alarm is None:
        return "It has no alarm and waits for nothing: it is stuck.", "Nothing. Report this."
    said = {
        WaitKind.TIMER: (f"It sleeps ({name!r}).", f"Its timer, at {at}."),
        WaitKind.RETRY: (f"An attempt of {name!r} failed.", f"The next attempt, at {at}."),
        WaitKind.DEFERRED: (
            "The worker that claimed it does not register its workflow and version.",
            f"A worker that does, from {at} on.",
        ),
    }
    otherwise = "It goes on." if execution.started_at else "It has not begun."
    return said.get(execution.waiting_kind, (otherwise, f"A worker, at {at}."))


def _explain_outside(execution: Execution) -> tuple[str, str]:
    why, wakes = _FROM_OUTSIDE[execution.waiting_kind]
    at = to_text(execution.wake_at)
    is_several = execution.waiting_kind is WaitKind.SEVERAL
    is_event = execution.waiting_kind is WaitKind.EVENT
    told = {
        "name": event_name_of(execution.waiting_for) if is_event else execution.waiting_for,
        "id": str(execution.id),
        "by": f", or {at} at the latest" if execution.wake_at else "",
        "at": at,
        "parts": _list_parts(execution.waiting_for) if is_several else "",
    }
    return why.format(**told), wakes.format(**told)


def _who_takes(execution: Execution) -> str:
    if execution.guarantee is Guarantee.FOREGROUND:
        return "The process that called run(); if that is gone, `durable_recover`."
    return f"A worker of queue {execution.queue!r}, as soon as one is free; or `durable_recover`."


_EXPLAINED: dict[ExecutionStatus, Callable[[Execution], tuple[str, str]]] = {
    ExecutionStatus.PARKED: _explain_parked,
    ExecutionStatus.PAUSED: _explain_paused,
}
