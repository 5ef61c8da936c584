"""Where the links of an execution's page lead."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

from durable_django.control.actions import Action

_CHANGE = "durable_django_workflowexecution_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The business object an execution is about; `url` is empty if the user has no page of it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one execution's page, in the admin site that shows it."""

    site: AdminSite
    execution_id: UUID

    def to_tab(self, tab: str, page: int = 1, *, of: str = "", only: str = "") -> str:
        """Return the page with this tab open; `of` names a call, `only` what of it is listed."""
        url = self.to_execution(self.execution_id)
        return url + _query(tab=tab, of=of, only=only, page=page if page > 1 else "")

    def to_live(self, tab: str, page: int = 1, *, of: str = "", only: str = "") -> str:
        """Return what keeps this tab up to date."""
        url = self._reverse("durable_django_execution_live", self.execution_id)
        return url + _query(tab=tab, of=of, only=only, page=page if page > 1 else "")

    def to_act(self, action: Action, *, key: str = "", name: str = "") -> str:
        """Return the page that asks before it acts; `key` names a call, `name` a signal."""
        url = self._reverse("durable_django_execution_act", self.execution_id, str(action))
        return url + _query(key=key, name=name)

    def to_payload(self, part: str, **of: str) -> str:
        """Return the download of a payload; see `payload_download`."""
        url = self._reverse("durable_django_execution_payload", self.execution_id, part)
        return url + _query(**of)

    def to_execution(self, execution_id: UUID) -> str:
        """Return the page of this or another execution."""
        return self._reverse(_CHANGE, execution_id)

    def find_task(self, task_id: UUID) -> str:
        """Return the page of a human task; empty on a site that has none."""
        try:
            return self._reverse("durable_django_humantask_change", task_id)
        except NoReverseMatch:
            return ""

    def find_subject(self, request: HttpRequest, subject: str) -> Subject | None:
        """Return the business object that `app.model:pk` names, with its admin page if any."""
        if not subject:
            return None
        label, _, key = subject.partition(":")
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            return Subject(label=subject, url="")
        named = capfirst(f"{model._meta.verbose_name} {key}")  # noqa: SLF001 -- Django documents it
        if not self.site.is_registered(model):
            return Subject(label=named, url="")
        if not self.site.get_model_admin(model).has_view_or_change_permission(request):
            return Subject(label=named, url="")
        place = f"{model._meta.app_label}_{model._meta.model_name}_change"  # noqa: SLF001 -- as above
        try:
            return Subject(label=named, url=self._reverse(place, quote(key)))
        except NoReverseMatch:
            # No key, or none that fits a path.
            return Subject(label=named, url="")

    def _reverse(self, name: str, *args: object) -> str:
        return reverse(f"admin:{name}", args=args, current_app=self.site.name)


def _query(**parameters: object) -> str:
    given = {name: value for name, value in parameters.items() if value != ""}
    return f"?{urlencode(given)}" if given else ""
