"""The steps of an execution: each durable call, with all its attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from durable_django.admin.page.errors import ShownError, show_error
from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look
from durable_django.admin.page.payloads import ShownPayload, show_arguments, show_payload
from durable_django.admin.page.rows import (
    MAX_SHOWN_OF_MANY,
    PAGE_SIZE,
    list_attempts_between,
)
from durable_django.control.actions import Action
from durable_django.control.badges import Badge
from durable_django.control.calls import Call, group_calls, is_running
from durable_django.control.timeline.drawing import anchor_of
from durable_django.control.wording import say_duration
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus

#: Of a call that was tried more often, the newest attempts are shown.
MAX_ATTEMPTS = 20
_SHORT = 1_024
_KINDS = {
    CheckpointKind.SLEEP: gettext_lazy("sleep"),
    CheckpointKind.SIGNAL: gettext_lazy("wait for a signal"),
    CheckpointKind.UNDO: gettext_lazy("undo"),
}


_DONE = Badge(css_class="dw-badge dw-completed", icon="✓", label=gettext_lazy("Completed"))
_UNDONE = Badge(css_class="dw-badge dw-compensating", icon="↩", label=gettext_lazy("Undone"))
_FAILED = Badge(css_class="dw-badge dw-failed", icon="✗", label=gettext_lazy("Failed"))
_RETRIED = Badge(
    css_class="dw-badge dw-retrying", icon="↻", label=gettext_lazy("Failed, tried again")
)
_RUNS = Badge(css_class="dw-badge dw-running", icon="▶", label=gettext_lazy("Running"))
_OPEN = Badge(css_class="dw-badge dw-suspended", icon="?", label=gettext_lazy("End unknown"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, ready to be shown."""

    #: Of its place on the page.
    id: str
    number: int
    badge: Badge
    started: SafeString
    #: For how long another attempt was put off and then queued.
    waited: str
    ran: str
    #: When the next attempt may begin; empty if none follows.
    retry_at: SafeString
    error: ShownError | None
    result: ShownPayload | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One durable call, ready to be shown."""

    key: str
    anchor: str
    #: What kind of call, in a word; empty for a step.
    kind: str
    badge: Badge
    #: The class that colours its edge.
    edge: str
    attempts: Sequence[Attempt]
    undos: Sequence[Attempt]
    undo_anchor: str
    #: Attempts that are too many to be shown.
    left_out: int
    arguments: ShownPayload | None
    action: str
    compensation: str
    idempotency_key: str
    fork_url: str


def list_steps(look: Look) -> list[Step]:
    """Return the calls of the page that is looked at, in the order in which they were made."""
    first = (look.page - 1) * PAGE_SIZE + 1
    rows = list_attempts_between(
        look.row,
        first,
        first + PAGE_SIZE - 1,
        of_each=MAX_ATTEMPTS,
        payloads=look.may_see_payloads,
    )
    return [_show_call(look, call) for call in group_calls(rows)]


def badge_of_attempt(row: Checkpoint, *, is_running: bool) -> Badge:
    """Return how an attempt stands; `is_running` says whether a worker is alive on it."""
    if row.status is CheckpointStatus.COMPLETED:
        return _DONE
    if row.status is CheckpointStatus.COMPENSATED:
        return _UNDONE
    if row.status is CheckpointStatus.FAILED:
        return _FAILED if row.is_final else _RETRIED
    return _RUNS if is_running else _OPEN


def _show_call(look: Look, call: Call) -> Step:
    last = call.last
    badge = _badge_of(look, last)
    may_fork = Action.FORK in look.actions and call.kind is not CheckpointKind.UNDO
    return Step(
        key=call.key,
        anchor=anchor_of(call.key),
        kind=str(_KINDS.get(call.kind, "")),
        badge=badge,
        edge=badge.css_class.removeprefix("dw-badge "),
        attempts=_show_attempts(look, call.attempts),
        undos=_show_attempts(look, call.undos),
        undo_anchor=anchor_of(call.undos[-1].key) if call.undos else "",
        left_out=call.attempts[0].attempt - 1,
        arguments=_show_arguments(look, last),
        action=last.action,
        compensation=last.compensation,
        idempotency_key=last.idempotency_key,
        fork_url=look.links.to_act(Action.FORK, key=call.key) if may_fork else "",
    )


def _show_attempts(look: Look, rows: Sequence[Checkpoint]) -> list[Attempt]:
    former: Sequence[Checkpoint | None] = [None, *rows]
    return [_show_attempt(look, row, one) for row, one in zip(rows, former, strict=False)]


def _show_attempt(look: Look, row: Checkpoint, former: Checkpoint | None) -> Attempt:
    return Attempt(
        id=f"{anchor_of(row.key)}-{row.attempt}",
        number=row.attempt,
        badge=_badge_of(look, row),
        started=show_instant(row.started_at, look.now),
        waited=_lasts(former.completed_at, row.started_at) if former else "",
        ran=_lasts(row.started_at, row.completed_at),
        retry_at=show_instant(row.retry_at, look.now),
        error=show_error(row.error, may_see_payloads=look.may_see_payloads),
        result=_show(look, row, "step-result", row.output),
    )


def _badge_of(look: Look, row: Checkpoint) -> Badge:
    return badge_of_attempt(row, is_running=is_running(look.execution, look.now))


def _show(look: Look, row: Checkpoint, part: str, text: str | None) -> ShownPayload | None:
    # None too for who may not see payloads: they were not read.
    if not text:
        return None
    return show_payload(text, _to_download(look, row, part, text), limit=MAX_SHOWN_OF_MANY)


def _show_arguments(look: Look, row: Checkpoint) -> ShownPayload | None:
    if not row.input:
        return None
    url = _to_download(look, row, "arguments", row.input)
    return show_arguments(row.input, row.action, url, limit=MAX_SHOWN_OF_MANY)


def _to_download(look: Look, row: Checkpoint, part: str, text: str) -> str:
    # What is seen at a glance need not be downloaded.
    is_short = len(text) <= _SHORT
    return "" if is_short else look.links.to_payload(part, key=row.key, attempt=str(row.attempt))


def _lasts(begin: datetime | None, end: datetime | None) -> str:
    return say_duration(end - begin) if begin is not None and end is not None else ""
