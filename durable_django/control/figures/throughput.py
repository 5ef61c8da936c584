"""What was started and what finished, minute by minute: a bounded look at the last hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import TruncMinute

from durable_django.control.figures.bounded import first_id_at, select_from
from durable_django.domain.status import TERMINAL_STATUSES
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.rows import to_datetime

#: The most executions that are looked at, of what was started and of what finished.
MAX_LOOKED_AT = 50_000
_KINDS = ("started", *sorted(TERMINAL_STATUSES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What happened in one minute."""

    #: Its beginning.
    at: datetime
    started: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What was started and what finished, minute by minute."""

    #: Oldest first, without a gap; the last is the present one, and not over.
    minutes: Sequence[Minute]
    #: Whether there was more than is looked at: the oldest minutes then show too little.
    is_capped: bool

    def total(self, what: str) -> int:
        """Return the sum of `started`, `completed`, `failed` or `cancelled`."""
        return sum(getattr(minute, what) for minute in self.minutes)


def throughput(
    executions: QuerySet[WorkflowExecution],
    now: datetime,
    minutes: int = 60,
    limit: int = MAX_LOOKED_AT,
) -> Throughput:
    """Return what was started and what finished in the last minutes; one query."""
    last = now.replace(second=0, microsecond=0)
    since = last - timedelta(minutes=minutes - 1)
    begun = executions.filter(pk__gte=first_id_at(since), created_at__gte=since)
    ended = executions.filter(finished_at__gte=since)
    sources = {
        "started": _by_minute(begun, "created_at", "-id")[:limit],
        "finished": _by_minute(ended, "finished_at", "-finished_at")[:limit],
    }
    found: dict[datetime, dict[str, int]] = {}
    totals = dict.fromkeys(sources, 0)
    grouped = select_from(sources, "minute, status, COUNT(*)", "GROUP BY minute, status")
    for what, (at, status, count) in grouped:
        totals[what] += count
        counts = found.setdefault(to_datetime(at), {})
        kind = "started" if what == "started" else str(status)
        counts[kind] = counts.get(kind, 0) + count
    instants = [since + timedelta(minutes=number) for number in range(minutes)]
    return Throughput(
        minutes=[Minute(at=at, **_known(found.get(at, {}))) for at in instants],
        is_capped=max(totals.values()) >= limit,
    )


def _by_minute(
    executions: QuerySet[WorkflowExecution], column: str, order: str
) -> QuerySet[Any, Any]:
    return (
        executions.annotate(minute=TruncMinute(column, tzinfo=UTC))
        .order_by(order)
        .values_list("minute", "status")
    )


def _known(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: counts.get(kind, 0) for kind in _KINDS}
