"""Act on queues: a page that asks first, a POST that acts, an entry in the log.

The queue stands behind the `?`: its name may hold what a path does not.
"""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from durable_django.admin.acts.audit_log import audited, log_change
from durable_django.admin.acts.forms import ReasonForm
from durable_django.admin.acts.site_pages import page_url
from durable_django.admin.queues.act_kinds import ACTS, QueueAct
from durable_django.admin.queues.list_page import badge_of, context_of
from durable_django.control.queues.acting import QueueActing, may_control
from durable_django.control.queues.rows import load_row
from durable_django.exceptions import DefinitionError
from durable_django.models import WorkQueue

_REFUSED = 409


class QueueActs:
    """The part of the queues' admin that acts."""

    admin_site: admin.AdminSite

    def act_urls(self) -> list[URLPattern]:
        """Return the address of the acts."""
        wrap = self.admin_site.admin_view
        return [path("act/<str:action>/", wrap(self.act_view), name="durable_django_workqueue_act")]

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def act_view(self, request: HttpRequest, action: str) -> HttpResponse:
        """Ask before an act on one queue, and act on a POST."""
        kind = ACTS.get(action)
        if kind is None:
            raise Http404
        if not may_control(request.user):
            raise PermissionDenied
        try:
            act = kind(load_row(request.GET.get("queue", "")))
        except DefinitionError as error:
            raise Http404(str(error)) from error
        form = act.make_form(request.POST if request.method == "POST" else None)
        if act.why_not():
            return self._show(request, act, form, status=_REFUSED)
        if form.is_bound and form.is_valid():
            return self._act(request, act, form)
        return self._show(request, act, form)

    def _act(self, request: HttpRequest, act: QueueAct, form: ReasonForm) -> HttpResponse:
        reason, name = form.cleaned_data["reason"], act.row.name
        with audited():
            act.perform(QueueActing(request.user, reason), form)
            log_change(request.user, WorkQueue(pk=name), act.logged, reason)
        messages.success(request, _("%(verb)s: %(name)s. Done.") % {"verb": act.verb, "name": name})
        return HttpResponseRedirect(page_url(self, "durable_django_workqueue_changelist"))

    def _show(
        self, request: HttpRequest, act: QueueAct, form: ReasonForm, status: int = 200
    ) -> HttpResponse:
        title = _("%(verb)s: %(name)s") % {"verb": act.verb, "name": act.row.name}
        context = {
            **context_of(self, request, title),
            "act": act,
            "row": act.row,
            "badge": badge_of(act.row),
            "form": form,
            "why_not": act.why_not(),
            "consequences": act.consequences(),
        }
        template = "admin/durable_django/queues/act.html"
        return TemplateResponse(request, template, context, status=status)
