"""Say in a few words what came of a call: the text beside its bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _

from durable_django.control.badges import badge_of
from durable_django.control.calls import Call, is_open
from durable_django.control.groups import is_dropped, read_group
from durable_django.control.timeline.known import Known
from durable_django.control.waiting import child_id_of
from durable_django.control.wording import say_duration, say_moment
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.branches import BranchStatus


def summarize(call: Call, known: Known) -> str:
    """Return what the last attempt of the call, or of its undo, came to."""
    if call.undos:
        return _summarize_undo(call.undos[-1], known)
    row = call.last
    if known.is_reused(row):
        return _("↪ reused")
    return _SUMMARIZED.get(row.kind, _summarize_step)(row, known)


def _summarize_wait(row: Checkpoint, _known: Known) -> str:
    delivered = row.status is CheckpointStatus.COMPLETED
    return _("◆ delivered") if delivered else _("✗ timed out")


def _summarize_sleep(row: Checkpoint, known: Known) -> str:
    since = known.ready_at(row)
    return say_duration(row.started_at - since) if since and row.started_at else _("slept")


def _summarize_map(row: Checkpoint, known: Known) -> str:
    count = known.record.maps.get(row.key)
    return count.say() if count is not None else _summarize_step(row, known)


def _summarize_group(row: Checkpoint, known: Known) -> str:
    record = read_group(row)
    if record is None:
        return _summarize_step(row, known)
    if record.has_timed_out:
        return _("✗ timed out")
    done = sum(1 for status in record.statuses.values() if status is BranchStatus.DONE)
    said = {"by": record.by, "done": done, "all": len(record.statuses)}
    if record.has_failed:
        return _("✗ failed: %(by)s") % said if record.by else _("✗ failed")
    if record.by:
        return _("✓ first: %(by)s") % said
    return _("✓ %(done)s of %(all)s") % said


def _summarize_child(row: Checkpoint, known: Known) -> str:
    if not is_open(row):
        return _summarize_step(row, known)
    child_id = child_id_of(row)
    child = known.record.children.get(child_id) if child_id is not None else None
    badge = badge_of(child) if child is not None else None
    return f"{badge.icon} {badge.label}" if badge is not None else _("under way")


def _summarize_step(row: Checkpoint, known: Known) -> str:
    attempt = _("attempt %(n)s") % {"n": row.attempt}
    took = (row.completed_at - row.started_at) if row.completed_at and row.started_at else None
    if row.status is CheckpointStatus.INTENT:
        if row.kind is not CheckpointKind.STEP and known.is_alive:
            return _("under way")
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
    if is_dropped(row):
        return _("⊘ dropped")
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


_SUMMARIZED: Mapping[CheckpointKind, Callable[[Checkpoint, Known], str]] = {
    CheckpointKind.SIGNAL: _summarize_wait,
    CheckpointKind.EVENT: _summarize_wait,
    CheckpointKind.SLEEP: _summarize_sleep,
    CheckpointKind.GROUP: _summarize_group,
    CheckpointKind.MAP: _summarize_map,
    CheckpointKind.CHILD: _summarize_child,
}
