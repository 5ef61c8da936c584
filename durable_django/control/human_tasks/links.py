"""Signed links with which one named user completes one task, once, without logging in.

A link's token is signed and stored as a hash only; see `control.hooks`, whose links send signals.
What it answers is its user's answer: they must still be active, allowed and not barred by the
four-eyes rule when it is used. So a link is as good as their login for this one task: send it to
them, and to nobody else. Whoever makes one is in the events. The clock is the store's.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from durable_django.conf import settings
from durable_django.control.hook_tokens import TASK_LINK, digest_token, read_token, sign_token
from durable_django.control.human_tasks.acting import MAX_COMMENT_LENGTH, cut, wake_for
from durable_django.control.human_tasks.checking import (
    TaskId,
    check_is_active,
    check_may_do,
    check_target,
    load_row,
)
from durable_django.control.human_tasks.errors import (
    LinkGoneError,
    LinkNotFoundError,
    NoSuchUserError,
    TaskActNotAllowedError,
    UnfitUserError,
)
from durable_django.control.human_tasks.forms import check_answer, encode_answer
from durable_django.control.human_tasks.people import find_user, person_of
from durable_django.control.human_tasks.visibility import find_visible_task, is_for
from durable_django.control.locking import lock_execution
from durable_django.domain.event import (
    CODE,
    MAX_REASON_LENGTH,
    Actor,
    ActorKind,
    EventType,
    NewEvent,
)
from durable_django.domain.identifiers import new_id
from durable_django.domain.task import Task
from durable_django.exceptions import (
    ConfigurationError,
    TaskForbiddenError,
    TaskNotFoundError,
    TaskOverError,
)
from durable_django.models import HumanTask, HumanTaskLink
from durable_django.runtime import engine

#: The longest a link may be good for.
LONGEST_LIFE = timedelta(days=366)
#: The route of `durable_django.api` that takes a token.
LINK_ROUTE = "durable-api:task-link"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLink:
    """A link that was just made: the only time that its token is known."""

    id: UUID
    token: str
    #: Whose answer it gives.
    user: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Return it without the token, which a log or a traceback must not hold."""
        return f"TaskLink(id={self.id}, user={self.user!r})"


def mint_link(task_id: TaskId, user: str, *, expires_in: timedelta, by: Actor = CODE) -> TaskLink:
    """Make a link with which this user completes this task.

    Written in the caller's transaction, if there is one, together with an event that tells who
    made it; made by nobody in particular, there is no event.

    Args:
        task_id: Which task.
        user: The name of whom the link is for.
        expires_in: How long it is good for: more than none, at most `LONGEST_LIFE`.
        by: Who wants it.

    Raises:
        TaskNotFoundError: No such task.
        TaskOverError: It is over.
        NoSuchUserError: Nobody active is called so.
        UnfitUserError: The user may not complete it.
        ValueError: `expires_in` is out of its range.
    """
    if not timedelta(0) < expires_in <= LONGEST_LIFE:
        raise ValueError(
            f"expires_in must be more than 0 and at most {LONGEST_LIFE.days} days, not {expires_in}."
        )
    store = engine().store
    task = load_row(task_id)
    now = store.now()
    link_id, expires_at = new_id(), now + expires_in
    token = sign_token(link_id, expires_at, TASK_LINK)
    row = HumanTaskLink(
        id=link_id,
        task_id=task.pk,
        user=user,
        token_digest=digest_token(token),
        created_at=now,
        expires_at=expires_at,
    )
    store.transact(partial(_insert, task, row, by))
    return TaskLink(id=link_id, token=token, user=user, expires_at=expires_at)


def link_url(token: str, request: HttpRequest | None = None) -> str:
    """Return the address of a link: with the host only if there is a request to take it from.

    Raises:
        ConfigurationError: The project does not mount `durable_django.api.urls`.
    """
    try:
        path = reverse(LINK_ROUTE, kwargs={"token": token})
    except NoReverseMatch:
        raise ConfigurationError(
            "Links need the REST API: add path('api/durable/', "
            "include('durable_django.api.urls')) to the project's urls."
        ) from None
    return path if request is None else request.build_absolute_uri(path)


def find_link(token: str) -> tuple[HumanTaskLink, HumanTask]:
    """Return the link of a token that could be used now, and its task; using it is for `use_link`.

    Raises:
        LinkNotFoundError: The token is forged, altered or unknown.
        LinkGoneError: It was used or revoked, has expired, its task is over, or its user may not
            complete the task any more.
        TaskClaimedError: Somebody else has the task now; they may yet release it.
    """
    link = _load(token)
    state = state_of(link, engine().store.now())
    if state != "open":
        raise LinkGoneError(link.pk, state)
    return link, _look(link)


