"""Human tasks for people: the inbox, the forms, and the acts of a user, for every door alike.

From Python:

    from durable_django.control import human_tasks

    human_tasks.claim(task_id, user=request.user)
    human_tasks.complete(task_id, {"approved": True}, user=request.user, comment="as agreed")
    link = human_tasks.mint_link(task_id, "alice", expires_in=timedelta(days=3))
    send_mail("alice@example.com", "https://shop.example" + human_tasks.link_url(link.token))

Each act checks scope, permission, candidates and four eyes, and writes who acted in the audit.
"""

from __future__ import annotations

from durable_django.control.human_tasks.acting import (
    cancel,
    claim,
    complete,
    delegate,
    reassign,
    release,
)
from durable_django.control.human_tasks.errors import (
    FourEyesError,
    LinkGoneError,
    LinkNotFoundError,
    NoSuchUserError,
    NotAssigneeError,
    NotCandidateError,
    TaskActNotAllowedError,
    TaskFormError,
    UnfitUserError,
)
from durable_django.control.human_tasks.forms import build_form
from durable_django.control.human_tasks.inbox import Inbox, Tab, TaskFilter
from durable_django.control.human_tasks.links import link_url, mint_link, revoke_link, use_link

__all__ = [
    "FourEyesError",
    "Inbox",
    "LinkGoneError",
    "LinkNotFoundError",
    "NoSuchUserError",
    "NotAssigneeError",
    "NotCandidateError",
    "Tab",
    "TaskActNotAllowedError",
    "TaskFilter",
    "TaskFormError",
    "UnfitUserError",
    "build_form",
    "cancel",
    "claim",
    "complete",
    "delegate",
    "link_url",
    "mint_link",
    "reassign",
    "release",
    "revoke_link",
    "use_link",
]
