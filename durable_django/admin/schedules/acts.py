"""Act on schedules: a page that asks first, a POST that acts, an entry in the log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from durable_django.admin.acts.audit_log import audited, log_change, log_deletion
from durable_django.admin.acts.forms import ReasonForm
from durable_django.admin.acts.site_pages import page_url
from durable_django.admin.schedules.act_kinds import ACTS, DeleteAct, Done, ScheduleAct
from durable_django.admin.schedules.links import (
    context_of,
    load_row,
    load_schedule,
    require_view,
    to_list,
    to_page,
)
from durable_django.admin.schedules.list_page import PER_PAGE
from durable_django.control.acting import ActNotAllowedError
from durable_django.control.permissions import Permission, allows
from durable_django.control.schedules.acting import ScheduleActing, may
from durable_django.control.schedules.errors import ScheduleActNotAllowedError
from durable_django.control.schedules.rows import ScheduleRow, all_schedules, build_rows
from durable_django.control.scope import visible_executions
from durable_django.exceptions import DurableError, ScheduleNotFoundError
from durable_django.runtime import engine

_REFUSED = 409
#: What may be done to several at once.
_OF_SEVERAL = ("enable", "disable")


class ScheduleActs:
    """The part of the schedules' admin that acts."""

    admin_site: admin.AdminSite

    def act_urls(self) -> list[URLPattern]:
        """Return the addresses of the acts, on one schedule and on several."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:schedule_id>/act/<str:action>/",
                wrap(self.act_view),
                name="durable_django_schedule_act",
            ),
            path(
                "selected/<str:action>/",
                wrap(self.selected_view),
                name="durable_django_schedule_selected",
            ),
        ]

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask before it is deleted, as before every act."""
        if not may(request.user, "delete"):
            raise PermissionDenied
        return self.act_view(request, load_schedule(object_id).pk, "delete")

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def act_view(self, request: HttpRequest, schedule_id: int, action: str) -> HttpResponse:
        """Ask before an act on one schedule, and act on a POST."""
        kind = ACTS.get(action)
        if kind is None:
            raise Http404
        if not may(request.user, action):
            raise PermissionDenied
        act = kind(load_row(request, schedule_id))
        why_not = act.why_not()
        if why_not:
            return self._refuse(request, act, why_not)
        form = act.make_form(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            response = self._act(request, act, form)
            if response is not None:
                return response
        return self._ask(request, act, form)

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def selected_view(self, request: HttpRequest, action: str) -> HttpResponse:
        """Ask before an act on several schedules, and act on a POST."""
        if action not in _OF_SEVERAL:
            raise Http404
        if not may(request.user, action):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        rows = _load_selected(request, given.getlist("schedule"))
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid() and rows:
            return self._act_on_several(request, action, rows, form.cleaned_data["reason"])
        acts = [ACTS[action](row) for row in rows]
        context = {
            **context_of(self, request, str(ACTS[action].verb)),
            "verb": ACTS[action].verb,
            "form": form,
            "acts": [(act.row, act.why_not()) for act in acts],
            "is_possible": any(not act.why_not() for act in acts),
        }
        template = "admin/durable_django/schedules/selected.html"
        return TemplateResponse(request, template, context)

    def _act(self, request: HttpRequest, act: ScheduleAct, form: ReasonForm) -> HttpResponse | None:
        """Act and go on; None if the form must be shown again."""
        reason = form.cleaned_data["reason"]
        acting = ScheduleActing(request.user, reason)
        try:
            if not act.is_ready(acting, form):
                return None
            with audited():
                done = _perform(request, acting, act, form, reason)
        except (ScheduleActNotAllowedError, ActNotAllowedError) as error:
            raise PermissionDenied(str(error)) from error
        except ScheduleNotFoundError as error:
            raise Http404(str(error)) from error
        except DurableError as error:
            form.add_error(None, str(error))
            return None
        messages.success(request, done.told)
        return HttpResponseRedirect(self._after(request, act, done))

    def _after(self, request: HttpRequest, act: ScheduleAct, done: Done) -> str:
        if isinstance(act, DeleteAct):
            return to_list(self)
        id_ = done.execution_id
        if id_ is not None and _may_see(request.user, id_):
            return page_url(self, "durable_django_workflowexecution_change", id_)
        return to_page(self, act.row.id)

    def _act_on_several(
        self, request: HttpRequest, action: str, rows: list[ScheduleRow], reason: str
    ) -> HttpResponse:
        acting, done = ScheduleActing(request.user, reason), 0
        for act in (ACTS[action](row) for row in rows):
            if act.why_not():
                continue
            form = ReasonForm({"reason": reason})
            try:
                with audited():
                    _perform(request, acting, act, form, reason)
            except DurableError as error:
                messages.error(request, f"{act.row.name}: {error}")
            else:
                done += 1
        told = ngettext("%d schedule: done.", "%d schedules: done.", done) % done
        messages.success(request, f"{ACTS[action].verb}. {told}")
        return HttpResponseRedirect(to_list(self))

    def _ask(self, request: HttpRequest, act: ScheduleAct, form: ReasonForm) -> HttpResponse:
        context = {
            **self._act_context(request, act),
            "form": form,
            "consequences": act.consequences(),
            **act.context(form),
        }
        return TemplateResponse(request, act.template, context)

    def _refuse(self, request: HttpRequest, act: ScheduleAct, why_not: str) -> HttpResponse:
        context = {**self._act_context(request, act), "why_not": why_not}
        template = "admin/durable_django/schedules/refused.html"
        return TemplateResponse(request, template, context, status=_REFUSED)

    def _act_context(self, request: HttpRequest, act: ScheduleAct) -> dict[str, Any]:
        title = _("%(verb)s: %(name)s") % {"verb": act.verb, "name": act.row.name}
        return {**context_of(self, request, title), "act": act, "row": act.row}


def _perform(
    request: HttpRequest,
    acting: ScheduleActing,
    act: ScheduleAct,
    form: ReasonForm,
    reason: str,
) -> Done:
    schedule = load_schedule(act.row.id)
    if isinstance(act, DeleteAct):
        log_deletion(request.user, schedule, "Deleted.", reason)
        return act.perform(acting, form)
    done = act.perform(acting, form)
    log_change(request.user, schedule, done.logged, reason)
    return done


def _may_see(user: Any, execution_id: UUID) -> bool:
    seen = visible_executions(user).filter(pk=execution_id)
    return allows(user, Permission.VIEW) and seen.exists()


def _load_selected(request: HttpRequest, ids: list[str]) -> list[ScheduleRow]:
    require_view(request)
    numbers = [int(one[:30]) for one in ids[:PER_PAGE] if one.isascii() and one.isdigit()]
    rows = list(all_schedules().filter(pk__in=[one for one in numbers if one < 2**63]))
    return build_rows(request.user, rows, engine().store.now())
