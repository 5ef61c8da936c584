"""Where the links of the inbox and of a task's page lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin import AdminSite
from django.urls import NoReverseMatch, reverse

from durable_django.control.permissions import Permission, allows


@dataclass(frozen=True, slots=True)
class TaskLinks:
    """The links of one admin site."""

    site: AdminSite

    def to_inbox(self, **chosen: str) -> str:
        """Return the inbox, with what is chosen in it; what is empty is left out."""
        given = {name: value for name, value in chosen.items() if value}
        url = self._reverse("durable_django_humantask_changelist")
        return f"{url}?{urlencode(given)}" if given else url

    def to_task(self, task_id: UUID) -> str:
        """Return the page of a task."""
        return self._reverse("durable_django_humantask_change", task_id)

    def to_act(self, task_id: UUID, act: str) -> str:
        """Return the page that asks before an act, or where the act is posted to."""
        return self._reverse("durable_django_humantask_act", task_id, act)

    def find_execution(self, user: Any, execution_id: UUID) -> str:
        """Return the page of an execution that is in the user's scope; empty if it has none."""
        if not allows(user, Permission.VIEW):
            return ""
        try:
            return self._reverse("durable_django_workflowexecution_change", execution_id)
        except NoReverseMatch:  # a site that does not show executions
            return ""

    def _reverse(self, name: str, *args: object) -> str:
        return reverse(f"admin:{name}", args=args, current_app=self.site.name)
