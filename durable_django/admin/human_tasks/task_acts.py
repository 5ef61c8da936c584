"""Act on a task in the admin: a page that asks first or a button, a POST that acts, a log entry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from durable_django.admin.acts.audit_log import audited, log_change
from durable_django.admin.human_tasks.act_kinds import TASK_ACTS, CompleteAct
from durable_django.admin.human_tasks.answering import fill_in_again, list_typed, read_comment
from durable_django.admin.human_tasks.links import TaskLinks
from durable_django.admin.human_tasks.task_act import Done, TaskAct
from durable_django.admin.human_tasks.task_page import PREFIX, TaskPages, frame_task
from durable_django.admin.human_tasks.wording import say_gone, say_refusal, say_unfit
from durable_django.control import human_tasks
from durable_django.control.human_tasks.errors import (
    NoSuchUserError,
    TaskActNotAllowedError,
    TaskFormError,
    UnfitUserError,
)
from durable_django.control.human_tasks.links import link_url
from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.rows import build_row
from durable_django.control.human_tasks.visibility import find_visible_task
from durable_django.exceptions import (
    DurableError,
    FieldErrors,
    PayloadError,
    TaskClaimedError,
    TaskForbiddenError,
    TaskNotFoundError,
    TaskOverError,
)
from durable_django.models import HumanTask
from durable_django.runtime import engine

_FORBIDDEN, _MISSING, _REFUSED = 403, 404, 409
_REFUSED_PAGE = "admin/durable_django/human_tasks/refused.html"
_REFUSALS = (TaskOverError, TaskClaimedError, TaskForbiddenError)


class TaskActs(TaskPages):
    """The part of the tasks' admin that acts."""

    admin_site: AdminSite

    def act_urls(self) -> list[URLPattern]:
        """Return the address of the acts."""
        return [
            path(
                "<uuid:task_id>/act/<str:act>/",
                self.admin_site.admin_view(self.act_view),
                name="durable_django_humantask_act",
            )
        ]

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def act_view(self, request: HttpRequest, task_id: UUID, act: str) -> HttpResponse:
        """Ask before an act on a task, and act on a POST."""
        kind = TASK_ACTS.get(act)
        if kind is None:
            raise Http404
        may_look: Any = self  # the admin class beside this one
        if not (may_look.has_view_permission(request) and kind.is_allowed(request.user)):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        try:
            one = _look_at(request.user, kind, task_id)
            if request.method != "POST":
                return self._ask(request, one)
            if isinstance(one, CompleteAct):
                return self._complete(request, one)
            return self._act(request, one)
        except TaskActNotAllowedError as error:
            raise PermissionDenied(str(error)) from error
        except TaskNotFoundError:
            return self._miss(request, kind)
        except _REFUSALS as error:
            return self._refuse_late(request, kind, task_id, error)

    # --- asking ---

    def _ask(self, request: HttpRequest, one: TaskAct) -> HttpResponse:
        if not one.asks:
            return HttpResponseRedirect(TaskLinks(self.admin_site).to_task(one.id))
        if not one.is_possible():
            return self._refuse(request, one, one.find_obstacle())
        return self._show(request, one, one.make_form(None))

    def _show(
        self, request: HttpRequest, one: TaskAct, form: forms.Form, **more: Any
    ) -> TemplateResponse:
        context = {
            **self._frame(request, one),
            "form": form,
            "consequences": one.consequences(),
            **one.context(),
            **more,
        }
        return TemplateResponse(request, one.template, context)

    def _refuse_late(
        self, request: HttpRequest, kind: type[TaskAct], task_id: UUID, error: DurableError
    ) -> HttpResponse:
        """Say why, of the task as it stands now: it may be out of sight."""
        try:
            one = _look_at(request.user, kind, task_id)
        except TaskNotFoundError:
            return self._miss(request, kind)
        return self._refuse(request, one, error)

    def _miss(self, request: HttpRequest, kind: type[TaskAct]) -> HttpResponse:
        """Lead to the inbox; but not with an answer in hand, which would be lost."""
        typed = list_typed(request.POST, None) if kind is CompleteAct else []
        if not typed:
            return self.say_missing(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": HumanTask._meta,  # noqa: SLF001 -- Django documents it
            "title": _("Task inbox"),
            "inbox_url": TaskLinks(self.admin_site).to_inbox(),
            "why": say_gone(),
            "typed": typed,
        }
        return TemplateResponse(request, _REFUSED_PAGE, context, status=_MISSING)

    def _refuse(
        self, request: HttpRequest, one: TaskAct, error: DurableError | None
    ) -> TemplateResponse:
        """Say why nothing was changed: who was first, or which rule is in the way."""
        why = (
            say_refusal(error, engine().store.now())
            if error is not None
            else _("The task, as it stands, does not allow that to you.")
        )
        status = _FORBIDDEN if isinstance(error, TaskForbiddenError) else _REFUSED
        typed = list_typed(request.POST, one.row.task) if isinstance(one, CompleteAct) else []
        context = {**self._frame(request, one), "why": why, "typed": typed}
        return TemplateResponse(request, _REFUSED_PAGE, context, status=status)

    def _frame(self, request: HttpRequest, one: TaskAct) -> dict[str, Any]:
        framed = frame_task(request, self.admin_site, one.row.task, one.title)
        links = TaskLinks(self.admin_site)
        return {
            **framed,
            "title": f"{one.verb}: {one.title}",
            "act": one,
            "row": one.row,
            "link_page_url": links.to_act(one.id, "link"),
            "revoke_url": links.to_act(one.id, "revoke"),
        }

    # --- acting ---

    def _act(self, request: HttpRequest, one: TaskAct) -> HttpResponse:
        form = one.make_form(request.POST)
        if not form.is_valid():
            return self._show_again(request, one, form)
        try:
            with audited():
                done = one.perform(form)
                reason = form.cleaned_data.get("reason", "")
                log_change(request.user, one.row.task, done.logged, reason)
        except (NoSuchUserError, UnfitUserError) as error:
            form.add_error("to" if "to" in form.fields else None, say_unfit(error))
        except forms.ValidationError as error:
            form.add_error(None, error)
        else:
            return self._go_on(request, one, done)
        return self._show_again(request, one, form)

    def _show_again(self, request: HttpRequest, one: TaskAct, form: forms.Form) -> HttpResponse:
        if one.asks:
            return self._show(request, one, form)
        # A button has no page of its own that could say it.
        messages.error(
            request, " ".join(str(said) for some in form.errors.values() for said in some)
        )
        return HttpResponseRedirect(TaskLinks(self.admin_site).to_task(one.id))

    def _go_on(self, request: HttpRequest, one: TaskAct, done: Done) -> HttpResponse:
        if done.link is not None:
            # Not told elsewhere and not stored: this page is the only one that ever shows it.
            url = link_url(done.link.token, request)
            made = {"made": done.link, "made_url": url}
            return self._show(request, one, one.make_form(None), **made)
        messages.success(request, done.told)
        links = TaskLinks(self.admin_site)
        return HttpResponseRedirect(links.to_task(one.id) if done.stays else links.to_inbox())

    def _complete(self, request: HttpRequest, one: TaskAct) -> HttpResponse:
        comment = read_comment(request.POST)
        try:
            with audited():
                human_tasks.complete(
                    one.id, request.POST, user=request.user, comment=comment, prefix=PREFIX
                )
                log_change(request.user, one.row.task, "Completed.")
        except FieldErrors as error:
            page = fill_in_again(request.user, one.id, request.POST, error.errors)
        except (PayloadError, TaskFormError) as error:
            page = fill_in_again(request.user, one.id, request.POST, {"": [str(error)]})
        else:
            told = _("Completed: %(task)s. Its execution goes on.") % {"task": one.title}
            return self._go_on(request, one, Done(told=told, logged=""))
        return self.show_page(request, page, comment=comment)


def _look_at(user: Any, kind: type[TaskAct], task_id: UUID) -> TaskAct:
    person = person_of(user)
    task = find_visible_task(user, task_id, person)
    return kind(user, person, build_row(task, person, engine().store.now()))
