"""What a claim costs beside very many executions that are none of its business."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta

from django.db import connection

from durable_django.domain.identifiers import new_id, workflow_id
from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import WorkflowExecution

FINISHED, SLEEPING, DUE = 1_000_000, 100_000, 100_000
BATCH, CLAIMS = 50, 20


def measure_backlog(engine: DurableEngine) -> list[tuple[str, str]]:
    """Return the cost of a claim of 50 on a small table and on a huge one."""
    insert(2000, "pending", wake_in=timedelta(0))
    small = claim_milliseconds(engine)
    insert(FINISHED, "completed", wake_in=None)
    insert(SLEEPING, "suspended", wake_in=timedelta(days=30))
    insert(DUE, "pending", wake_in=timedelta(0))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor != "mysql" else "SELECT 1")
    huge = claim_milliseconds(engine)
    return [
        (f"claim of {BATCH}, 2,000 due", f"{small:8.2f} ms"),
        (f"claim of {BATCH}, 1M finished, 100k asleep, 100k due", f"{huge:8.2f} ms"),
    ]


def claim_milliseconds(engine: DurableEngine) -> float:
    took = []
    for _ in range(CLAIMS):
        begun = time.perf_counter()
        claims = engine.claim("default", BATCH)
        took.append(1000 * (time.perf_counter() - begun))
        assert len(claims) == BATCH
    return statistics.median(took)


def insert(count: int, status: str, wake_in: timedelta | None) -> None:
    now = datetime.now(UTC)
    alarm = None if wake_in is None else now + wake_in - timedelta(seconds=1)
    facts = {
        "workflow_id": workflow_id("bench.one", 1),
        "workflow_name": "bench.one",
        "workflow_version": 1,
        "status": status,
        "queue": "default",
        "input": "{}",
        "wake_at": alarm,
        "order_at": alarm,
        "waiting_kind": "timer" if status == "suspended" else "",
        "created_at": now,
        "updated_at": now,
        "finished_at": now if status == "completed" else None,
    }
    for begin in range(0, count, 5000):
        rows = [WorkflowExecution(id=new_id(), **facts) for _ in range(min(5000, count - begin))]
        WorkflowExecution.objects.bulk_create(rows, batch_size=500)
