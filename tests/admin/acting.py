"""What the tests of the pages that act have in common: people, workflows, addresses."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission as AuthPermission
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from durable_django import WorkflowContext, workflow
from durable_django.control.permissions import Permission
from durable_django.models import ExecutionEvent, WorkflowExecution

LIST = "/admin/durable_django/workflowexecution/"
SCRIPT = "<script>alert(1)</script>"
#: Of drawings, of progress and for scripts; the points of a polygon do have commas.
_NUMBERS = re.compile(
    r'\s(?:[xy][12]?|r[xy]|width|height|viewBox|value|max|min|rowspan|data-seconds)="([^"]*)"'
)
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", re.IGNORECASE)


@workflow(name="acts.order")
def order(ctx: WorkflowContext, number: int = 1, password: str = "hunter2") -> Any:  # noqa: S107 -- invented
    ctx.step("reserve", lambda: "kept", compensate=_undo)
    ctx.step("mail", lambda: "sent")
    paid = ctx.wait_signal("paid")
    ctx.step("ship", lambda: "shipped")
    return paid


@workflow(name="acts.failing")
def failing(ctx: WorkflowContext) -> None:
    ctx.step("reserve", lambda: "kept", compensate=_undo)
    ctx.step("mail", lambda: "sent")
    ctx.step("charge", _refuse)


def _undo(result: Any) -> None:
    return None


def _refuse() -> None:
    raise ValueError("declined, token=abc123secret")


def make_user(*permissions: Permission, name: str = "alice", **fields: Any) -> User:
    user = User.objects.create_user(name, **{"is_staff": True, **fields})
    codenames = [str(one) for one in permissions]
    # django-q2 has schedules of its own, with permissions of the same names.
    ours = AuthPermission.objects.filter(content_type__app_label="durable_django")
    user.user_permissions.set(ours.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


def log_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def act_url(execution_id: UUID, action: str) -> str:
    return reverse("admin:durable_django_execution_act", args=[execution_id, action])


def page_url(execution_id: UUID) -> str:
    return reverse("admin:durable_django_workflowexecution_change", args=[execution_id])


def snapshot() -> Any:
    """All that an act could change."""
    rows = WorkflowExecution.objects.order_by("id").values_list(
        "id", "status", "epoch", "cancel_requested_at", "pause_requested_at", "signal_count"
    )
    return list(rows), ExecutionEvent.objects.count()


def find_inline(html: str) -> list[str]:
    """Return what a Content-Security-Policy of "default-src 'self'" would refuse."""
    return _INLINE.findall(html)


def find_broken_numbers(html: str) -> list[str]:
    """Return the numbers in attributes that are written as people of some language write them."""
    values = _NUMBERS.findall(html)
    return [value for value in values if re.search(r"\d[,\xa0\u202f]\d", value)]
