"""Where the links of the reports lead."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin import AdminSite
from django.urls import reverse

from durable_django.admin.list.filters import EVER, PERIOD, STATUS, VERSION, WORKFLOW
from durable_django.domain.status import ExecutionStatus

_LIVE = ",".join(status.value for status in ExecutionStatus if not status.is_terminal)


@dataclass(frozen=True, slots=True)
class ReportLinks:
    """The links of one admin site."""

    site: AdminSite

    def to_health(self) -> str:
        """Return the health page."""
        return self._reverse("durable_django_health")

    def to_workflows(self) -> str:
        """Return the page of all workflows."""
        return self._reverse("durable_django_workflows")

    def to_workflow(self, name: str) -> str:
        """Return the page of one workflow."""
        return self._reverse("durable_django_workflow", name)

    def to_start(self, name: str, **initial: str) -> str:
        """Return the form that starts such a workflow."""
        return self._reverse("durable_django_start", name) + _query(initial)

    def to_execution(self, execution_id: UUID) -> str:
        """Return the page of an execution."""
        return self._reverse("durable_django_workflowexecution_change", execution_id)

    def to_executions(self, name: str, period: str, status: ExecutionStatus | None = None) -> str:
        """Return the list of a workflow's executions that were created in a period."""
        chosen = {WORKFLOW: name, PERIOD: period}
        return self._to_list(chosen if status is None else {**chosen, STATUS: status.value})

    def to_live(self, name: str, version: int | None = None) -> str:
        """Return the list of a workflow's live executions, however old."""
        chosen = {"q": f"status:{_LIVE}", WORKFLOW: name, PERIOD: EVER}
        return self._to_list(chosen if version is None else {**chosen, VERSION: str(version)})

    def to_search(self, search: str) -> str:
        """Return the list of what a search finds, however old."""
        return self._to_list({"q": search, PERIOD: EVER})

    def _to_list(self, parameters: dict[str, str]) -> str:
        return self._reverse("durable_django_workflowexecution_changelist") + _query(parameters)

    def _reverse(self, name: str, *args: object) -> str:
        return reverse(f"admin:{name}", args=args, current_app=self.site.name)


def _query(parameters: dict[str, str]) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""
