"""Delete what is remembered of long ago: answered requests, bulk operations, links, ticks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from durable_django.conf import settings
from durable_django.control.idempotency import KEPT_FOR, prune_idempotency
from durable_django.models import BulkOperation, SignalHook
from durable_django.runtime import build_schedule_store, engine

_BATCH = 500


def prune_control_plane(before: datetime) -> dict[str, int]:
    """Delete what ended, or expired, before then; return how many rows of each kind.

    Answers to requests are kept for a day, whatever `before` says. What goes with its execution
    goes with its execution.
    """
    alias = settings().database
    ended = BulkOperation.objects.using(alias).filter(finished_at__lt=before)
    expired = SignalHook.objects.using(alias).filter(expires_at__lt=before)
    return {
        "requests": prune_idempotency(engine().store.now() - KEPT_FOR),
        "bulk_operations": _delete(ended),
        "hooks": _delete(expired),
        "schedule_ticks": _delete_ticks(before),
    }


def _delete_ticks(before: datetime) -> int:
    schedules, deleted = build_schedule_store(settings()), 0
    while count := schedules.delete_ticks(before, _BATCH):
        deleted += count
    return deleted


def _delete(rows: QuerySet[Any]) -> int:
    """Delete batch by batch, so that no statement locks for long."""
    deleted = 0
    while ids := list(rows.values_list("pk", flat=True)[:_BATCH]):
        deleted += rows.filter(pk__in=ids).delete()[0]
    return deleted
