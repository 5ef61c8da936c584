"""Act on the executions that are ticked in the list, or on all that the list shows.

Each act has a page that asks first. A few are done at once, each in its own transaction; many are
left to a bulk operation, which goes on when the browser has gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from durable_django.admin.acts.audit_log import audited, log_addition, log_change
from durable_django.admin.acts.forms import ReasonForm, SignalForm
from durable_django.admin.acts.selection import Selection
from durable_django.admin.acts.selection_wording import WORDINGS
from durable_django.conf import settings
from durable_django.control.acting import Acting
from durable_django.control.actions import PERMISSION_OF, Action
from durable_django.control.bulk import (
    BULK_WORKFLOW,
    find_lacking_permission,
    start_bulk,
)
from durable_django.control.bulk_runner import perform
from durable_django.control.finding.criteria import CriteriaError
from durable_django.control.permissions import allows
from durable_django.exceptions import DurableError
from durable_django.models import WorkflowExecution

#: Refusals that the summary gives reasons for.
MAX_REASONS = 3


class SelectionForm(ReasonForm):
    """A reason, and what keeps a page that is sent twice, or late, from doing more than it said."""

    placed = ("reason", "newest", "once")
    #: The newest execution when the page was shown: what starts later is not swept in.
    newest = forms.UUIDField(widget=forms.HiddenInput)
    once = forms.UUIDField(widget=forms.HiddenInput)


class SignalSelectionForm(SelectionForm, SignalForm):
    """The same with a signal."""


@dataclass(slots=True)
class Outcome:
    """What became of an act on many."""

    done: int = 0
    refusals: list[str] = field(default_factory=list)


def _offer(action: Action, description: Any) -> Any:
    """Return the entry of the list's menu for an action.

    Django offers an action without `permissions` to whoever may look.
    """

    @admin.action(description=description, permissions=[str(action)])
    def act(owner: SelectionActs, request: HttpRequest, _rows: QuerySet[Any]) -> Any:
        return owner.act_on_selection(request, action)

    act.__name__ = f"{action}_selected"
    return act


class SelectionActs:
    """The menu above the list of executions."""

    admin_site: admin.AdminSite
    actions: Sequence[Any] | None = (
        _offer(Action.CANCEL, gettext_lazy("Cancel, undoing their steps…")),
        _offer(Action.TERMINATE, gettext_lazy("Cancel without undoing…")),
        _offer(Action.PAUSE, gettext_lazy("Pause…")),
        _offer(Action.RESUME, gettext_lazy("Resume…")),
        _offer(Action.RETRY, gettext_lazy("Retry…")),
        _offer(Action.SIGNAL, gettext_lazy("Send a signal…")),
    )

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may cancel with undo."""
        return allows(request.user, PERMISSION_OF[Action.CANCEL])

    def has_terminate_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may cancel without undo."""
        return allows(request.user, PERMISSION_OF[Action.TERMINATE])

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may pause."""
        return allows(request.user, PERMISSION_OF[Action.PAUSE])

    def has_resume_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may resume."""
        return allows(request.user, PERMISSION_OF[Action.RESUME])

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may retry."""
        return allows(request.user, PERMISSION_OF[Action.RETRY])

    def has_signal_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may send signals."""
        return allows(request.user, PERMISSION_OF[Action.SIGNAL])

    def act_on_selection(self, request: HttpRequest, action: Action) -> HttpResponse | None:
        """Ask before an act on what is selected; act once that is confirmed."""
        try:
            selection = Selection(request)
        except CriteriaError as error:
            messages.error(request, str(error))
            return None
        newest = selection.find_newest()
        if newest is None:
            messages.warning(request, _("Nothing that you selected is there any more."))
            return None
        kind = SignalSelectionForm if action is Action.SIGNAL else SelectionForm
        if "_confirmed" not in request.POST:
            form = kind(initial={"newest": newest, "once": uuid4(), "payload": "null"})
            return self._ask_about(request, action, selection, form)
        form = kind(request.POST)
        if not form.is_valid():
            return self._ask_about(request, action, selection, form)
        selection = Selection(request, form.cleaned_data["newest"])
        if selection.count > settings().admin_bulk_limit:
            return self._act_in_background(request, action, selection, form)
        _tell(request, action, _act_now(request.user, action, selection, form))
        return HttpResponseRedirect(request.get_full_path())

    def _ask_about(
        self, request: HttpRequest, action: Action, selection: Selection, form: SelectionForm
    ) -> HttpResponse:
        is_many = selection.count > settings().admin_bulk_limit
        lacking = find_lacking_permission(request.user, action) if is_many else None
        context = {
            **self.admin_site.each_context(request),
            "opts": WorkflowExecution._meta,  # noqa: SLF001 -- Django documents it
            "title": WORDINGS[action].title,
            "wording": WORDINGS[action],
            "action_name": f"{action}_selected",
            "selection": selection,
            "samples": selection.list_samples(),
            "is_many": is_many,
            "limit": settings().admin_bulk_limit,
            "lacking": lacking,
            "form": form,
            "back_url": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/durable_django/acts/selection.html", context)

    def _act_in_background(
        self, request: HttpRequest, action: Action, selection: Selection, form: SelectionForm
    ) -> HttpResponse:
        if selection.criteria is None:
            messages.error(
                request,
                _("Tick at most %(limit)d executions, or select all that the list shows.")
                % {"limit": settings().admin_bulk_limit},
            )
            return HttpResponseRedirect(request.get_full_path())
        if find_lacking_permission(request.user, action) is not None:
            raise PermissionDenied
        given = form.cleaned_data
        arguments: dict[str, Any] = {
            name: given[name] for name in ("name", "payload") if name in given
        }
        with audited():
            operation = start_bulk(
                request.user,
                action,
                selection.criteria,
                arguments=arguments,
                reason=given["reason"],
            )
            log_addition(request.user, operation, WORDINGS[action].done, given["reason"])
        messages.success(request, _("Workers are at it; this page shows how far they are."))
        return HttpResponseRedirect(
            reverse(
                "admin:durable_django_bulk",
                args=[operation.pk],
                current_app=self.admin_site.name,
            )
        )


def _act_now(user: Any, action: Action, selection: Selection, form: SelectionForm) -> Outcome:
    given = form.cleaned_data
    arguments = {
        "name": given.get("name"),
        "payload": given.get("payload"),
        "dedupe_key": f"selection {given['once']}",
    }
    acting = Acting(user, given["reason"])
    outcome = Outcome()
    for row in list(selection.rows[: settings().admin_bulk_limit]):
        refusal = _act_on_one(user, acting, action, row, arguments, given["reason"])
        if refusal:
            outcome.refusals.append(refusal)
        else:
            outcome.done += 1
    return outcome


def _act_on_one(
    user: Any,
    acting: Acting,
    action: Action,
    row: WorkflowExecution,
    arguments: Mapping[str, Any],
    reason: str,
) -> str:
    """Act in a transaction of its own; return why it was refused, if it was."""
    if row.workflow_name == BULK_WORKFLOW:
        return _("%(id)s works off a bulk operation: steer it on its own page.") % {"id": row.pk}
    try:
        with audited():
            if not perform(acting, action, row.pk, arguments):
                return _("Execution %(id)s: somebody asked for it before.") % {"id": row.pk}
            log_change(user, row, WORDINGS[action].done, reason)
    except DurableError as error:
        return str(error)
    return ""


def _tell(request: HttpRequest, action: Action, outcome: Outcome) -> None:
    title = WORDINGS[action].title
    if outcome.done:
        text = ngettext("%(title)s: done for %(n)d.", "%(title)s: done for %(n)d.", outcome.done)
        messages.success(request, text % {"title": title, "n": outcome.done})
    count = len(outcome.refusals)
    if count:
        text = ngettext("%(n)d was refused.", "%(n)d were refused.", count) % {"n": count}
        shown = " ".join(outcome.refusals[:MAX_REASONS])
        more = " …" if count > MAX_REASONS else ""
        messages.warning(request, f"{text} {shown}{more}")
