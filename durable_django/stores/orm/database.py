"""One database alias: its connection, its clock, and how statements and transactions run on it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from durable_django.exceptions import DurableCallError
from durable_django.ports.clock import Clock
from durable_django.stores.orm.dialects import Dialect, dialect_of
from durable_django.stores.orm.rows import to_datetime

_T = TypeVar("_T")
_UUID_FIELD: models.UUIDField[Any, Any] = models.UUIDField()
_DATETIME_FIELD: models.DateTimeField[Any, Any] = models.DateTimeField()

_MAX_TRIES = 5
_LONGEST_PAUSE_S = 0.05
_POSTGRES_TRANSIENT = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_MYSQL_TRANSIENT = frozenset({1205, 1213})  # lock wait timeout, deadlock


class Moment:
    """The present, as SQL: the database's clock, or the instant another clock told once."""

    def __init__(self, dialect: Dialect, instant: datetime | None) -> None:
        self._dialect = dialect
        self._instant = instant
        self.now = dialect.now if instant is None else dialect.literal(instant)

    def plus(self, delta: timedelta) -> str:
        """Return the present plus `delta` as SQL."""
        if self._instant is None:
            return self._dialect.now_plus(delta)
        return self._dialect.literal(self._instant + delta)


class Database:
    """Runs SQL on one alias, in the calling thread's connection.

    Instants come from the database's clock, unless another `clock` is given; every statement
    takes them from `moment`.
    """

    def __init__(self, alias: str, clock: Clock | None, priority_seconds: int) -> None:
        self.alias = alias
        self._clock = clock
        self._priority_seconds = priority_seconds
        self._dialect: Dialect | None = None

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The calling thread's connection."""
        return connections[self.alias]

    @property
    def dialect(self) -> Dialect:
        """The SQL of this database."""
        # Not in __init__: asking MySQL whether it is MariaDB connects.
        if self._dialect is None:
            self._dialect = dialect_of(self.connection)
        return self._dialect

    # --- time ---

    def moment(self) -> Moment:
        """Return the present, for one statement or for several that must agree on it."""
        return Moment(self.dialect, self._clock.now() if self._clock else None)

    def now(self) -> datetime:
        """Return the clock, aware UTC."""
        if self._clock is not None:
            return self._clock.now()
        [[now]] = self.fetch(f"SELECT {self.dialect.now}", [])
        return to_datetime(now)

    def literal(self, instant: datetime) -> str:
        """Return an aware instant as SQL."""
        return self.dialect.literal(instant)

    def order_of(self, alarm: str) -> str:
        """Return the `order_at` that goes with an alarm, by the row's guarantee and priority."""
        return f"CASE guarantee WHEN 'background' THEN {self.background_order_of(alarm)} END"

    def background_order_of(self, alarm: str) -> str:
        """Return the `order_at` that goes with an alarm of a BACKGROUND execution."""
        return self.dialect.minus_seconds(alarm, f"priority * {self._priority_seconds}")

    def head_start(self, priority: int) -> timedelta:
        """Return how far before its alarm an execution of this priority is ordered."""
        return timedelta(seconds=priority * self._priority_seconds)

    # --- values ---

    def uuid(self, value: UUID) -> Any:
        """Return a UUID as this database's parameter."""
        return _UUID_FIELD.get_db_prep_value(value, self.connection)

    def instant(self, value: datetime | None) -> Any:
        """Return an instant as this database's parameter."""
        return _DATETIME_FIELD.get_db_prep_value(value, self.connection)

    # --- statements ---

    def execute(self, sql: str, params: Iterable[Any]) -> int:
        """Run a statement; return how many rows it matched or wrote."""
        return self.run(lambda: self._execute(sql, params))

    def fetch(self, sql: str, params: Iterable[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement; return the rows it gave."""
        return self.run(lambda: self._fetch(sql, params))

    def run(self, work: Callable[[], _T]) -> _T:
        """Do `work` (one statement, or one transaction) again if the database undid it.

        Deadlock victims, failures to serialize and a busy SQLite file are tried again a few times,
        but never inside a transaction that somebody else began: that is theirs to try again.
        """
        if self.connection.in_atomic_block:
            return work()
        for _ in range(_MAX_TRIES - 1):
            try:
                return work()
            except OperationalError as exc:
                if not is_transient(exc):
                    raise
                time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 -- no secret
        return work()

    def transact(self, work: Callable[[], _T]) -> _T:
        """Do `work` in one transaction, which joins one that is open already."""
        return self.run(lambda: self._transact(work))

    def act_transact(self, work: Callable[[], _T]) -> _T:
        """Do `work` in one transaction; what it raises undoes no more than its own writes."""
        return self.run(lambda: self._savepoint(work))

    def slice_transact(self, work: Callable[[], _T]) -> _T:
        """Do `work` in one transaction that has committed when this returns."""
        self.refuse_open_transaction()
        return self.run(lambda: self._savepoint(work))

    # --- transactions that are somebody else's ---

    def is_inside_transaction(self) -> bool:
        """Say whether what is written now waits for somebody else's commit.

        Inside the caller's `atomic()`, and with autocommit off; Django's TestCase does not count.
        """
        blocks: list[Any] = getattr(self.connection, "atomic_blocks", [])
        if blocks:
            return not blocks[-1]._from_testcase  # noqa: SLF001 -- as atomic(durable=True) does
        return self.connection.connection is not None and not self.connection.get_autocommit()

    def refuse_open_transaction(self) -> None:
        """Raise unless what is written now commits at once.

        Raises:
            DurableCallError: The caller's `atomic()` is open, and could take the write back.
        """
        if self.is_inside_transaction():
            raise DurableCallError(
                "A durable call stands inside transaction.atomic(), or autocommit is off: if the "
                "transaction rolled back, what was recorded would be lost. Move the block into a "
                "step, or use atomic=True; leave autocommit on."
            )

    def _execute(self, sql: str, params: Iterable[Any]) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, list(params))
            return int(cursor.rowcount)

    def _fetch(self, sql: str, params: Iterable[Any]) -> Sequence[Sequence[Any]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, list(params))
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    def _transact(self, work: Callable[[], _T]) -> _T:
        # No savepoint: what joins a caller's transaction fails with it.
        with transaction.atomic(using=self.alias, savepoint=False):
            return work()

    def _savepoint(self, work: Callable[[], _T]) -> _T:
        # A savepoint inside a TestCase, where a lost lease must undo this much, and inside a
        # caller's transaction, which a refused act must not spoil.
        with transaction.atomic(using=self.alias):
            return work()


def is_transient(error: OperationalError) -> bool:
    """Say whether the database undid the whole transaction for reasons that may pass."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) in _POSTGRES_TRANSIENT:
        return True
    if error.args and error.args[0] in _MYSQL_TRANSIENT:
        return True
    return "is locked" in str(error)


def is_disconnection(error: BaseException, before: object, connection: BaseDatabaseWrapper) -> bool:
    """Say whether `error` comes of the loss of `before`, the driver's connection until then."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (OperationalError, InterfaceError)):
        cause = cause.__cause__ or cause.__context__
    # Django puts another in its place when it cannot roll back on the one it had.
    return cause is not None and connection.connection is not before
