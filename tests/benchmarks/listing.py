"""What the admin's list of executions costs beside a million of them, and which index answers.

Whole requests through the test client: session, user, queries, templates. Best of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import (
    CaptureQueriesContext,
    setup_test_environment,
    teardown_test_environment,
)

from durable_django.control.finding.matching import Criteria, made_since, matching, parse_search
from durable_django.models import WorkflowExecution

ROWS = 1_000_000
SPAN = timedelta(days=30)
#: Of the newest so many, the steps are there too.
WITH_STEPS = 2000
PAGE = "/admin/durable_django/workflowexecution/"
BEST_OF = 3
EXECUTIONS = "durable_django_workflowexecution"

#: What is asked for, as the list's parameters.
REQUESTS: dict[str, dict[str, str]] = {
    "list, last 7 days": {},
    "list, all time": {"period": "all"},
    "list, last hour": {"period": "1h"},
    "page 200 of all time": {"period": "all", "p": "200"},
    "status=completed (90 %)": {"status__exact": "completed", "period": "all"},
    "status=parked (0.1 %)": {"status__exact": "parked", "period": "all"},
    "status:failed,parked": {"q": "status:failed,parked", "period": "all"},
    "workflow=team3.flow": {"workflow_name__exact": "team3.flow", "period": "all"},
    "workflow:team3.": {"q": "workflow:team3.", "period": "all"},
    "workflow and status": {
        "workflow_name__exact": "team3.flow",
        "status__exact": "failed",
        "period": "all",
    },
    "id": {"q": ""},  # filled in when the rows are there
    "key:order-500000": {"q": "key:order-500000"},
    "prefix order-50000 (11 rows)": {"q": "order-50000"},
    "prefix order-9 (111,111 rows)": {"q": "order-9"},
    "prefix of nothing": {"q": "nothing-begins-so"},
    "object:shop.order:77": {"q": "object:shop.order:77"},
    "tag:rare (10 rows), 7 days": {"q": "tag:rare"},
    "tag:rare (10 rows), all time": {"q": "tag:rare", "period": "all"},
}


def measure_listing() -> list[tuple[str, str]]:
    """Return a line for each request: milliseconds, queries, and how the database finds the rows."""
    report = [("rows filled in", timed(fill))]
    newest = WorkflowExecution.objects.order_by("-id").values_list("pk", flat=True)[ROWS // 2]
    REQUESTS["id"]["q"] = str(newest)
    setup_test_environment(debug=False)
    try:
        client = Client()
        client.force_login(User.objects.create_superuser("benchmark"))
        for name, parameters in REQUESTS.items():
            report.append((name, measure_request(client, parameters)))
            report.extend(("", line) for line in explain(parameters))
    finally:
        teardown_test_environment()
    return report


def measure_request(client: Client, parameters: dict[str, str]) -> str:
    took, worked, found = [], [], ""
    for _ in range(BEST_OF):
        begun, cpu = time.perf_counter(), time.process_time()
        response = client.get(PAGE, parameters)
        took.append(1000 * (time.perf_counter() - begun))
        worked.append(1000 * (time.process_time() - cpu))
        assert response.status_code == 200, response.status_code
        found = str(response.context["cl"].result_count)
    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE, parameters)
    slowest = max(queries, key=lambda query: float(query["time"]))
    return (
        f"{min(took):7.1f} ms ({min(worked):.1f} of CPU here)  {len(queries)} queries,"
        f" the slowest {1000 * float(slowest['time']):.0f} ms  {found} found"
    )


def explain(parameters: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the plan of the page's query that say where its rows come from."""
    criteria = parse_search(parameters.get("q", ""))
    status = parameters.get("status__exact")
    filters = {"workflow": parameters.get("workflow_name__exact"), "statuses": status and [status]}
    given = {key: value for key, value in filters.items() if value}
    criteria = criteria.narrowed_by(Criteria.from_json(given))
    rows = matching(WorkflowExecution.objects.order_by("-id"), criteria)
    if parameters.get("period") != "all" and not criteria.names_something:
        rows = made_since(rows, datetime.now(UTC) - timedelta(days=7))
    for line in rows.only("pk")[:50].explain().splitlines():
        if any(word in line for word in ("Scan", "SCAN", "SEARCH", "Sort", "TEMP B-TREE")):
            yield "    " + line.strip(" ->").split("  (cost")[0][:110]


