"""The executions that are selected in the list: those that are ticked, or all that it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from durable_django.admin.acts.bulk_pages import describe_criteria
from durable_django.admin.list.filters import choice_of
from durable_django.control.bulk import bulk_targets
from durable_django.control.finding.criteria import Criteria
from durable_django.control.scope import visible_executions
from durable_django.models import WorkflowExecution

SAMPLES = 20
_MAX_COUNTED = 10_001
_SHOWN = ("id", "workflow_name", "workflow_version", "key", "status", "waiting_kind", "created_at")


class Selection:
    """What is ticked, or all that the list's search and filters find; nothing beyond `newest`.

    Raises:
        CriteriaError: The list's address asks for something that is not understood.
    """

    def __init__(self, request: HttpRequest, newest: UUID | None = None) -> None:
        self.user = request.user
        self.is_across = request.POST.get("select_across") == "1"
        #: What is ticked. Django wants some even where all that is found is meant.
        self.ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
        self.criteria: Criteria | None = (
            choice_of(request).to_criteria() if self.is_across else None
        )
        self._newest = newest

    @property
    def rows(self) -> QuerySet[WorkflowExecution]:
        """The executions, newest first, without payloads."""
        if self.criteria is not None:
            found = bulk_targets(self.user, self.criteria)
        else:
            found = visible_executions(self.user).filter(pk__in=list(_to_uuids(self.ids)))
        if self._newest is not None:
            found = found.filter(id__lte=self._newest)
        return found.order_by("-id").only(*_SHOWN)

    @cached_property
    def count(self) -> int:
        """How many there are, counted no further than 10,001."""
        return self.rows.order_by()[:_MAX_COUNTED].count()

    @property
    def criteria_in_words(self) -> list[str]:
        """What all of it was found by."""
        return describe_criteria(self.criteria.to_json()) if self.criteria else []

    @property
    def is_count_capped(self) -> bool:
        """Whether there are more than were counted."""
        return self.count >= _MAX_COUNTED

    @property
    def uncounted(self) -> int:
        """How many there are beside the samples."""
        return max(self.count - SAMPLES, 0)

    def find_newest(self) -> UUID | None:
        """Return the newest execution's id; None if there is none."""
        return self.rows.values_list("id", flat=True).first()

    def list_samples(self) -> list[WorkflowExecution]:
        """Return the newest of them."""
        return list(self.rows[:SAMPLES])


def _to_uuids(texts: Iterable[str]) -> Iterator[UUID]:
    for text in texts:
        try:
            yield UUID(text)
        except ValueError:  # nobody's id
            continue
