"""Act on executions in the admin: a page that asks first, a POST that acts, an entry in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods

from durable_django.admin.acts.act_kinds import (
    CancelPage,
    RetryPage,
    SignalPage,
    TerminatePage,
)
from durable_django.admin.acts.act_page import ActPage, Done, PausePage, ResumePage
from durable_django.admin.acts.audit_log import audited, log_change
from durable_django.admin.acts.bulk_pages import bulk_urls
from durable_django.admin.acts.fire_page import FireTimerPage
from durable_django.admin.acts.fork_page import ForkPage
from durable_django.admin.acts.forms import ReasonForm
from durable_django.admin.acts.selection_acts import SelectionActs
from durable_django.admin.acts.start_page import start_urls
from durable_django.control.acting import Acting, ActNotAllowedError
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import find_visible
from durable_django.exceptions import (
    DefinitionError,
    ExecutionNotFoundError,
    InvalidTransitionError,
    PayloadError,
    StepNotFoundError,
    TimerNotFoundError,
)
from durable_django.models import WorkflowExecution

ACT_PAGES: Mapping[str, type[ActPage]] = {
    str(page.action): page
    for page in (
        CancelPage,
        TerminatePage,
        PausePage,
        ResumePage,
        RetryPage,
        ForkPage,
        SignalPage,
        FireTimerPage,
    )
}
_REFUSED = 409


class ExecutionActs(SelectionActs):
    """The part of the executions' admin that acts."""

    admin_site: admin.AdminSite

    def act_urls(self) -> list[URLPattern]:
        """Return the addresses of the acts, the start page and the bulk operations."""
        act = path(
            "<uuid:execution_id>/act/<str:action>/",
            self.admin_site.admin_view(self.act_view),
            name="durable_django_execution_act",
        )
        return [act, *start_urls(self), *bulk_urls(self)]

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def act_view(self, request: HttpRequest, execution_id: UUID, action: str) -> HttpResponse:
        """Ask before an act on one execution, and act on a POST."""
        kind = ACT_PAGES.get(action)
        if kind is None:
            raise Http404
        if not (allows(request.user, Permission.VIEW) and kind.is_allowed(request.user)):
            raise PermissionDenied
        page = kind(request.user, _load(request.user, execution_id), request.GET)
        if not page.is_possible():
            return self._refuse_act(request, page)
        is_act = request.method == "POST" and "_preview" not in request.POST
        form = page.make_form(request.POST if request.method == "POST" else None)
        if is_act and form.is_valid():
            response = self._act(request, page, form)
            if response is not None:
                return response
        return self._ask_before_act(request, page, form)

    def _act(self, request: HttpRequest, page: ActPage, form: ReasonForm) -> HttpResponse | None:
        """Act and go on to the execution; None if the form must be shown again."""
        reason = form.cleaned_data["reason"]
        try:
            with audited():
                done = page.perform(Acting(request.user, reason), form)
                if done is not None:
                    log_change(request.user, page.execution, done.logged, reason)
        except ActNotAllowedError as error:
            raise PermissionDenied(str(error)) from error
        except ExecutionNotFoundError as error:
            raise Http404(str(error)) from error
        except InvalidTransitionError:
            done = None
        except ValidationError as error:
            form.add_error(None, error)
            return None
        except (PayloadError, DefinitionError, TimerNotFoundError, StepNotFoundError) as error:
            form.add_error(None, str(error))
            return None
        if done is None:  # somebody else was first
            page.execution = _load(request.user, page.execution.pk)
            return self._refuse_act(request, page)
        return self._go_to_execution(request, done)

    def _go_to_execution(self, request: HttpRequest, done: Done) -> HttpResponse:
        messages.success(request, done.told)
        return HttpResponseRedirect(
            reverse(
                "admin:durable_django_workflowexecution_change",
                args=[done.execution_id],
                current_app=self.admin_site.name,
            )
        )

    def _ask_before_act(
        self, request: HttpRequest, page: ActPage, form: ReasonForm
    ) -> HttpResponse:
        context = {
            **self._act_context(request, page),
            "form": form,
            "consequences": page.consequences(),
            **page.context(form),
        }
        return TemplateResponse(request, page.template, context)

    def _refuse_act(self, request: HttpRequest, page: ActPage) -> HttpResponse:
        """Say that the execution's state does not allow it, and who was first if somebody was."""
        context = {**self._act_context(request, page), "former": page.find_former()}
        template = "admin/durable_django/acts/refused.html"
        return TemplateResponse(request, template, context, status=_REFUSED)

    def _act_context(self, request: HttpRequest, page: ActPage) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": WorkflowExecution._meta,  # noqa: SLF001 -- Django documents it
            "title": f"{page.words.verb}: {page.name}",
            "page": page,
            "execution": page.execution,
        }


def _load(user: Any, execution_id: UUID) -> WorkflowExecution:
    try:
        return find_visible(user, execution_id)
    except ExecutionNotFoundError as error:
        raise Http404(str(error)) from error