def timed(act: Callable[[], Any]) -> str:
    begun = time.perf_counter()
    act()
    return f"{time.perf_counter() - begun:7.1f} s"


def fill() -> None:
    now = datetime.now(UTC)
    step = SPAN / ROWS
    dialect = _POSTGRES if connection.vendor == "postgresql" else _SQLITE
    values = {
        "rows": ROWS,
        "last": int(now.timestamp() * 1000),
        "step": step // timedelta(milliseconds=1),
        "table": EXECUTIONS,
        "with_steps": WITH_STEPS,
    }
    with connection.cursor() as cursor:
        for statement in (_INSERT_EXECUTIONS, _INSERT_STEPS):
            # No parameters, so that percent signs are left alone.
            cursor.execute(
                statement.format(**{**dialect, **values}).format(**{**dialect, **values})
            )
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


_POSTGRES = {
    "numbers": "SELECT generate_series(1, {rows}) AS n",
    "id": (
        "(lpad(to_hex({last} - ({rows} - n)::bigint * {step}), 12, '0') || '7'"
        " || lpad(to_hex(n % 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid"
    ),
    "instant": "to_timestamp(({last} - ({rows} - n)::bigint * {step}) / 1000.0)",
    "json": "::jsonb",
    "no": "false",
    "yes": "true",
    "zeros": "'00000000-0000-0000-0000-000000000000'::uuid",
}
_SQLITE = {
    "numbers": (
        "WITH RECURSIVE numbered(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbered"
        " WHERE n < {rows}) SELECT n FROM numbered"
    ),
    "id": "printf('%012x7%03x8%015x', {last} - ({rows} - n) * {step}, n % 4096, n)",
    "instant": (
        "strftime('%Y-%m-%d %H:%M:%f', ({last} - ({rows} - n) * {step}) / 1000.0, 'unixepoch')"
    ),
    "json": "",
    "no": "0",
    "yes": "1",
    "zeros": "'00000000000000000000000000000000'",
}
# Of a thousand: 900 completed, 50 failed, 30 waiting, and some of everything else.
_INSERT_EXECUTIONS = """
INSERT INTO {table} (id, workflow_id, workflow_name, workflow_version, status, queue, priority,
 execution_key, guarantee, correlation_id, tags, subject, input, output, error, park_reason, ending,
 wake_at, order_at, waiting_kind, waiting_for, fence, lease_owner, recoveries, begun_fence, epoch,
 signal_count, cancel_reason, cancel_compensates, progress, created_at, started_at, updated_at,
 finished_at)
SELECT {id}, {zeros}, 'team' || (n % 20) || '.flow', 1, status, 'default', 0, 'order-' || n,
 'background', '', CASE WHEN n % 100000 = 7 THEN '["rare"]'{json} ELSE '["eu"]' END,
 'shop.order:' || (n % 200000), '{{{{}}}}', NULL,
 CASE WHEN status IN ('failed', 'parked')
  THEN '{{{{"type": "shop.CardDeclined", "message": "The card was declined."}}}}' END,
 CASE WHEN status = 'parked' THEN 'poison' END, NULL,
 NULL, NULL, CASE WHEN status = 'suspended' THEN 'signal' ELSE '' END,
 CASE WHEN status = 'suspended' THEN 'paid' ELSE '' END, 1, '', 0, 0, 0, 0, '', {yes}, '{{{{}}}}',
 {instant}, {instant}, {instant},
 CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN {instant} END
FROM (SELECT n, CASE WHEN n % 1000 < 900 THEN 'completed' WHEN n % 1000 < 950 THEN 'failed'
 WHEN n % 1000 < 980 THEN 'suspended' WHEN n % 1000 < 990 THEN 'cancelled'
 WHEN n % 1000 < 995 THEN 'running' WHEN n % 1000 < 998 THEN 'pending'
 WHEN n % 1000 < 999 THEN 'paused' ELSE 'parked' END AS status FROM ({numbers}) AS numbers) AS rows
"""
_INSERT_STEPS = """
INSERT INTO durable_django_stepcheckpoint (execution_id, call_key, name, position, kind, attempt,
 epoch, status, action, compensation, input, input_digest, is_final, idempotency_key)
SELECT id, 'step' || step, 'step' || step, step, 'step', 1, 0, 'completed', '', '', '', '', {no}, ''
FROM (SELECT id FROM {table} ORDER BY id DESC LIMIT {with_steps}) AS newest
CROSS JOIN (SELECT 1 AS step UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS steps
"""
