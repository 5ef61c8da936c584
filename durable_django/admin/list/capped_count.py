"""Counting no further than anybody turns pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.functional import cached_property

from durable_django.control.figures.bounded import MAX_COUNTED, count_capped


class CappedCount(int):
    """A count that says `10,000+` where counting stopped."""

    @classmethod
    def of(cls, counted: int) -> Self:
        """Return what was counted, no further than `MAX_COUNTED` and one."""
        return cls(counted)

    @property
    def is_capped(self) -> bool:
        """Whether there are more than were counted."""
        return int(self) > MAX_COUNTED

    def __str__(self) -> str:
        counted = number_format(min(int(self), MAX_COUNTED), force_grouping=True)
        return f"{counted}+" if self.is_capped else counted


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts its rows up to the cap, and in the same statement those of other querysets."""

    def __init__(self, *arguments: Any, beside: Mapping[Any, QuerySet[Any]] | None = None) -> None:
        super().__init__(*arguments)
        self._beside = beside or {}

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, or one more than are counted."""
        return self._counts[None]

    @cached_property
    def counts_beside(self) -> dict[Any, CappedCount]:
        """How many rows each queryset that was named beside has, by its name."""
        return {name: count for name, count in self._counts.items() if name is not None}

    @cached_property
    def _counts(self) -> dict[Any, CappedCount]:
        rows: Any = self.object_list
        counts = count_capped({None: rows, **self._beside}, MAX_COUNTED + 1)
        return {name: CappedCount.of(count) for name, count in counts.items()}
