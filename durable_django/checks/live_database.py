"""Check what only the database knows; runs with `check --database …` and in `durable_doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from durable_django.conf import readable_settings
from durable_django.control.health.queues import LATE_BY
from durable_django.engine.registry import default_registry
from durable_django.exceptions import ScheduleError
from durable_django.scheduling.wording import explain
from durable_django.stores.orm import health
from durable_django.stores.orm.schedule_rows import to_schedule

OLDEST_MARIADB = (10, 6)
OLDEST_MYSQL = (8, 0, 1)


def check_live_database(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report what is wrong in the database; nothing unless its alias is among `databases`.

    Tables that do not exist yet are no error here: this also runs before the first `migrate`.
    """
    alias = readable_settings().database
    if alias not in (databases or ()) or alias not in connections:
        return []
    connection = connections[alias]
    wrong = [*_check_version(connection)]
    try:
        wrong += _check_schedules(alias)
        return [*wrong, *_check_workflows(alias), *_check_lateness(alias)]
    except DatabaseError:
        return [*wrong]


def _check_version(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    if connection.vendor != "mysql":
        return
    is_mariadb: bool = getattr(connection, "mysql_is_mariadb", False)
    name, oldest = ("MariaDB", OLDEST_MARIADB) if is_mariadb else ("MySQL", OLDEST_MYSQL)
    version: tuple[int, ...] = connection.get_database_version()
    if version < oldest:
        yield Error(
            f"{name} is {'.'.join(map(str, version))}, and {'.'.join(map(str, oldest))} or later "
            f"is needed (SKIP LOCKED).",
            hint=f"Update {name}.",
            id="durable_django.E010",
        )


def _check_schedules(alias: str) -> Iterator[CheckMessage]:
    for row in health.list_schedules(alias):
        try:
            explain(to_schedule(row))
        except ScheduleError as error:
            yield Error(
                f"Schedule {row.name!r} cannot tick: {error}",
                hint="`durable_schedule update` or `delete` it. A time zone that other machines "
                "know is missing on this one: install the package tzdata.",
                id="durable_django.E007",
            )


def _check_workflows(alias: str) -> Iterator[CheckMessage]:
    for name, version in health.list_live_workflows(alias):
        if default_registry.find(name, version) is None:
            yield CheckWarning(
                f"Executions of workflow {name!r} version {version} live, and this code does not "
                f"register it: they wait, and are parked in the end.",
                hint="Keep a version's function registered until its executions have ended; "
                "`durable_list --workflow` shows them.",
                id="durable_django.W023",
            )


def _check_lateness(alias: str) -> Iterator[CheckMessage]:
    for lag in health.list_lags(alias, LATE_BY):
        yield CheckWarning(
            f"{lag.count} execution{'s' * (lag.count != 1)} of queue {lag.queue!r} "
            f"({lag.guarantee}) should have gone on since {lag.since:%Y-%m-%d %H:%M:%S} UTC.",
            hint="Is a worker running (`qcluster` or `durable_worker`)? `durable_recover` takes "
            "them up here and now, and is what FOREGROUND ones wait for.",
            id="durable_django.W024",
        )
