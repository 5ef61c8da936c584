"""Write what was done in the admin into the admin's own log, in one transaction with the act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db import router, transaction
from django.db.models import Model

from durable_django.conf import settings


@contextmanager
def audited() -> Iterator[None]:
    """Commit the act and its log entry together, or neither.

    Where the admin's log is in another database, its commit comes first: a crash between the two
    leaves an entry for an act that did not happen, never an act without its entry.
    """
    aliases = dict.fromkeys((settings().database, router.db_for_write(LogEntry)))
    with ExitStack() as stack:
        for alias in aliases:
            stack.enter_context(transaction.atomic(using=alias))
        yield


def log_change(user: Any, row: Model, done: str, reason: str = "") -> None:
    """Note what the user did to the row, and why."""
    _log(user, row, CHANGE, done, reason)


def log_addition(user: Any, row: Model, done: str, reason: str = "") -> None:
    """Note that the user made the row, how and why."""
    _log(user, row, ADDITION, done, reason)


def log_deletion(user: Any, row: Model, done: str, reason: str = "") -> None:
    """Note that the user deleted the row, and why; before it is deleted."""
    _log(user, row, DELETION, done, reason)


def _log(user: Any, row: Model, flag: int, done: str, reason: str) -> None:
    message = f"{done} Reason: {reason}" if reason else done
    LogEntry.objects.log_actions(user.pk, [row], flag, message, single_object=True)
