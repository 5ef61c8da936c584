"""The database's clock, as an expression for the ORM."""

from __future__ import annotations

from datetime import timedelta

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Expression
from django.db.models.sql.compiler import SQLCompiler

from durable_django.stores.orm.dialects import dialect_of


class DBNow(Expression):
    """The database's clock in UTC plus `delta`.

    Not Django's `Now()`, which is the session's local time on MySQL and MariaDB, where Django
    stores UTC.
    """

    def __init__(self, delta: timedelta = timedelta(0)) -> None:
        super().__init__(output_field=DateTimeField())
        self.delta = delta

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        dialect = dialect_of(connection)
        return (dialect.now_plus(self.delta) if self.delta else dialect.now), ()
