"""Ask many questions of a long history in one statement, none of which may read all of it.

Each question is a sliced queryset, and stands in the statement as `SELECT … FROM (it) AS source`:
the slice bounds what is read before anything is counted or grouped. Django's own `union()` cannot
say this: SQLite takes no slices in a compound, and MariaDB none in an `IN`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

#: Counts end here and at one: more is "many" to a person.
MAX_COUNTED = 10_000
#: SQLite takes 500.
_MOST_IN_ONE_STATEMENT = 200
_Key = TypeVar("_Key", bound=Hashable)


def count_capped(
    questions: Mapping[_Key, QuerySet[Any]], limit: int = MAX_COUNTED + 1
) -> dict[_Key, int]:
    """Return how many rows each queryset has, counted no further than `limit`."""
    sources = {key: rows.order_by().values_list("pk")[:limit] for key, rows in questions.items()}
    counts = dict.fromkeys(questions, 0)
    counts.update((key, int(row[0])) for key, row in select_from(sources, "COUNT(*)"))
    return counts


def select_from(
    sources: Mapping[_Key, QuerySet[Any]], columns: str, tail: str = "", params: Sequence[Any] = ()
) -> Iterator[tuple[_Key, Sequence[Any]]]:
    """Yield what `SELECT columns FROM (source) AS source tail` gives, with the key of the source.

    Sources are sliced `values_list()`s, all of one database. `columns` and `tail` are SQL of ours;
    the tail is WHERE and GROUP BY, with a `%s` for each of `params`. Values come as the driver
    gives them.
    """
    for keys in _in_batches(list(sources)):
        selects = [
            part
            for number, key in enumerate(keys)
            if (part := _select(number, sources[key], columns, tail)) is not None
        ]
        if not selects:
            continue
        sql = " UNION ALL ".join(sql for sql, _ in selects)
        values = chain.from_iterable((*own, *params) for _, own in selects)
        with connections[sources[keys[0]].db].cursor() as cursor:
            cursor.execute(sql, list(values))
            for number, *row in cursor.fetchall():
                yield keys[number], row


def first_id_at(instant: datetime) -> UUID:
    """Return the smallest id (UUIDv7) that can have been made at this instant."""
    milliseconds = int(instant.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62))


def _in_batches(keys: list[_Key]) -> Iterator[list[_Key]]:
    for start in range(0, len(keys), _MOST_IN_ONE_STATEMENT):
        yield keys[start : start + _MOST_IN_ONE_STATEMENT]


def _select(
    number: int, source: QuerySet[Any], columns: str, tail: str
) -> tuple[str, Sequence[Any]] | None:
    try:
        sql, params = source.query.get_compiler(using=source.db).as_sql()
    except EmptyResultSet:  # the database need not be asked
        return None
    select = f"SELECT {number} AS source_number, {columns} FROM ({sql}) AS source {tail}"  # noqa: S608 -- all of it is ours; values are parameters
    return select, params
