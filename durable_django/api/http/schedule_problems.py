"""What goes wrong with schedules and queues, as problems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from durable_django.api.http.problems import (
    FORBIDDEN,
    INVALID_INPUT,
    ProblemError,
    ProblemKind,
)
from durable_django.control.queues.acting import QueueActNotAllowedError
from durable_django.control.schedules.errors import ScheduleActNotAllowedError
from durable_django.exceptions import (
    ScheduleDefinedInCodeError,
    ScheduleError,
    ScheduleExistsError,
    ScheduleNotFoundError,
)

INVALID_CRON = ProblemKind("invalid-cron", 400, _("The cron expression is not legal"))
SCHEDULE_NOT_FOUND = ProblemKind("schedule-not-found", 404, _("No such schedule"))
QUEUE_NOT_FOUND = ProblemKind("queue-not-found", 404, _("No such queue"))
ALREADY_EXISTS = ProblemKind("already-exists", 409, _("There is one of this name"))
DEFINED_IN_CODE = ProblemKind("defined-in-code", 409, _("It is changed in the code"))

#: What a field of `ScheduleError` is called in bodies, where that is something else.
_MEMBERS = {
    "every": "every_seconds",
    "misfire_grace": "misfire_grace_seconds",
    "start": "from",
    "end": "to",
}


def to_problem(error: Exception) -> Exception:
    """Return the problem that an error of schedules or queues is; every other error as it is."""
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return error


def _of_field(error: Any) -> ProblemError:
    kind = INVALID_CRON if error.field == "cron" else INVALID_INPUT
    pointer = f"/{_MEMBERS.get(error.field, error.field)}"
    return ProblemError(kind, error, errors=[{"pointer": pointer, "detail": str(error)}])


def _as(kind: ProblemKind) -> Callable[[Any], ProblemError]:
    return lambda error: ProblemError(kind, error)


_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], ProblemError]], ...] = (
    (ScheduleNotFoundError, _as(SCHEDULE_NOT_FOUND)),
    (ScheduleExistsError, _as(ALREADY_EXISTS)),
    (ScheduleDefinedInCodeError, _as(DEFINED_IN_CODE)),
    (ScheduleActNotAllowedError, _as(FORBIDDEN)),
    (QueueActNotAllowedError, _as(FORBIDDEN)),
    (ScheduleError, _of_field),
)
