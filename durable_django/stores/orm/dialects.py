"""What each database says differently, one class per vendor.

An *instant* here is SQL text for a point in time. Text that reaches a cursor passes through
`%` formatting, so a percent sign is doubled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

_MICROSECOND = timedelta(microseconds=1)


class Dialect(Protocol):
    """One vendor's SQL for the few things that are not the same everywhere."""

    #: The database's clock in UTC; the same all through one statement.
    now: str
    #: After the table's name: read it by the index of the claim.
    by_claim_index: str
    #: After the table's name: read it by the index of the statuses.
    by_status_index: str
    #: Ends a SELECT whose row must stay as it is until the transaction ends.
    share_lock: str
    #: The same, passing over rows that others are writing; None where that cannot be relied on.
    share_lock_passing_over: str | None
    #: Ends a SELECT whose rows this transaction will change, passing over those others hold.
    skip_locked: str
    #: A true condition that lets the statement's own transaction commit before it is on disk.
    relaxed_commit: str
    #: Whether one statement can choose, lock, update and return rows.
    can_claim_in_one: bool
    #: Whether UPDATE can return what it wrote.
    can_return_updates: bool
    #: Whether INSERT … SELECT may pass over what a unique constraint refuses.
    can_pass_over_in_select: bool
    #: Whether INSERT can return what it wrote.
    can_return_inserts: bool

    def literal(self, instant: datetime) -> str:
        """Return an aware instant as SQL."""

    def now_plus(self, delta: timedelta) -> str:
        """Return the database's clock plus `delta` (which may be negative) as SQL."""

    def minus_seconds(self, instant: str, seconds: str) -> str:
        """Return an instant less a whole number of seconds, given as an SQL expression."""

    def order_where_null(self, column: str, then: str) -> str:
        """Return what to order by where `column` is NULL, as an index on both columns is ordered."""

    def contains(self, text: str, part: str) -> str:
        """Return the condition that one SQL text contains another, exactly."""

    def insert_unless_there(self, insert: str) -> str:
        """Return an INSERT … VALUES that passes over rows a unique constraint refuses."""


class PostgresDialect:
    """PostgreSQL."""

    # Not NOW(), which stands still in a long transaction.
    now = "STATEMENT_TIMESTAMP()"
    by_claim_index = ""
    by_status_index = ""
    share_lock = "FOR SHARE"
    share_lock_passing_over: str | None = "FOR SHARE SKIP LOCKED"
    skip_locked = "FOR UPDATE SKIP LOCKED"
    relaxed_commit = "set_config('synchronous_commit', 'off', true) = 'off'"
    can_claim_in_one = True
    can_return_updates = True
    can_pass_over_in_select = True
    can_return_inserts = True

    def literal(self, instant: datetime) -> str:
        return f"TIMESTAMPTZ '{_digits(instant)}+00:00'"

    def now_plus(self, delta: timedelta) -> str:
        return f"({self.now} + INTERVAL '{delta // _MICROSECOND} microseconds')"

    def minus_seconds(self, instant: str, seconds: str) -> str:
        return f"({instant} - ({seconds}) * INTERVAL '1 second')"

    def order_where_null(self, column: str, then: str) -> str:
        # It does not see that a column that is NULL everywhere needs no order.
        return f"{column}, {then}"

    def contains(self, text: str, part: str) -> str:
        return f"(STRPOS({text}, {part}) > 0)"

    def insert_unless_there(self, insert: str) -> str:
        return f"{insert} ON CONFLICT DO NOTHING"


class SqliteDialect:
    """SQLite, 3.35 or later. It keeps instants as text, and its own clock tells milliseconds."""

    now = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"
    by_claim_index = ""
    # By itself it looks up the queue, and passes over all that waits there.
    by_status_index = "INDEXED BY durable_execution_by_status"
    # A writer has the whole file to itself.
    share_lock = ""
    share_lock_passing_over: str | None = ""
    skip_locked = ""
    relaxed_commit = "1 = 1"
    can_claim_in_one = False
    can_return_updates = True
    can_pass_over_in_select = True
    can_return_inserts = True

    def literal(self, instant: datetime) -> str:
        return f"'{_digits(instant)}'"

    def now_plus(self, delta: timedelta) -> str:
        # Rounded up: a timer may be a millisecond late, never early.
        seconds = -(-delta // timedelta(milliseconds=1)) / 1000
        return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '{seconds:+.3f} seconds')"

    def minus_seconds(self, instant: str, seconds: str) -> str:
        # The fraction is carried over as text, because STRFTIME would round it to milliseconds,
        # and an order after its alarm would hide the execution.
        whole = f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%S', SUBSTR({instant}, 1, 19), (-({seconds})) || ' seconds')"
        return f"({whole} || SUBSTR({instant}, 20))"

    def order_where_null(self, column: str, then: str) -> str:
        return then

    def contains(self, text: str, part: str) -> str:
        return f"(INSTR({text}, {part}) > 0)"

    def insert_unless_there(self, insert: str) -> str:
        return f"{insert} ON CONFLICT DO NOTHING"


class MysqlDialect:
    """MySQL 8 and MariaDB 10.6 or later.

    A single-table UPDATE there sees the columns it has already assigned, so every UPDATE in this
    package assigns what others are computed from last.
    """

    # Not NOW(6), which is in the session's time zone while Django stores UTC.
    now = "UTC_TIMESTAMP(6)"
    # By itself it looks up the queue alone, and passes over a million finished rows each time.
    by_claim_index = "FORCE INDEX (durable_execution_claim)"
    by_status_index = "FORCE INDEX (durable_execution_by_status)"
    share_lock = "LOCK IN SHARE MODE"
    # MariaDB 10.11 fails with "Can't find record" (1032) where a row it passes over is written.
    share_lock_passing_over: str | None = None
    skip_locked = "FOR UPDATE SKIP LOCKED"
    relaxed_commit = "1 = 1"
    can_claim_in_one = False
    can_return_updates = False
    can_pass_over_in_select = False

    def __init__(self, *, is_mariadb: bool) -> None:
        self.can_return_inserts = is_mariadb

    def literal(self, instant: datetime) -> str:
        return f"TIMESTAMP'{_digits(instant)}'"

    def now_plus(self, delta: timedelta) -> str:
        return f"({self.now} + INTERVAL {delta // _MICROSECOND} MICROSECOND)"

    def minus_seconds(self, instant: str, seconds: str) -> str:
        return f"({instant} - INTERVAL ({seconds}) SECOND)"

    def order_where_null(self, column: str, then: str) -> str:
        return then

    def contains(self, text: str, part: str) -> str:
        return f"(INSTR({text}, {part}) > 0)"

    def insert_unless_there(self, insert: str) -> str:
        # Not INSERT IGNORE, which also passes over values that do not fit their column.
        return f"{insert} ON DUPLICATE KEY UPDATE id = id"


def dialect_of(connection: BaseDatabaseWrapper) -> Dialect:
    """Return the dialect of a connection's database.

    Raises:
        NotImplementedError: It is none of PostgreSQL, SQLite, MySQL and MariaDB.
    """
    if connection.vendor == "postgresql":
        return PostgresDialect()
    if connection.vendor == "sqlite":
        return SqliteDialect()
    if connection.vendor == "mysql":
        wrapper: Any = connection
        return MysqlDialect(is_mariadb=wrapper.mysql_is_mariadb)
    raise NotImplementedError(f"durable_django has no SQL for {connection.display_name}.")


def _digits(instant: datetime) -> str:
    # Always six digits: SQLite compares text, and there "…:00" sorts before "…:00.000000".
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
