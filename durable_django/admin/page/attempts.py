"""The attempts of a call as the steps show them: how each stands, how long it took, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from durable_django.admin.page.errors import ShownError, show_error
from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look
from durable_django.admin.page.payloads import ShownPayload, show_arguments, show_payload
from durable_django.admin.page.rows import MAX_SHOWN_OF_MANY
from durable_django.control.badges import BADGES, Badge
from durable_django.control.calls import WAITS_OUTSIDE, is_open, is_running
from durable_django.control.groups import is_dropped
from durable_django.control.timeline.drawing import anchor_of
from durable_django.control.wording import say_duration
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus, ExecutionStatus
from durable_django.engine.branches import BranchStatus

_SHORT = 1_024
_DONE = Badge(css_class="dw-badge dw-completed", icon="✓", label=gettext_lazy("Completed"))
_UNDONE = Badge(css_class="dw-badge dw-compensating", icon="↩", label=gettext_lazy("Undone"))
_FAILED = Badge(css_class="dw-badge dw-failed", icon="✗", label=gettext_lazy("Failed"))
_RETRIED = Badge(
    css_class="dw-badge dw-retrying", icon="↻", label=gettext_lazy("Failed, tried again")
)
_RUNS = Badge(css_class="dw-badge dw-running", icon="▶", label=gettext_lazy("Running"))
_OPEN = Badge(css_class="dw-badge dw-suspended", icon="?", label=gettext_lazy("End unknown"))
_DROPPED = Badge(css_class="dw-badge dw-cancelled", icon="⊘", label=gettext_lazy("Dropped"))
#: Of what was begun and waits: for a child, a person, its next turn, or the rest of its branches.
UNDER_WAY = Badge(
    css_class="dw-badge dw-suspended",
    icon=BADGES[ExecutionStatus.SUSPENDED].icon,
    label=gettext_lazy("Under way"),
)
#: Of a branch of a decided group that is a body of its own.
BRANCH_BADGES: Mapping[BranchStatus, Badge] = {
    BranchStatus.DONE: _DONE,
    BranchStatus.FAILED: _FAILED,
    BranchStatus.UNBEGUN: _DROPPED,
    BranchStatus.WAITING: _DROPPED,
    BranchStatus.DROPPED: _DROPPED,
}
#: What is begun once and goes on over many slices.
_GOES_ON = frozenset({*WAITS_OUTSIDE, CheckpointKind.MAP, CheckpointKind.POLL})


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


def show_attempts(look: Look, rows: Sequence[Checkpoint]) -> list[Attempt]:
    """Return the attempts of one call or undo, ready to be shown, in their order."""
    former: Sequence[Checkpoint | None] = [None, *rows]
    return [show_attempt(look, row, one) for row, one in zip(rows, former, strict=False)]


def show_attempt(look: Look, row: Checkpoint, former: Checkpoint | None = None) -> Attempt:
    """Return one attempt, ready to be shown; `former` is the one before it."""
    return Attempt(
        id=f"{anchor_of(row.key)}-{row.attempt}",
        number=row.attempt,
        badge=badge_of(look, row),
        started=show_instant(row.started_at, look.now),
        waited=_lasts(former.completed_at, row.started_at) if former else "",
        ran=_lasts(row.started_at, row.completed_at),
        retry_at=show_instant(row.retry_at, look.now),
        error=show_error(row.error, may_see_payloads=look.may_see_payloads),
        result=_show(look, row, "step-result", row.output),
    )


def badge_of(look: Look, row: Checkpoint) -> Badge:
    """Return how an attempt stands."""
    if is_open(row) and row.kind in _GOES_ON and not look.execution.is_terminal:
        return UNDER_WAY
    if is_dropped(row):
        return _DROPPED
    return badge_of_attempt(row, is_running=is_running(look.execution, look.now))


def badge_of_attempt(row: Checkpoint, *, is_running: bool) -> Badge:
    """Return how an attempt stands; `is_running` says whether a worker is alive on it."""
    if row.status is CheckpointStatus.COMPLETED:
        return _DONE
    if row.status is CheckpointStatus.COMPENSATED:
        return _UNDONE
    if row.status is CheckpointStatus.FAILED:
        return _FAILED if row.is_final else _RETRIED
    return _RUNS if is_running else _OPEN


def show_input(look: Look, row: Checkpoint) -> ShownPayload | None:
    """Return what the call was given; None if there is nothing, or it may not be seen."""
    if not row.input:
        return None
    url = _to_download(look, row, "arguments", row.input)
    return show_arguments(row.input, row.action, url, limit=MAX_SHOWN_OF_MANY)


def _show(look: Look, row: Checkpoint, part: str, text: str | None) -> ShownPayload | None:
    # None too for who may not see payloads: they were not read. A group's result is its branches'.
    if not text or row.kind is CheckpointKind.GROUP:
        return None
    return show_payload(text, _to_download(look, row, part, text), limit=MAX_SHOWN_OF_MANY)


def _to_download(look: Look, row: Checkpoint, part: str, text: str) -> str:
    # What is seen at a glance need not be downloaded.
    is_short = len(text) <= _SHORT
    return "" if is_short else look.links.to_payload(part, key=row.key, attempt=str(row.attempt))


def _lasts(begin: datetime | None, end: datetime | None) -> str:
    return say_duration(end - begin) if begin is not None and end is not None else ""
