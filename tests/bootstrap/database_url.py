"""Read a database URL; no Django, because the probes and the settings both need it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    """Where a database server listens and as whom to speak to it. Empty means the driver's default."""

    #: A host name, or the directory of a Unix socket.
    host: str
    port: int | None
    user: str
    password: str


def parse_database_url(url: str) -> DatabaseAddress:
    """Return the server a URL names; its database name is ignored, as tests create their own.

    `?host=/some/directory` names a Unix socket, as libpq has it.
    """
    parts = urlsplit(url)
    sockets = parse_qs(parts.query).get("host")
    return DatabaseAddress(
        host=sockets[0] if sockets else parts.hostname or "",
        port=parts.port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
