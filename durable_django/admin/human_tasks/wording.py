"""Say to a person why an act on a task was refused, or what became of the task."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from durable_django.control.human_tasks.errors import (
    NoSuchUserError,
    NotAssigneeError,
    NotCandidateError,
    UnfitUserError,
)
from durable_django.domain.status import TaskStatus
from durable_django.exceptions import (
    DurableError,
    TaskClaimedError,
    TaskForbiddenError,
    TaskOverError,
)


def say_refusal(error: DurableError, now: datetime) -> str:
    """Return why the act was refused, in a sentence: who was first, and when."""
    if isinstance(error, TaskOverError):
        return _say_first(error, now)
    if isinstance(error, TaskClaimedError):
        return _say_claimed(error, now)
    if isinstance(error, NotCandidateError):
        return _("It is for others. Who may reassign tasks can give it to you.")
    if isinstance(error, NotAssigneeError):
        return _("Only who has the task can do that, and that is not you.")
    if isinstance(error, TaskForbiddenError):
        return _("It needs a second pair of eyes, and not yours. Leave it to somebody else.")
    return str(error)


def say_end(status: str, by: str, at: datetime | None, now: datetime) -> str:
    """Return how a task ended: `It was completed by bob at 14:02.`."""
    when = "" if at is None else f" {say_when(at, now)}"
    if status == TaskStatus.EXPIRED:
        return _("Its time was up%(when)s.") % {"when": when}
    if status == TaskStatus.COMPLETED:
        text = _("It was completed by %(by)s%(when)s.")
    elif by:
        text = _("It was cancelled by %(by)s%(when)s.")
    else:
        text = _("It was withdrawn by its execution%(when)s.")
    return text % {"by": by or _("somebody"), "when": when}


def _say_first(error: TaskOverError, now: datetime) -> str:
    """Return who was first: `It was already completed by bob at 14:02.`."""
    when = "" if error.at is None else f" {say_when(error.at, now)}"
    if error.status == TaskStatus.COMPLETED:
        text = _("It was already completed by %(by)s%(when)s.")
    elif error.status == TaskStatus.CANCELLED and error.by:
        text = _("It was already cancelled by %(by)s%(when)s.")
    else:
        return say_end(error.status, error.by, error.at, now)
    return text % {"by": error.by or _("somebody"), "when": when}


def say_when(at: datetime, now: datetime) -> str:
    """Return when it was, as people say it: `at 14:02`, `on 31 Jan at 14:02`."""
    there, here = timezone.localtime(at), timezone.localtime(now)
    clock = f"{there:%H:%M}"
    if there.date() == here.date():
        return _("at %(clock)s") % {"clock": clock}
    day = f"{there.day} {there:%b}" if there.year == here.year else f"{there:%Y-%m-%d}"
    return _("on %(day)s at %(clock)s") % {"day": day, "clock": clock}


def say_gone() -> str:
    """Return that the task is not there: out of sight and never there are the same."""
    return _("There is no such task, or it is not yours to see any more. Nothing was changed.")


def say_unfit(error: NoSuchUserError | UnfitUserError) -> str:
    """Return why the task cannot be given to somebody, for the field with their name."""
    if isinstance(error, UnfitUserError):
        return _("It cannot be given to %(user)s: %(why)s.") % {
            "user": error.user,
            "why": error.why,
        }
    return str(error)


def _say_claimed(error: TaskClaimedError, now: datetime) -> str:
    if not error.by:
        return _("Nobody has it now. Claim it first.")
    if error.at is None:
        return _("%(by)s has it now.") % {"by": error.by}
    return _("%(by)s claimed it %(when)s.") % {"by": error.by, "when": say_when(error.at, now)}
