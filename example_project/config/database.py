"""Where the example project keeps its data: SQLite in `var/`, or a PostgreSQL by URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def configure_sqlite(path: Path) -> dict[str, Any]:
    """Return SQLite as durable_django likes it: readers beside one writer, who waits its turn."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        },
    }


def configure_postgresql(url: str) -> dict[str, Any]:
    """Return the database of `postgresql://user:password@host:port/name`.

    `?host=/some/directory` names a Unix socket, as libpq has it.

    Raises:
        ValueError: It is no such URL, or names no database.
    """
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgres", "postgresql"} or not name:
        raise ValueError("EXAMPLE_DATABASE_URL reads postgresql://user:password@host:port/name.")
    sockets = parse_qs(parts.query).get("host")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": sockets[0] if sockets else parts.hostname or "",
        "PORT": parts.port or "",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
