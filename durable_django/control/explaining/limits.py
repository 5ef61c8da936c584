"""Explain executions that are kept from going on by a limit, or by how their queue is controlled."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from durable_django.control.explaining.values import Answer, Case
from durable_django.domain.limit import is_line
from durable_django.domain.status import Guarantee, QueueMode
from durable_django.domain.work_queue import QueueControl


def explain_limit(case: Case) -> Answer:
    """Explain what is held back until others of its limit have ended."""
    execution, limit = case.execution, case.limit
    has_place = limit is not None and limit.admitted < limit.max
    if is_line(execution.limit_key):
        said = {"key": execution.key or "?"}
        headline = _("In line behind others with its key")
        reason = _("It begins when all earlier executions with key %(key)s have ended.") % said
        follows = _("The end of the last of them.")
    else:
        said = {"limit": execution.limit_key or execution.waiting_for}
        headline = _("Held back by a limit")
        reason = _("Held back by the limit %(limit)s.") % said
        if limit is not None:
            text = _("Held back by the limit %(limit)s: %(admitted)s of %(max)s are under way.")
            reason = text % (said | {"admitted": limit.admitted, "max": limit.max})
        follows = _("The end of one of them, when it is the first in the line.")
    if limit is not None and limit.waiting > 1:
        text = ngettext("%(n)s more is held back.", "%(n)s more are held back.", limit.waiting - 1)
        reason = f"{reason} {text % {'n': limit.waiting - 1}}"
    if has_place:
        follows = _(
            "A place is free: it goes on when its own start has come, at most a second late."
        )
    return Answer(
        headline=headline,
        reason=reason,
        next=_with_expiry(case, follows),
        advice=_("Wait; or cancel what is not needed any more. A higher limit is set in the code."),
        since=execution.created_at,
        until=execution.wake_at,
    )


def _with_expiry(case: Case, follows: str) -> str:
    if case.execution.expires_at is None:
        return follows
    text = _("Or the end of its time to live, %(at)s, when it fails.")
    return f"{follows} {text % {'at': case.say(case.execution.expires_at)}}"


def explain_queue(case: Case, alarm: datetime) -> Answer | None:
    """Explain what is due, and kept from going on by its queue; None if its queue lets it."""
    execution, control = case.execution, case.control
    if control is None or execution.guarantee is Guarantee.FOREGROUND:
        return None
    is_new = execution.started_at is None and not execution.parent_wait
    said = {"queue": control.name, "why": f" ({control.reason})" if control.reason else ""}
    if control.mode is QueueMode.PAUSED:
        headline, reason = _("Its queue is paused"), _("Queue %(queue)s is paused%(why)s.")
    elif control.mode is QueueMode.DRAINING and is_new:
        headline = _("Its queue is draining")
        reason = _("Queue %(queue)s is draining%(why)s: what has not begun waits.")
    else:
        return None
    return Answer(
        headline=headline,
        reason=reason % said,
        next=_("The resume of queue %(queue)s.") % said,
        advice=_("Resume it when the time has come: durable_queue %(queue)s --resume.") % said,
        since=alarm,
    )


def say_limits_of_queue(control: QueueControl | None) -> str:
    """Return what may keep it waiting longer than usual; empty if nothing does."""
    if control is None or (control.max_running is None and control.rate is None):
        return ""
    if control.rate is None:
        text = _("Its queue runs at most %(most)s at once.")
    elif control.max_running is None:
        text = _("Of its queue at most %(rate)s begin.")
    else:
        text = _("Its queue runs at most %(most)s at once, and at most %(rate)s begin.")
    return text % {"most": control.max_running, "rate": control.rate}
