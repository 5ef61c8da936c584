"""Say in a few words what came of a call: the text beside its bars."""

from __future__ import annotations

from django.utils.translation import gettext as _

from durable_django.control.calls import Call
from durable_django.control.timeline.known import Known
from durable_django.control.wording import say_duration, say_moment
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus


def summarize(call: Call, known: Known) -> str:
    """Return what the last attempt of the call, or of its undo, came to."""
    if call.undos:
        return _summarize_undo(call.undos[-1], known)
    row = call.last
    if known.is_reused(row):
        return _("↪ reused")
    if row.kind is CheckpointKind.SIGNAL:
        delivered = row.status is CheckpointStatus.COMPLETED
        return _("◆ delivered") if delivered else _("✗ timed out")
    if row.kind is CheckpointKind.SLEEP:
        since = known.ready_at(row)
        return say_duration(row.started_at - since) if since and row.started_at else _("slept")
    return _summarize_step(row, known)


def _summarize_step(row: Checkpoint, known: Known) -> str:
    attempt = _("attempt %(n)s") % {"n": row.attempt}
    took = (row.completed_at - row.started_at) if row.completed_at and row.started_at else None
    if row.status is CheckpointStatus.INTENT:
        so_far = known.end_of_open(row) - (row.started_at or known.record.now)
        word = f"▶ {say_duration(so_far)}" if known.is_running else _("? end unknown")
    elif row.status is CheckpointStatus.FAILED:
        word = _say_failure(row, known)
    elif row.status is CheckpointStatus.COMPENSATED:
        word = _("↩ undone")
    else:
        word = say_duration(took) if took is not None else "✓"
    return f"{word} · {attempt}" if row.attempt > 1 else word


def _say_failure(row: Checkpoint, known: Known) -> str:
    if row.is_final and row.output is not None:
        return _("✗ failed, fell back")
    is_over = row.is_final or known.record.execution.is_terminal
    if is_over or row.retry_at is None:
        return _("✗ failed")
    at = say_moment(row.retry_at, known.record.now)
    return _("↻ at %(at)s") % {"at": at}


def _summarize_undo(row: Checkpoint, known: Known) -> str:
    if row.status is CheckpointStatus.COMPLETED:
        return _("↩ undone")
    if row.status is CheckpointStatus.INTENT:
        return _("↩ undoing") if known.is_running else _("↩ ? end unknown")
    if row.is_final or row.retry_at is None:
        return _("✗ not undone")
    return _("↩ again %(at)s") % {"at": say_moment(row.retry_at, known.record.now)}