def use_link(
    token: str, data: Mapping[str, Any], *, comment: str = "", prefix: str | None = None
) -> Task:
    """Complete the link's task as its user and use the link up, or do neither.

    Of any number of uses at once, one succeeds.

    Raises:
        LinkNotFoundError: As for `find_link`.
        LinkGoneError: As for `find_link`.
        TaskClaimedError: As for `find_link`; the link stays unused.
        FieldErrors: The data do not pass the task's form; the link stays unused.
        TaskFormError: This process cannot use the form.
        PayloadError: The answer cannot be stored.
    """
    link, task = find_link(token)
    answer = check_answer(task, data, prefix=prefix)
    said = cut(comment, MAX_COMMENT_LENGTH)
    text = encode_answer(task, answer, by=link.user, comment=said)
    done = engine().store.transact(partial(_use, link, text, said))
    if done is None:
        raise LinkGoneError(link.pk, state_of(_load(token), engine().store.now()))
    wake_for(done)
    return done


def list_links(task_id: UUID) -> QuerySet[HumanTaskLink]:
    """Return the links of a task, newest first, whatever became of them."""
    return _links().filter(task_id=task_id).order_by("-id")


def state_of(link: HumanTaskLink, now: datetime) -> str:
    """Return "open", or why the link as it was read is gone: used, revoked or expired."""
    if link.used_at is not None:
        return "used"
    if link.revoked_at is not None:
        return "revoked"
    return "expired" if link.expires_at <= now else "open"


def revoke_link(link_id: UUID, *, by: Actor = CODE, reason: str = "") -> bool:
    """Have a link never be used from now on; return whether it could have been.

    Raises:
        LinkNotFoundError: No link has this id.
    """
    link = _links().select_related("task").filter(pk=link_id).first()
    if link is None:
        raise LinkNotFoundError
    return engine().store.transact(partial(_revoke, link, by, reason))


# --- rows ---


def _load(token: str) -> HumanTaskLink:
    """Return the row of a token that is ours, with its task."""
    link_id = read_token(token, TASK_LINK)
    link = link_id and _links().select_related("task").filter(pk=link_id).first()
    if not link or not hmac.compare_digest(link.token_digest, digest_token(token)):
        raise LinkNotFoundError
    return link


def _links() -> QuerySet[HumanTaskLink]:
    return HumanTaskLink.objects.using(settings().database)


def _look(link: HumanTaskLink) -> HumanTask:
    """Return the link's task as it is now, if its user may complete it now."""
    try:
        user = find_user(link.user)
        person = person_of(user)
        task = find_visible_task(user, link.task_id, person)
        check_may_do(task, person, "complete")
    except TaskOverError:
        raise LinkGoneError(link.pk, "over") from None
    except (NoSuchUserError, TaskNotFoundError, TaskActNotAllowedError, TaskForbiddenError):
        raise LinkGoneError(link.pk, "barred") from None
    return task


def _insert(task: HumanTask, row: HumanTaskLink, by: Actor) -> None:
    if by != CODE:
        lock_execution(task.execution_id)
    check_is_active(task)
    person = check_target(task, row.user)
    if not is_for(task, person):
        raise UnfitUserError(task.pk, row.user, "it is for others")
    row.save(using=settings().database, force_insert=True)
    if by != CODE:
        _tell(row, task, EventType.TASK_LINK_MINTED, by, expires_at=row.expires_at.isoformat())


def _use(link: HumanTaskLink, text: str, comment: str) -> Task | None:
    lock_execution(link.task.execution_id)
    if not _mark(link, "used_at"):
        return None
    _look(link)
    actor = Actor(kind=ActorKind.HOOK, id=str(link.pk), name=link.user)
    try:
        return engine().store.complete_task(link.task_id, link.user, text, comment, actor)
    except TaskOverError:
        raise LinkGoneError(link.pk, "over") from None


def _revoke(link: HumanTaskLink, by: Actor, reason: str) -> bool:
    lock_execution(link.task.execution_id)
    is_first = _mark(link, "revoked_at")
    if is_first:
        _tell(link, link.task, EventType.HOOK_REVOKED, by, reason=reason)
    return is_first


def _mark(link: HumanTaskLink, column: str) -> bool:
    """Use the link up, by a look and a write in one statement: one of many has it."""
    now = engine().store.now()
    usable = _links().filter(
        pk=link.pk, used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    return usable.update(**{column: now}) == 1


def _tell(
    link: HumanTaskLink,
    task: HumanTask,
    what: EventType,
    by: Actor,
    *,
    reason: str = "",
    **more: str,
) -> None:
    event = NewEvent(
        execution_id=task.execution_id,
        type=what,
        actor=by,
        reason=cut(reason, MAX_REASON_LENGTH),
        details={"task": str(task.pk), "name": task.name, "link": str(link.pk)}
        | {"user": link.user, **more},
    )
    engine().store.add_event(event)
