"""Long tables of an execution's page, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from durable_django.admin.page.look import Look
from durable_django.admin.page.rows import PAGE_SIZE

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where the page that is shown lies among the others."""

    number: int
    count: int
    #: Empty if there is none.
    earlier_url: str
    later_url: str


def turn_pages(look: Look, total: int) -> Pages | None:
    """Return the way to the other pages; None if there is only one."""
    count = max(-(-total // PAGE_SIZE), 1)
    if count == look.page == 1:
        return None
    earlier = min(look.page - 1, count)
    return Pages(
        number=look.page,
        count=count,
        earlier_url=look.to_page(earlier) if earlier else "",
        later_url=look.to_page(look.page + 1) if look.page < count else "",
    )


def slice_page(look: Look, rows: Sequence[T]) -> Sequence[T]:
    """Return the part of the rows that the page shows."""
    return rows[(look.page - 1) * PAGE_SIZE : look.page * PAGE_SIZE]
