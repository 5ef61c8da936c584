"""What the list of executions can be narrowed by beside the search: choices that cost no query.

A filter here only shows its choices. What is chosen becomes `Criteria` in `choice_of`, together
with the search, so that the list, its counts and acts on "all that match" look for the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, ngettext

from durable_django.conf import settings
from durable_django.control.badges import BADGES
from durable_django.control.finding.criteria import Criteria, CriteriaError
from durable_django.control.finding.search_terms import parse_search
from durable_django.control.wording import say_duration
from durable_django.runtime import engine

PERIOD, STATUS = "period", "status__exact"
WORKFLOW, VERSION = "workflow_name__exact", "workflow_version__exact"
FAMILY = "family"
EVER = "all"
_ON_OFFER = ("15m", "1h", "24h")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_PERIOD = re.compile(r"([1-9]\d{0,3})([mhd])\Z", re.ASCII)
_MAX_DAYS = 9999
_FAMILIES = {"root": False, "child": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How far back the list looks."""

    #: As it stands in the URL.
    name: str
    #: None: for ever.
    length: timedelta | None

    @property
    def short(self) -> str:
        """What stands on a small button."""
        return gettext("all") if self.length is None else say_duration(self.length)

    @property
    def label(self) -> str:
        """What people read."""
        if self.length is None:
            return gettext("all time")
        minutes = self.length // _UNITS["m"]
        if minutes % (24 * 60) == 0 and minutes > 24 * 60:
            return ngettext("last %d day", "last %d days", self.length.days) % self.length.days
        if minutes % 60 == 0:
            return ngettext("last %d hour", "last %d hours", minutes // 60) % (minutes // 60)
        return ngettext("last %d minute", "last %d minutes", minutes) % minutes


_EVER = Period(name=EVER, length=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a request to the list asks for."""

    criteria: Criteria
    period: Period
    #: Created then or later; None: ever.
    since: datetime | None

    def to_criteria(self) -> Criteria:
        """Return all of it as criteria, for what goes on after the request."""
        if self.since is None:
            return self.criteria
        asked = self.criteria.created_after
        later = self.since if asked is None else max(asked, self.since)
        return replace(self.criteria, created_after=later)


def choice_of(request: HttpRequest) -> Choice:
    """Return what the request asks for: its search, its filters and its period.

    Raises:
        CriteriaError: Something in it is not understood, or contradicts itself.
    """
    criteria = parse_search(request.GET.get(SEARCH_VAR, ""))
    given = {
        "statuses": [request.GET[STATUS]] if request.GET.get(STATUS) else None,
        "workflow": request.GET.get(WORKFLOW) or None,
        "version": _read_version(request.GET.get(VERSION, "")),
        "is_child": _read_family(request.GET.get(FAMILY, "")),
    }
    filters = {key: value for key, value in given.items() if value is not None}
    criteria = criteria.narrowed_by(Criteria.from_json(filters))
    period = _period_of(request, criteria)
    since = None if period.length is None else timezone.now() - period.length
    return Choice(criteria=criteria, period=period, since=since)


def find_choice(request: HttpRequest) -> Choice | None:
    """Return what the request asks for; None if that is not understood."""
    try:
        return choice_of(request)
    except CriteriaError:
        return None


def list_periods() -> list[Period]:
    """Return the periods that the list offers, shortest first."""
    days = settings().admin_default_period_days
    names = dict.fromkeys((*_ON_OFFER, *([_name_of_days(days)] if days else [])))
    return [*(Period(name=name, length=_read_period(name)) for name in names), _EVER]


def default_period(criteria: Criteria) -> str:
    """Return the period of a request that names none.

    What is asked for by its own name (an id, a key, a subject) is found however old it is, and a
    search that says since when means that.
    """
    days = settings().admin_default_period_days
    is_bounded = criteria.names_something or criteria.created_after is not None
    return _name_of_days(days) if days and not is_bounded else EVER


def _name_of_days(days: int) -> str:
    return "24h" if days == 1 else f"{min(days, _MAX_DAYS)}d"


def _period_of(request: HttpRequest, criteria: Criteria) -> Period:
    name = request.GET.get(PERIOD) or default_period(criteria)
    return _EVER if name == EVER else Period(name=name, length=_read_period(name))


def _read_period(name: str) -> timedelta:
    """Read `15m`, `24h`, `7d`: any such period, also one that is not on offer."""
    found = _PERIOD.match(name)
    if found is None:
        raise CriteriaError(PERIOD, gettext("It is a number of m, h or d, such as 24h; or all."))
    return int(found[1]) * _UNITS[found[2]]


def _read_family(text: str) -> bool | None:
    """Read `root` or `child`.

    Raises:
        CriteriaError: It is something else.
    """
    if not text:
        return None
    if text not in _FAMILIES:
        raise CriteriaError(FAMILY, gettext("It is root or child."))
    return _FAMILIES[text]


def _read_version(text: str) -> object:
    if not text:
        return None
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 12 else text  # noqa: PLR2004 -- more is no version


class ChoiceFilter(admin.SimpleListFilter):
    """Links that each set one parameter; `choice_of` reads them."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave the rows alone: what `choice_of` returns narrows them."""
        return queryset

    def _with_present(self, choices: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Add what is chosen, if it is a thing of the past that is no longer on offer."""
        present = self.value()
        if not present or present in {str(name) for name, _ in choices}:
            return choices
        return [*choices, (present, present)]


class PeriodFilter(ChoiceFilter):
    """How far back to look."""

    title = gettext_lazy("time")
    parameter_name = PERIOD

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        """Return the periods."""
        return [(period.name, period.short) for period in list_periods()]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield the periods, of which one is always chosen."""
        choice = getattr(changelist, "choice", None)
        present = choice.period.name if choice is not None else self.value()
        for name, label in self.lookup_choices:
            yield {
                "selected": name == present,
                "query_string": changelist.get_query_string({PERIOD: name}),
                "display": label,
            }


class StatusFilter(ChoiceFilter):
    """Where they stand."""

    title = gettext_lazy("status")
    parameter_name = STATUS

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        """Return the statuses, by the words of their badges."""
        return [(status.value, badge.label) for status, badge in BADGES.items()]


class FamilyFilter(ChoiceFilter):
    """Whether another execution started them: a map alone may have thousands of children."""

    title = gettext_lazy("parent")
    parameter_name = FAMILY

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        """Return the two kinds."""
        return [("root", gettext("without a parent")), ("child", gettext("children"))]


class WorkflowFilter(ChoiceFilter):
    """Which workflow: those that are registered in this process."""

    title = gettext_lazy("workflow")
    parameter_name = WORKFLOW

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        """Return the registered names, and the one that is chosen."""
        names = {definition.name for definition in engine().registry.list_definitions()}
        return self._with_present([(name, name) for name in sorted(names)])


class VersionFilter(ChoiceFilter):
    """Which version, once a workflow is chosen."""

    title = gettext_lazy("version")
    parameter_name = VERSION

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        """Return the registered versions of the workflow, newest first."""
        workflow = request.GET.get(WORKFLOW)
        definitions = engine().registry.list_definitions() if workflow else []
        versions = [d.version for d in definitions if d.name == workflow]
        choices = [(str(version), f"v{version}") for version in sorted(versions, reverse=True)]
        return self._with_present(choices)
