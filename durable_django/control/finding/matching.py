"""Find executions among millions: criteria become conditions that the indexes of the table answer.

An id, a key, the beginning of a key, a workflow, a status, a subject, a fork's source, a parent and
the time of the end each have an index. Everything else (tag, queue, correlation id, error, what it
waits for, whether it is a child) is looked for among the rows that the other criteria leave, newest
first: alone, a rare tag reads the whole table. A `created_after` beside it bounds that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections
from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from durable_django.control.figures.bounded import first_id_at
from durable_django.control.finding.criteria import Criteria, CriteriaError
from durable_django.control.finding.search_terms import parse_search
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution

__all__ = ["Criteria", "CriteriaError", "made_since", "matching", "parse_search"]

#: How far the clock of whoever makes an id may be from the database's, which says `created_at`.
CLOCK_MARGIN = timedelta(hours=1)
_LAST_CHARACTER = 0x10FFFF
_FIRST_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xE000


def matching(
    executions: QuerySet[WorkflowExecution], criteria: Criteria
) -> QuerySet[WorkflowExecution]:
    """Return those of the executions that fulfil all criteria, in the order they have."""
    vendor = connections[executions.db].vendor
    conditions = [
        condition(vendor, getattr(criteria, name))
        for name, condition in _CONDITIONS.items()
        if getattr(criteria, name) not in (None, ())
    ]
    return executions.filter(*conditions)


def made_since(
    executions: QuerySet[WorkflowExecution], instant: datetime
) -> QuerySet[WorkflowExecution]:
    """Return those whose id was made at the instant or later.

    That is when they were created, by the clock of the process that started them. For "the last
    hour" that is exact enough, and unlike `created_at` the id ends every index that lists use.
    """
    return executions.filter(id__gte=first_id_at(instant))


class _HasTag(Func):
    """Whether the tags hold a tag, on SQLite, whose JSON has no `contains`."""

    template = "EXISTS (SELECT 1 FROM JSON_EACH(%(expressions)s)"
    arg_joiner = ") WHERE JSON_EACH.value = "
    output_field = BooleanField()


def _is(column: str) -> Callable[[str, Any], Q]:
    return lambda _, value: Q(**{column: value})


def _is_text(column: str) -> Callable[[str, str], Q]:
    """Compare text exactly where the column's collation may not (MySQL and MariaDB)."""

    def condition(vendor: str, value: str) -> Q:
        equal = Q(**{column: value})
        # `startswith` is LIKE BINARY there: the index finds what is equal, this what is the same.
        return equal & Q(**{f"{column}__startswith": value}) if vendor == "mysql" else equal

    return condition


def _begins(column: str) -> Callable[[str, str], Q]:
    """Compare the beginning of a name or a key, so that an index can answer it.

    SQLite compares text by code points, and so do MySQL and MariaDB in these columns
    (`utf8mb4_bin`, see the first migration): there the beginning is a range. MySQL pads what it
    compares with spaces, hence the LIKE BINARY on top. In PostgreSQL the order is the database's
    collation's, in which the strings with one beginning need not stand together: there it is LIKE,
    which uses the plain index if the collation is C, and an index of `varchar_pattern_ops` always.
    """

    def condition(vendor: str, prefix: str) -> Q:
        begins = _starts(column, prefix)
        if vendor == "postgresql":
            return begins
        in_range = Q(**{f"{column}__gte": prefix})
        end = _end_of_prefix(prefix)
        if end is not None:
            in_range &= Q(**{f"{column}__lt": end})
        return in_range & begins if vendor == "mysql" else in_range

    return condition


def _end_of_prefix(prefix: str) -> str | None:
    """Return the first string, by code points, after all that begin so; None if there is none."""
    kept = prefix.rstrip(chr(_LAST_CHARACTER))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    # Surrogates are no characters: no database can be sent one.
    return kept[:-1] + chr(_AFTER_SURROGATES if following == _FIRST_SURROGATE else following)


def _has_tag(vendor: str, tag: str) -> Q:
    if vendor == "sqlite":
        return Q(_HasTag(F("tags"), Value(tag)))
    return Q(tags__contains=[tag])


def _has_error_type(vendor: str, name: str) -> Q:
    # An ErrorRecord is JSON that begins with its type.
    quoted = json.dumps(name)[1:-1]
    if "." in name:
        begin = f'{{"type": "{quoted}"'
        return _begins("error")(vendor, begin) if vendor == "sqlite" else _starts("error", begin)
    return Q(error__regex=rf'^\{{"type": "([^"]*\.)?{re.escape(quoted)}"')


def _starts(column: str, prefix: str) -> Q:
    return Q(**{f"{column}__startswith": prefix})


def _created_after(_: str, instant: datetime) -> Q:
    # By the id for the index, and by the column because the id's clock is another.
    # PostgreSQL refuses offsets from 16 hours on, which Python and ISO 8601 allow.
    at = instant.astimezone(UTC)
    return Q(id__gte=first_id_at(at - CLOCK_MARGIN), created_at__gte=at)


def _created_before(_: str, instant: datetime) -> Q:
    at = instant.astimezone(UTC)
    return Q(id__lt=first_id_at(at + CLOCK_MARGIN), created_at__lt=at)


#: What each criterion asks of a row, given the database's vendor and the value.
_CONDITIONS: Mapping[str, Callable[[str, Any], Q]] = {
    "statuses": lambda _, statuses: _one_of(statuses),
    "workflow": _is("workflow_name"),
    "workflow_prefix": _begins("workflow_name"),
    "version": _is("workflow_version"),
    "key": _is("key"),
    "key_prefix": _begins("key"),
    "execution_id": _is("pk"),
    "tag": _has_tag,
    "subject": _is_text("subject"),
    "correlation_id": _is_text("correlation_id"),
    "queue": _is("queue"),
    # The status, which has an index, says no more, but is found faster.
    "park_reason": lambda _, reason: Q(
        park_reason=reason.value, status=ExecutionStatus.PARKED.value
    ),
    "error_type": _has_error_type,
    # While it runs, the columns still tell what it waited for last.
    "waiting_for": lambda _, name: Q(waiting_for=name, status=ExecutionStatus.SUSPENDED.value),
    "waiting_kind": lambda _, kind: Q(
        waiting_kind=kind.value, status=ExecutionStatus.SUSPENDED.value
    ),
    "has_error": lambda _, has_error: Q(error__isnull=not has_error),
    "created_after": _created_after,
    "created_before": _created_before,
    "finished_after": lambda _, instant: Q(finished_at__gte=instant.astimezone(UTC)),
    "finished_before": lambda _, instant: Q(finished_at__lt=instant.astimezone(UTC)),
    "forked_from": _is("forked_from"),
    "parent": _is("parent_id"),
    "is_child": lambda _, is_child: Q(parent_id__isnull=not is_child),
}


def _one_of(statuses: tuple[ExecutionStatus, ...]) -> Q:
    values = sorted({status.value for status in statuses})
    return Q(status=values[0]) if len(values) == 1 else Q(status__in=values)
