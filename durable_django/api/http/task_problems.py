"""What goes wrong with human tasks, as problems."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from durable_django.api.http.problems import (
    FORBIDDEN,
    INVALID_INPUT,
    ProblemError,
    ProblemKind,
    invalid_input,
)
from durable_django.control.human_tasks.errors import (
    FourEyesError,
    NoSuchUserError,
    NotAssigneeError,
    NotCandidateError,
    TaskActNotAllowedError,
    TaskFormError,
    UnfitUserError,
)
from durable_django.domain.status import TaskStatus
from durable_django.exceptions import (
    FieldErrors,
    TaskClaimedError,
    TaskForbiddenError,
    TaskNotFoundError,
    TaskOverError,
)

TASK_NOT_FOUND = ProblemKind("task-not-found", 404, _("No such task"))
NOT_CANDIDATE = ProblemKind("not-candidate", 403, _("The task is for others"))
FOUR_EYES = ProblemKind("four-eyes", 403, _("Somebody else has to do it"))
NOT_ASSIGNEE = ProblemKind("not-assignee", 403, _("You do not have the task"))
ALREADY_CLAIMED = ProblemKind("already-claimed", 409, _("Somebody else has the task"))
NOT_CLAIMED = ProblemKind("not-claimed", 409, _("Nobody has the task"))
ALREADY_COMPLETED = ProblemKind("already-completed", 409, _("The task was completed"))
TASK_OVER = ProblemKind("task-over", 409, _("The task is over"))
UNKNOWN_FORM = ProblemKind("unknown-form", 409, _("The task's form cannot be used here"))
TASK_LINK_NOT_FOUND = ProblemKind("task-link-not-found", 404, _("Unknown link"))
TASK_LINK_GONE = ProblemKind("task-link-gone", 410, _("The link cannot be used any more"))
TASK_LINK_USED = ProblemKind("task-link-used", 409, _("The link was used"))


def to_problem(error: Exception) -> Exception:
    """Return the problem that an error of human tasks is; every other error as it is."""
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return error


def task_not_found() -> ProblemError:
    """Return the one answer about a task that is not there, not theirs, or no id at all."""
    return ProblemError(TASK_NOT_FOUND, _("There is no such task that you may see."))


def _of_fields(error: Any) -> ProblemError:
    errors = [
        {"pointer": f"/data/{_escaped(name)}" if name else "/data", "detail": detail}
        for name, said in error.errors.items()
        for detail in said
    ]
    told = "; ".join(f"{one['pointer']}: {one['detail']}" for one in errors[:3])
    return ProblemError(INVALID_INPUT, told, errors=errors)


def _of_claim(error: Any) -> ProblemError:
    if not error.by:
        return ProblemError(NOT_CLAIMED, _("Nobody has the task now. Nothing was changed."))
    return ProblemError(
        ALREADY_CLAIMED,
        _("%(user)s has the task. Nothing was changed.") % {"user": error.by},
        claimed_by=error.by,
        claimed_at=_instant(error.at),
    )


def _of_end(error: Any) -> ProblemError:
    is_completed = error.status == TaskStatus.COMPLETED
    kind = ALREADY_COMPLETED if is_completed else TASK_OVER
    by, at = error.by or None, _instant(error.at)
    return ProblemError(kind, error, by=by, at=at, current_status=error.status)


def _of_user(error: Any) -> ProblemError:
    return invalid_input("/user", error)


def _as(kind: ProblemKind) -> Callable[[Any], ProblemError]:
    return lambda error: ProblemError(kind, error)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], ProblemError]], ...] = (
    (TaskNotFoundError, lambda _error: task_not_found()),
    (TaskActNotAllowedError, _as(FORBIDDEN)),
    (NotCandidateError, _as(NOT_CANDIDATE)),
    (FourEyesError, _as(FOUR_EYES)),
    (NotAssigneeError, _as(NOT_ASSIGNEE)),
    # The store's own look at it, under its lock.
    (TaskForbiddenError, _as(FOUR_EYES)),
    (TaskClaimedError, _of_claim),
    (TaskOverError, _of_end),
    (FieldErrors, _of_fields),
    (NoSuchUserError, _of_user),
    (UnfitUserError, _of_user),
    (TaskFormError, _as(UNKNOWN_FORM)),
)
