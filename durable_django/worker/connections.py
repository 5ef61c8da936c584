"""Keep a thread's database connections from slice to slice, and drop those that went bad."""

from __future__ import annotations

from contextlib import suppress

from django.db import Error as AnyDatabaseError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


def tidy_connections(is_doubtful: bool) -> None:  # noqa: FBT001 -- called through a Callable
    """Close this thread's connections that cannot be used any more.

    Those that had errors are asked, and all are if `is_doubtful`: a server that restarted leaves
    them dead. What a step left open (a transaction, autocommit off) is closed too. Unlike
    Django's own clean-up it does not mind their age.
    """
    for connection in connections.all(initialized_only=True):
        if connection.connection is None:
            continue
        is_open = connection.in_atomic_block or (
            connection.get_autocommit() != connection.settings_dict["AUTOCOMMIT"]
        )
        if is_open:
            connection.in_atomic_block = False
            _close(connection)
        elif (is_doubtful or connection.errors_occurred) and not connection.is_usable():
            _close(connection)
        else:
            connection.errors_occurred = False


def drop_connections() -> None:
    """Close all of this thread's connections, whatever state they are in."""
    for connection in connections.all(initialized_only=True):
        _close(connection)


def _close(connection: BaseDatabaseWrapper) -> None:
    # Some drivers refuse to close what the server has closed; it is forgotten all the same.
    with suppress(AnyDatabaseError):
        connection.close()
