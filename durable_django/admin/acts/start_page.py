"""Start a workflow from the admin: the list of what can be started, and a form from its signature.

The permission to start is the only condition: `@workflow(expose=True)` is for the REST API, whose
callers are programs; who may start here may start every registered workflow.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from durable_django.admin.acts.audit_log import audited, log_addition
from durable_django.admin.acts.site_pages import HasSite, page_context, page_url
from durable_django.admin.acts.start_forms import OptionsForm
from durable_django.control.acting import Acting
from durable_django.control.bulk import BULK_WORKFLOW
from durable_django.control.inputs.forms import InputForm, build_input_form, form_input
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import find_visible, visible_executions
from durable_django.domain.definition import WorkflowDefinition
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.exceptions import (
    DefinitionError,
    ExecutionKeyConflictError,
    ExecutionNotFoundError,
    PayloadError,
)
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine


@dataclass(frozen=True, slots=True)
class Startable:
    """A workflow that can be started: its versions that are registered here, newest first."""

    versions: list[WorkflowDefinition]

    @property
    def newest(self) -> WorkflowDefinition:
        """The one that is started unless another is asked for."""
        return self.versions[0]

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self.newest.name

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return _first_line(self.newest)


def start_urls(owner: HasSite) -> list[URLPattern]:
    """Return the addresses of these pages."""
    wrap = owner.admin_site.admin_view
    return [
        path("start/", wrap(partial(list_view, owner=owner)), name="durable_django_start"),
        path(
            "start/<str:workflow>/",
            wrap(partial(start_view, owner=owner)),
            name="durable_django_start",
        ),
    ]


@require_safe
def list_view(request: HttpRequest, *, owner: HasSite) -> HttpResponse:
    """List what can be started."""
    _require_permission(request)
    context = {**_context(owner, request, _("Start a workflow")), "startables": list_startables()}
    return TemplateResponse(request, "admin/durable_django/acts/start_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def start_view(request: HttpRequest, *, owner: HasSite, workflow: str) -> HttpResponse:
    """Ask for the arguments and options of a start; start on a POST."""
    _require_permission(request)
    startable = next((one for one in list_startables() if one.name == workflow), None)
    if startable is None:
        raise Http404
    definition = _choose_version(startable, request.GET.get("version", ""))
    data = request.POST if request.method == "POST" else None
    form = build_input_form(definition)(data, prefix="input")
    # The panel on an object's page says what the execution is to be about.
    initial = {"subject": request.GET.get("subject", "")}
    options = OptionsForm(data, prefix="start", initial=initial)
    # Both, so that the person sees all that is wrong at once.
    if all([form.is_valid(), options.is_valid()]):
        response = _start(owner, request, definition, form, options)
        if response is not None:
            return response
    title = _("Start %(workflow)s") % {"workflow": definition.name}
    context = {
        **_context(owner, request, title),
        "definition": definition,
        "startable": startable,
        "summary": _first_line(definition),
        "form": form,
        "options": options,
    }
    return TemplateResponse(request, "admin/durable_django/acts/start.html", context)


def list_startables() -> list[Startable]:
    """Return the registered workflows by name, without our own."""
    by_name: dict[str, list[WorkflowDefinition]] = {}
    for definition in engine().registry.list_definitions():
        if definition.name != BULK_WORKFLOW:
            by_name.setdefault(definition.name, []).insert(0, definition)
    return [Startable(versions) for versions in by_name.values()]


def _start(
    owner: HasSite,
    request: HttpRequest,
    definition: WorkflowDefinition,
    form: InputForm,
    options: OptionsForm,
) -> HttpResponse | None:
    """Start it and go on to its page; None if the forms must be shown again."""
    try:
        handle = _start_audited(request.user, definition, form_input(form), options)
    except ExecutionKeyConflictError as error:
        options.add_error("key", _explain_conflict(owner, request.user, error))
    except (TypeError, PayloadError) as error:  # the arguments do not fit
        form.add_error(None, str(error))
    except DefinitionError as error:
        options.add_error(None, str(error))
    else:
        return _go_on(owner, request, handle, options)
    return None


def _start_audited(
    user: Any, definition: WorkflowDefinition, given: dict[str, Any], options: OptionsForm
) -> ExecutionHandle[Any]:
    reason = options.cleaned_data["reason"]
    with audited():
        handle = Acting(user, reason).start(
            definition.name, given, options.to_options(), version=definition.version
        )
        if handle.is_new:
            row = WorkflowExecution(
                pk=handle.id, workflow_name=definition.name, status=str(handle.status)
            )
            log_addition(user, row, "Started.", reason)
    return handle


def _go_on(
    owner: HasSite, request: HttpRequest, handle: ExecutionHandle[Any], options: OptionsForm
) -> HttpResponse | None:
    name = f"{handle.execution.workflow_name} {handle.execution.key or handle.id}"
    if handle.is_new:
        messages.success(request, _("Started %(name)s.") % {"name": name})
    elif not visible_executions(request.user).filter(pk=handle.id).exists():
        options.add_error("key", _("The key is taken."))
        return None
    else:
        messages.info(
            request, _("It was started before, with the same input: %(name)s.") % {"name": name}
        )
    if not allows(request.user, Permission.VIEW):
        return HttpResponseRedirect(request.get_full_path())
    return HttpResponseRedirect(_change_url(owner, handle.id))


def _explain_conflict(
    owner: HasSite, user: Any, error: ExecutionKeyConflictError
) -> SafeString | str:
    """Say whose the key is, if the user may know."""
    execution_id = UUID(str(error.execution_id))
    try:
        find_visible(user, execution_id)
    except ExecutionNotFoundError:
        return _("The key is taken.")
    return format_html(
        '{} <a href="{}">{}</a>',
        _("The key belongs to an execution that was started with another input:"),
        _change_url(owner, execution_id),
        execution_id,
    )


def _choose_version(startable: Startable, wanted: str) -> WorkflowDefinition:
    if not wanted:
        return startable.newest
    for definition in startable.versions:
        if str(definition.version) == wanted:
            return definition
    raise Http404


def _first_line(definition: WorkflowDefinition) -> str:
    return (inspect.getdoc(definition.body) or "").partition("\n")[0]


def _require_permission(request: HttpRequest) -> None:
    if not allows(request.user, Permission.START):
        raise PermissionDenied


def _context(owner: HasSite, request: HttpRequest, title: str) -> dict[str, Any]:
    # Who may start need not see what there is.
    may_view = allows(request.user, Permission.VIEW)
    return {**page_context(owner, request, title), "may_view": may_view}


def _change_url(owner: HasSite, execution_id: UUID) -> str:
    return page_url(owner, "durable_django_workflowexecution_change", execution_id)
