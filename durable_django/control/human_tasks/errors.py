"""What is refused to people who act on human tasks, beyond what the store itself refuses.

The store's own (`TaskNotFoundError`, `TaskClaimedError`, `TaskOverError`, `TaskForbiddenError`) and
`FieldErrors`, which says what is wrong with an answer, are in `exceptions`.
"""

from __future__ import annotations

from uuid import UUID

from durable_django.control.permissions import Permission
from durable_django.exceptions import DurableError, TaskForbiddenError


class TaskActNotAllowedError(DurableError):
    """The user lacks the permission for the act, whatever the task."""

    def __init__(self, act: str, permission: Permission) -> None:
        self.act = act
        self.permission = permission
        super().__init__(
            f"To {act} a human task you need the permission durable_django.{permission}."
        )


class NotCandidateError(TaskForbiddenError):
    """The task is for others."""

    def __init__(self, task_id: UUID, user: str) -> None:
        why = (
            "they are neither its assignee nor among its candidates. Who may reassign tasks can "
            "give it to them"
        )
        super().__init__(task_id, user, why)


class FourEyesError(TaskForbiddenError):
    """Somebody else has to do it: the task's `not_by` names the user."""

    def __init__(self, task_id: UUID, user: str) -> None:
        super().__init__(task_id, user, "the four-eyes rule excludes them. Leave it to another")


class NotAssigneeError(TaskForbiddenError):
    """Only who has the task may do that with it."""

    def __init__(self, task_id: UUID, user: str) -> None:
        super().__init__(task_id, user, "they do not have it. Claim it first")


class NoSuchUserError(DurableError):
    """Nobody, or no group, is called so; or they are not active."""

    def __init__(self, user: str) -> None:
        self.user = user
        super().__init__(f"There is no active user, and no group, called {user[:150]!r}.")


class UnfitUserError(DurableError):
    """The task cannot be given to this user; `why` says what is in the way."""

    def __init__(self, task_id: UUID, user: str, why: str) -> None:
        self.task_id = task_id
        self.user = user
        self.why = why
        super().__init__(f"Task {task_id} cannot be given to {user!r}: {why}.")


class TaskFormError(DurableError):
    """The task's form cannot be shown or filled in by this process."""


class UnknownFormError(TaskFormError):
    """The form that the task names is not among what this process has loaded."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"The form {path[:200]!r} is not known in this process. Have it imported when the "
            f"process starts, as in a workflows.py; nothing is imported because a task names it."
        )


class UnusableFormError(TaskFormError):
    """The form is there, and cannot be used for a task; `problem` says why."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"The form {path[:200] or 'of the task'!r} cannot be used: {problem}.")


class LinkNotFoundError(DurableError):
    """No link has this token: it was never made here, or it was altered or deleted."""

    def __init__(self) -> None:
        super().__init__("There is no such link.")


class LinkGoneError(DurableError):
    """The link was real, and cannot be used any more; nothing was done now."""

    def __init__(self, link_id: UUID, why: str) -> None:
        self.link_id = link_id
        #: "used", "revoked", "expired", "over" (the task is), or "barred": its user may not any more.
        self.why = why
        super().__init__(f"Link {link_id} cannot be used any more: {_WHY_GONE[why]}.")


_WHY_GONE = {
    "used": "it was used",
    "revoked": "it was revoked",
    "expired": "it has expired",
    "over": "its task is over",
    "barred": "its user may not complete the task any more",
}
