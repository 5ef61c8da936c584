"""List what is known of an execution's standing, as names and values."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from durable_django.control.calls import find_open, is_held
from durable_django.control.explaining.stops import (
    failure_of,
    find_failed_call,
    is_business,
    list_to_undo,
    say_list,
)
from durable_django.control.explaining.tasks import facts_of_task
from durable_django.control.explaining.values import Case, Fact
from durable_django.control.wording import say_mailbox
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointStatus, SignalStatus


def list_facts(case: Case) -> Iterator[Fact]:
    """Yield what bears on where the execution stands; values are never empty."""
    found = (
        *_about_the_call(case),
        *facts_of_task(case),
        *_about_the_execution(case),
        *_about_what_is_there(case),
    )
    for code, label, value in found:
        if value:
            yield Fact(code=code, label=label, value=value)


def _about_the_call(case: Case) -> Iterator[tuple[str, str, str]]:
    row = _find_subject(case)
    if row is None:
        return
    yield "call", _("Call"), row.key
    yield "attempt", _("Attempt"), str(row.attempt)
    error = failure_of(row)
    if error is not None:
        yield "error_type", _("Error"), error.type
        yield "error_message", _("Message"), case.describe_error(error.message)
        said = _("a business outcome, not tried again") if is_business(error) else _("a failure")
        yield "error_kind", _("Kind of error"), said


def _find_subject(case: Case) -> Checkpoint | None:
    """Return the attempt it is about: the one that runs, is tried again, or ended it."""
    execution = case.execution
    if is_held(execution):
        return find_open(case.calls)
    if case.wait is not None:
        rows = [row for row in case.checkpoints if row.key == case.wait.key]
        return max(rows, key=lambda row: row.attempt, default=None)
    failed = find_failed_call(case)
    return failed.last if failed is not None else None


def _about_the_execution(case: Case) -> Iterator[tuple[str, str, str]]:
    execution = case.execution
    if not execution.is_terminal:
        yield "queue", _("Queue"), execution.queue
    if is_held(execution):
        yield "worker", _("Worker"), execution.lease_owner
        yield "lease", _("Lease ends"), case.say(execution.wake_at) if execution.wake_at else ""
    if execution.recoveries:
        yield "recoveries", _("Workers lost in a row"), str(execution.recoveries)
    if execution.epoch:
        yield "epoch", _("Retried by a person"), str(execution.epoch)
    if execution.expires_at is not None and not execution.is_terminal:
        yield "expires_at", _("Time to live ends"), case.say(execution.expires_at)
    if execution.park_reason is not None:
        yield "park_reason", _("Park reason"), str(execution.park_reason)


def _about_what_is_there(case: Case) -> Iterator[tuple[str, str, str]]:
    done = [c.key for c in case.calls if c.last.status is CheckpointStatus.COMPLETED]
    undone = [c.key for c in case.calls if c.last.status is CheckpointStatus.COMPENSATED]
    yield "completed", _("Completed"), say_list(done)
    yield "undone", _("Undone"), say_list(undone)
    if case.execution.ending is not None:
        left = list_to_undo(case)
        yield "left_to_undo", _("Left to undo"), say_list(left)
    pending = [say_mailbox(s.name) for s in case.signals if s.status is SignalStatus.PENDING]
    yield "inbox", _("Signals in the inbox"), say_list(pending)
