"""Check how the database of the tables is set up, without connecting to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Info
from django.core.checks import Warning as CheckWarning
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from durable_django.conf import readable_settings

SUPPORTED_VENDORS = ("postgresql", "sqlite", "mysql")
OLDEST_SQLITE = (3, 35)
#: psycopg.IsolationLevel.READ_COMMITTED
POSTGRES_READ_COMMITTED = 2
_WAL = re.compile(r"journal_mode\s*=\s*'?wal", re.IGNORECASE)


def check_database(**_: Any) -> list[CheckMessage]:
    """Report what is wrong with the alias that DURABLE names."""
    alias = readable_settings().database
    if alias not in django_settings.DATABASES:
        return []  # E030 says so
    connection = connections[alias]
    if connection.vendor not in SUPPORTED_VENDORS:
        return [
            Error(
                f"Database {alias!r} is {connection.display_name}, which is not supported.",
                hint="Use PostgreSQL, MariaDB 10.6+, MySQL 8.0.11+ or SQLite 3.35+; another "
                "database than the project's is named by DURABLE['DATABASE'].",
                id="durable_django.E010",
            )
        ]
    by_vendor = _check_sqlite if connection.vendor == "sqlite" else _check_server
    return [
        *by_vendor(connection),
        *_check_autocommit(connection),
        *_check_time_zone(connection),
        *_check_requests(connection),
        *_check_routers(alias),
    ]


def _check_sqlite(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    version = getattr(connection, "Database").sqlite_version_info  # noqa: B009 -- not in the stubs
    if version < OLDEST_SQLITE:
        yield Error(
            f"SQLite is {'.'.join(map(str, version))}, and 3.35 or later is needed (RETURNING).",
            hint="Update SQLite, or Python with it.",
            id="durable_django.E010",
        )
    options = _options(connection)
    if str(options.get("transaction_mode", "")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        yield Error(
            f"SQLite database {connection.alias!r} begins transactions DEFERRED: one that reads "
            f"and then writes fails at once with `database is locked` when another wrote between "
            f"(measured: 20 of 40 lost), whatever `timeout` says.",
            hint='OPTIONS: {"transaction_mode": "IMMEDIATE", "timeout": 20}',
            id="durable_django.E015",
        )
    if not _WAL.search(str(options.get("init_command", ""))):
        yield CheckWarning(
            f"SQLite database {connection.alias!r} does not ask for WAL: readers and the writer "
            f"wait for each other.",
            hint='OPTIONS: {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}',
            id="durable_django.W015",
        )


def _check_server(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    options = _options(connection)
    if connection.settings_dict.get("CONN_MAX_AGE") == 0 and not options.get("pool"):
        yield CheckWarning(
            f"CONN_MAX_AGE of database {connection.alias!r} is 0, Django's default: django-q2 "
            f"connects anew for every task (measured on PostgreSQL: 58 tasks a second, against "
            f"290 to 400).",
            hint='Set "CONN_MAX_AGE": 60 (or None) and "CONN_HEALTH_CHECKS": True.',
            id="durable_django.W027",
        )
    if not _is_read_committed(connection.vendor, options):
        yield CheckWarning(
            f"Database {connection.alias!r} sets isolation_level to "
            f"{options['isolation_level']!r}: plain reads in a transaction grow stale, and "
            f"transactions fail that would have waited.",
            hint="Remove isolation_level from OPTIONS: Django's default is READ COMMITTED.",
            id="durable_django.W029",
        )


def _is_read_committed(vendor: str, options: Mapping[str, Any]) -> bool:
    if "isolation_level" not in options:
        return True
    level = options["isolation_level"]
    if vendor == "mysql":
        # None is the server's own default, REPEATABLE READ.
        return str(level).lower() == "read committed"
    return level in (None, POSTGRES_READ_COMMITTED)


def _check_autocommit(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    if not connection.settings_dict.get("AUTOCOMMIT", True):
        yield Error(
            f"AUTOCOMMIT of database {connection.alias!r} is False: checkpoints, leases and "
            f"timers would not commit, and be lost with the connection.",
            hint="Remove it, or name another database in DURABLE['DATABASE'].",
            id="durable_django.E020",
        )


def _check_time_zone(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    if not django_settings.USE_TZ:
        yield Error(
            "USE_TZ is False: leases and timers are aware instants, which cannot be stored so.",
            hint="Set USE_TZ = True.",
            id="durable_django.E018",
        )
    if connection.settings_dict.get("TIME_ZONE"):
        yield Error(
            f"TIME_ZONE of database {connection.alias!r} is set: instants would be stored in that "
            f"zone, and leases compare with the database's clock in UTC.",
            hint="Remove it, or name another database in DURABLE['DATABASE'].",
            id="durable_django.E019",
        )


def _check_requests(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    if connection.settings_dict.get("ATOMIC_REQUESTS"):
        yield Info(
            f"ATOMIC_REQUESTS is on for database {connection.alias!r}: in a view, start(), "
            f"signal() and cancel() take effect when the request has succeeded, and run() is "
            f"refused.",
            hint="To call run() in a view, decorate it with transaction.non_atomic_requests.",
            id="durable_django.I028",
        )


def _check_routers(alias: str) -> Iterator[CheckMessage]:
    for model in apps.get_app_config("durable_django").get_models():
        reads, writes = router.db_for_read(model), router.db_for_write(model)
        # Without a router's word both are the default alias; the store names its alias itself.
        chosen = {reads, writes} - {"default"}
        if not router.allow_migrate_model(alias, model) or chosen - {alias}:
            yield Error(
                f"A database router sends {model.__name__} elsewhere: reads to {reads!r}, writes "
                f"to {writes!r}, and DURABLE['DATABASE'] is {alias!r}.",
                hint=f"Let the routers leave the app `durable_django` alone, or answer {alias!r}.",
                id="durable_django.E009",
            )
            return


def _options(connection: BaseDatabaseWrapper) -> Mapping[str, Any]:
    return connection.settings_dict.get("OPTIONS") or {}
