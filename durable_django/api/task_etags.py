"""Versions of a human task in HTTP: `ETag`, `If-None-Match` for polling, `If-Match` for acting.

The tag is made of what the user is told, so it holds as long as that does; but for what a form
begins with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from durable_django.api.http.problems import PRECONDITION_FAILED, ProblemError
from durable_django.api.task_representing import represent_task
from durable_django.conf import settings
from durable_django.control.human_tasks.visibility import find_visible_task
from durable_django.control.locking import lock_execution

_LENGTH = 32


def tag_of_task(told: Mapping[str, Any]) -> str:
    """Return the strong entity tag, with its quotes, of a task as `represent_task` tells it."""
    facts = {name: value for name, value in told.items() if name not in ("links", "form")}
    # Not where it is told: one may look here and act there. Nor with what a form begins, which may
    # be another at every look, such as the time.
    form = [field | {"initial": None} for field in told["form"] or ()]
    text = json.dumps([facts, sorted(told["links"]), form], cls=JSONEncoder, sort_keys=True)
    return f'"{sha256(text.encode()).hexdigest()[:_LENGTH]}"'


@contextmanager
def unless_task_changed(request: Request, task_id: UUID) -> Iterator[None]:
    """Let the block act on the version that `If-Match` names, and on no other.

    With the header, the block is one transaction, which holds the execution's row.

    Raises:
        ProblemError: It has changed since.
        TaskNotFoundError: The user may not see it.
    """
    header = request.headers.get("If-Match")
    if header is None:
        yield
        return
    # Before the lock: whose task it is not does not wait for its worker, nor the worker for them.
    execution_id = find_visible_task(request.user, task_id).execution_id
    with transaction.atomic(using=settings().database):
        lock_execution(execution_id)
        tags = parse_etags(header)
        told = represent_task(request, find_visible_task(request.user, task_id))
        if tags != ["*"] and tag_of_task(told) not in tags:
            raise ProblemError(
                PRECONDITION_FAILED,
                _("The task is no longer at the version that If-Match names."),
            )
        yield
