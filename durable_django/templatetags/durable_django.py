"""Tags that show executions, in the admin and in pages of your own.

{% load durable_django %} {% durable_badge execution %} {% durable_time execution.created_at %}

They need the stylesheet `durable_django/durable.css`.
"""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from durable_django.control.badges import badge_of
from durable_django.control.showing import render_badge, render_time
from durable_django.domain.execution import Execution
from durable_django.models import WorkflowExecution

register = template.Library()


@register.simple_tag(name="durable_badge")
def durable_badge(execution: WorkflowExecution | Execution) -> SafeString:
    """Show the status of an execution: icon, word and colour."""
    return render_badge(badge_of(execution))


@register.simple_tag(name="durable_time")
def durable_time(instant: datetime | None, now: datetime | None = None) -> SafeString | str:
    """Show how long ago an instant was, or how far off it is; pointed at, it says when exactly.

    Nothing for None.
    """
    return "" if instant is None else render_time(instant, now or timezone.now())
