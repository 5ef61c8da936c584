"""Add and change schedules: a form whose faults stand at their fields, with the next runs below."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from durable_django import schedules
from durable_django.admin.acts.audit_log import audited, log_addition, log_change
from durable_django.admin.acts.input_editing import EditableInput, find_editable
from durable_django.admin.acts.start_page import list_startables
from durable_django.admin.schedules.forms import ScheduleForm, initial_of
from durable_django.admin.schedules.links import EDIT, context_of, load_row, to_page
from durable_django.control.inputs.signatures import InputError, coerce_input
from durable_django.control.permissions import Permission, allows
from durable_django.control.schedules.acting import ScheduleActing, may
from durable_django.control.schedules.rows import (
    NEXT_RUNS,
    NextRun,
    ScheduleRow,
    find_schedule,
    preview_runs,
)
from durable_django.domain.schedule import Schedule
from durable_django.exceptions import DurableError, ScheduleError, UnknownWorkflowError
from durable_django.runtime import engine
from durable_django.scheduling.options import changed
from durable_django.scheduling.rules import check_schedule

_REFUSED = 409
_TEMPLATE = "admin/durable_django/schedules/form.html"


class ScheduleEditing:
    """The part of the schedules' admin that adds and changes them."""

    admin_site: admin.AdminSite

    def edit_urls(self) -> list[URLPattern]:
        """Return the address of the form of a schedule that is there."""
        wrap = self.admin_site.admin_view
        return [path("<int:schedule_id>/edit/", wrap(self.edit_view), name=EDIT)]

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask for a new schedule; add it on a POST."""
        if not may(request.user, "create"):
            raise PermissionDenied
        return self._serve(request, Editing(request, None))

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def edit_view(self, request: HttpRequest, schedule_id: int) -> HttpResponse:
        """Ask how a schedule is to be changed; change it on a POST."""
        if not may(request.user, "change"):
            raise PermissionDenied
        row = load_row(request, schedule_id)
        if row.is_of_code:
            context = {
                **context_of(self, request, _("Change %s") % row.name),
                "row": row,
                "why_not": _("The code defines it, so it is changed there: @workflow(schedule=…)."),
            }
            template = "admin/durable_django/schedules/refused.html"
            return TemplateResponse(request, template, context, status=_REFUSED)
        return self._serve(request, Editing(request, row))

    def _serve(self, request: HttpRequest, editing: Editing) -> HttpResponse:
        is_post = request.method == "POST"
        form = editing.make_form(request.POST if is_post else None)
        runs = editing.preview(form)
        is_act = is_post and "_preview" not in request.POST
        if is_act and form.is_valid() and editing.save(form):
            name = editing.row.name if editing.row else form.cleaned_data["name"]
            messages.success(request, _("Saved: %s.") % name)
            return HttpResponseRedirect(to_page(self, find_schedule(name).pk))
        row = editing.row
        title = _("Change %s") % row.name if row else _("Add a schedule")
        context = {
            **context_of(self, request, title),
            "row": row,
            "form": form,
            "runs": runs,
            "words": editing.words,
            "zones": _list_zones(),
        }
        return TemplateResponse(request, _TEMPLATE, context)


class Editing:
    """One schedule, new or there, as one user fills in its form."""

    def __init__(self, request: HttpRequest, row: ScheduleRow | None) -> None:
        self.row = row
        #: When it would tick, once that could be worked out.
        self.words = row.words if row else ""
        self._user: Any = request.user
        self._input = self._find_input()

    def make_form(self, data: QueryDict | None) -> ScheduleForm:
        """Return the form to show or to read."""
        names = [one.name for one in list_startables()]
        schedule = self.row.schedule if self.row else None
        initial = initial_of(schedule) if schedule else {}
        if schedule and schedule.workflow_name not in names:
            names.append(schedule.workflow_name)
        if self._input is not None:
            initial["input"] = self._input.text
        return ScheduleForm(
            data,
            initial=initial,
            workflows=sorted(names),
            is_new=self.row is None,
            input_help=self._help_with_input(),
        )

    def preview(self, form: ScheduleForm) -> list[NextRun]:
        """Return the next runs of what the form says; what is wrong with it stands at its field."""
        if not form.is_bound:
            return list(self.row.next_runs) if self.row else []
        form.is_valid()
        timing = form.timing()
        if len(timing) < _TIMING_FIELDS or not (timing["cron"] or timing["every"]):
            return []
        now = engine().store.now()
        blank = Schedule(name="preview", workflow_name="preview")
        try:
            wanted = changed(blank, timing, now)
            check_schedule(wanted, now)
            runs = preview_runs(wanted, now, NEXT_RUNS)
            self.words = schedules.explain(None, **timing)
        except ScheduleError as error:
            _point(form, error)
            return []
        return runs

    def save(self, form: ScheduleForm) -> bool:
        """Add or change it; False if the form must be shown again."""
        options = form.options()
        try:
            options |= self._read_input(form)
            with audited():
                self._write(form, options)
        except (InputError, ValidationError) as error:
            form.add_error("input", error if isinstance(error, ValidationError) else str(error))
        except ScheduleError as error:
            _point(form, error)
        except UnknownWorkflowError as error:
            form.add_error("version" if options["version"] else "workflow", str(error))
        except DurableError as error:
            form.add_error("name" if "name" in form.fields else None, str(error))
        return not form.errors

    def _write(self, form: ScheduleForm, options: dict[str, Any]) -> None:
        reason = form.cleaned_data["reason"]
        acting = ScheduleActing(self._user, reason)
        if self.row is not None:
            acting.change(self.row.name, options)
            log_change(self._user, find_schedule(self.row.name), "Changed.", reason)
            return
        workflow = options.pop("workflow")
        name = form.cleaned_data["name"]
        acting.create(name, workflow, options)
        log_addition(self._user, find_schedule(name), "Added.", reason)

    def _read_input(self, form: ScheduleForm) -> dict[str, Any]:
        """Return the input as an option, unless it stays as it is.

        Raises:
            InputError: It does not fit the workflow.
            ValidationError: It holds "•••" where no secret was hidden.
            UnknownWorkflowError: No such workflow or version is registered.
        """
        given, edited = form.cleaned_data, form.cleaned_data["input"]
        if self._input is not None and edited is not None:
            edited = self._input.merge(edited)
            if edited == self._input.value:
                return {}
        elif edited is None and self.row is not None and self._input is None:
            return {}
        definition = engine().registry.load(given["workflow"], given["version"])
        raw = {} if edited is None else edited
        return {"input": coerce_input(definition, raw, filled_in=given["tick_argument"])}

    def _find_input(self) -> EditableInput | None:
        if self.row is None or not allows(self._user, Permission.PAYLOADS):
            return None
        return find_editable(self.row.schedule.input)

    def _help_with_input(self) -> str:
        if self.row is not None and self._input is None:
            return _("The arguments by name, as JSON. It is not shown; empty, it stays as it is.")
        return _("The arguments by name, as JSON. Secrets are shown as •••, and kept.")


#: How many fields decide when it ticks.
_TIMING_FIELDS = 6


def _point(form: ScheduleForm, error: ScheduleError) -> None:
    """Say what is wrong at its field, once."""
    field = error.field if error.field in form.fields else None
    told = str(error)
    if told not in form.errors.get(field or "__all__", []):
        form.add_error(field, told)


@lru_cache(maxsize=1)
def _list_zones() -> list[str]:
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
