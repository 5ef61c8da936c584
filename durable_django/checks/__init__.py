"""System checks: what is set up wrong, said before it hurts, each with what to do about it.

Ids are stable. E: it cannot work. W: it works until it matters. I: worth knowing.

============  =====================================================================================
E001, E002    `django_q` is not installed; `Q_CLUSTER` is missing
E003          a key of `DURABLE` is unknown or has the wrong type
E007          (with `--database`) a schedule cannot tick: its cron expression or time zone is wrong
E008          an encryption key cannot be used
E009          a router sends our tables to another database
E010          a database (or a version of it) that is not supported
E011          `Q_CLUSTER["timeout"]` is not a whole number
E015, W015    SQLite without IMMEDIATE transactions; without WAL
E018, E019    `USE_TZ` is off; the database has a `TIME_ZONE` of its own
E020          autocommit of the database is off: nothing would commit
E030          `DURABLE["DATABASE"]` names no database
E031          a dotted path of `DURABLE` cannot be imported
W011          `Q_CLUSTER["retry"]` is not longer than `timeout`
W012          the lease is too short for the pace of its renewal
W013          the django-q2 broker uses another database alias
W017          `Q_CLUSTER["sync"]` outside tests
W022          a workflow's body does what differs on replay, or stands in the way of suspension
W023, W024    (with `--database`) live executions of an unknown workflow; work that is late
W027          a new connection for every task
W029          transactions are isolated otherwise than READ COMMITTED
I028, I033    `ATOMIC_REQUESTS` is on; `save_limit` slows other tasks down
============  =====================================================================================
"""

from __future__ import annotations

from django.core import checks

from durable_django.checks.cluster import check_cluster
from durable_django.checks.database import check_database
from durable_django.checks.durable_setting import check_durable_setting
from durable_django.checks.live_database import check_live_database
from durable_django.checks.workflow_bodies import check_workflow_bodies

__all__ = ["register_checks"]


def register_checks() -> None:
    """Add all checks to Django's; a second call changes nothing."""
    for check in (check_durable_setting, check_cluster, check_database, check_workflow_bodies):
        checks.register(check, "durable_django")
    checks.register(check_live_database, checks.Tags.database, "durable_django")
