"""The rows of one page of the list, what is read beside them, and the figures above them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList, ChangeListSearchForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from durable_django.admin.list.capped_count import CappedCount
from durable_django.admin.list.filters import (
    EVER,
    PERIOD,
    STATUS,
    ChoiceFilter,
    PeriodFilter,
    StatusFilter,
    VersionFilter,
    WorkflowFilter,
    find_choice,
)
from durable_django.admin.list.rows import ROW_COLUMNS, Row
from durable_django.control.badges import BADGES, Badge
from durable_django.control.figures.step_tallies import load_tallies
from durable_django.control.payloads.error_excerpts import ErrorExcerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """One figure above the list, and the list it counts."""

    badge: Badge
    count: CappedCount
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """A filter, folded up: what it is about, what is chosen, and what else there is."""

    title: str
    #: Empty if nothing is chosen.
    chosen: str
    choices: list[Mapping[str, Any]]


class SearchForm(ChangeListSearchForm):
    """Takes any text: what is not understood is said by the search, not by the form."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        search = forms.CharField(required=False, strip=False)
        search.validators = []
        self.fields = {SEARCH_VAR: search}


class ExecutionChangeList(ChangeList):
    """The rows of one page, with what is read beside them, and the figures above them."""

    search_form_class = SearchForm

    def __init__(self, request: HttpRequest, *arguments: Any, **options: Any) -> None:
        self.choice = find_choice(request)
        super().__init__(request, *arguments, **options)
        self.title = _("Executions")

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and once for all its rows what stands in other tables."""
        super().get_results(request)
        self.result_count = CappedCount.of(self.result_count)
        rows = self._load_page()
        tallies = load_tallies(self.root_queryset.db, [row.pk for row in rows])
        now = timezone.now()
        for row in rows:
            error = ErrorExcerpt.from_text(row.error_excerpt)
            row.list_row = Row(execution=row, tally=tallies.get(row.pk), error=error, now=now)
        self.result_list = rows

    def _load_page(self) -> list[Any]:
        # First the ids alone: where a search leaves many rows to sort, an index may hold all that
        # is needed for it, and what is sorted is narrow.
        ids = list(self.result_list.values_list("pk", flat=True))
        rows = self.root_queryset.filter(pk__in=ids).only(*ROW_COLUMNS)
        loaded = rows.annotate(error_excerpt=ErrorExcerpt.of_column()).in_bulk()
        return [loaded[id_] for id_ in ids if id_ in loaded]

    @property
    def counts(self) -> list[StatusCount]:
        """How many of the present period are in each status."""
        paginator: Any = self.paginator
        if self.choice is None:
            return []
        period = self.choice.period.name
        chosen = self.choice.criteria.statuses
        return [
            StatusCount(
                badge=badge,
                count=paginator.counts_beside.get(status, CappedCount(0)),
                url=f"?{PERIOD}={period}&{STATUS}={status.value}",
                is_chosen=chosen == (status,),
            )
            for status, badge in BADGES.items()
        ]

    @property
    def menus(self) -> list[Menu]:
        """The filters; the first choice of each lifts it."""
        return [_to_menu(spec.title, list(spec.choices(self))) for spec in self._folded]

    @property
    def periods(self) -> list[Mapping[str, Any]]:
        """The choices of how far back to look."""
        return [choice for spec in self._of(PeriodFilter) for choice in spec.choices(self)]

    @property
    def url_of_all_time(self) -> str:
        """The same list without a bound in time; empty if it has none."""
        if self.choice is None or self.choice.since is None:
            return ""
        return self.get_query_string({PERIOD: EVER})

    @property
    def _folded(self) -> list[Any]:
        return [*self._of(StatusFilter), *self._of(WorkflowFilter), *self._of(VersionFilter)]

    def _of(self, kind: type[ChoiceFilter]) -> list[Any]:
        return [spec for spec in self.filter_specs if isinstance(spec, kind)]


def _to_menu(title: str, choices: list[Mapping[str, Any]]) -> Menu:
    chosen = next((str(one["display"]) for one in choices[1:] if one["selected"]), "")
    return Menu(title=title, chosen=chosen, choices=choices)
