"""Pages of a list, by a cursor on one column: no count, no offset, the same speed at any depth."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from durable_django.api.http.problems import INVALID_CURSOR, ProblemError
from durable_django.api.http.query import QueryParameter, whole_number

MAX_PAGE_SIZE = 200
PAGE_SIZE = 50
_MAX_CURSOR_LENGTH = 100
_AFTER, _BEFORE = "after", "before"
_MAX_INTEGER = 2**63 - 1

PAGE_PARAMETERS = (
    QueryParameter(
        name="cursor",
        description="Where the page begins: as `next` and `previous` give it.",
        schema={"type": "string", "maxLength": _MAX_CURSOR_LENGTH},
    ),
    QueryParameter(
        name="page_size",
        description=f"The most results of a page, up to {MAX_PAGE_SIZE}.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
        parse=whole_number(1, MAX_PAGE_SIZE),
        default=PAGE_SIZE,
    ),
)


def _to_integer(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= _MAX_INTEGER:
        raise ValueError(text)
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The one column that a list is ordered by, unique in it."""

    column: str
    is_descending: bool = False
    #: Makes a value of the column of its text; a ValueError says that it is none.
    parse: Callable[[str], Any] = _to_integer


NEWEST_FIRST = Order(column="id", is_descending=True, parse=UUID)
OLDEST_FIRST = Order(column="id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of a list, and the cursors of the pages beside it."""

    rows: list[Any]
    next: str | None
    previous: str | None

    def to_json(self, request: Request, results: list[Any]) -> dict[str, Any]:
        """Return the answer: what became of the rows, and links."""
        return {
            "results": results,
            "next": _link(request, self.next),
            "previous": _link(request, self.previous),
        }


def read_page(
    rows: QuerySet[Model, Any], order: Order, *, cursor: str | None, page_size: int
) -> Page:
    """Return the page that the cursor points to; the first without one.

    Raises:
        ProblemError: The cursor is none that we gave.
    """
    direction, value = _decode(cursor, order) if cursor is not None else (_AFTER, None)
    is_backwards = direction == _BEFORE
    is_descending = order.is_descending != is_backwards
    if value is not None:
        rows = rows.filter(**{f"{order.column}__{'lt' if is_descending else 'gt'}": value})
    found = list(rows.order_by(f"{'-' * is_descending}{order.column}")[: page_size + 1])
    has_more, found = len(found) > page_size, found[:page_size]
    if is_backwards:
        found.reverse()
    return Page(
        rows=found,
        next=_encode(_AFTER, found[-1], order) if found and (is_backwards or has_more) else None,
        previous=(
            _encode(_BEFORE, found[0], order)
            if found and (has_more if is_backwards else value is not None)
            else None
        ),
    )


def read_slice(entries: Sequence[Any], *, cursor: str | None, page_size: int) -> Page:
    """Return the page of a list that is in no table, by its places in the list.

    Raises:
        ProblemError: The cursor is none that we gave.
    """
    direction, place = _decode(cursor, OLDEST_FIRST) if cursor is not None else (_AFTER, 0)
    begin = place if direction == _AFTER else max(0, place - page_size)
    end = begin + page_size if direction == _AFTER else place
    return Page(
        rows=list(entries[begin:end]),
        next=_to_cursor(_AFTER, end) if end < len(entries) else None,
        previous=_to_cursor(_BEFORE, begin) if 0 < begin <= len(entries) else None,
    )


def _encode(direction: str, row: Any, order: Order) -> str:
    return _to_cursor(direction, getattr(row, order.column))


def _to_cursor(direction: str, value: object) -> str:
    text = f"{direction}:{value}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, order: Order) -> tuple[str, Any]:
    try:
        padded = cursor[:_MAX_CURSOR_LENGTH] + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
        direction, _, value = text.partition(":")
        where = order.parse(value)
    except (ValueError, binascii.Error):
        raise _no_cursor() from None
    if direction not in (_AFTER, _BEFORE):
        raise _no_cursor()
    return direction, where


def _no_cursor() -> ProblemError:
    return ProblemError(INVALID_CURSOR, "Take a cursor from `next` or `previous`, or leave it out.")


def _link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")
