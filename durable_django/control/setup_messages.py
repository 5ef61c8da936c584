"""What Django's system checks say of this app's settings and workflows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage
from django.core.signals import setting_changed

from durable_django.domain.definition import WorkflowDefinition
from durable_django.engine.registry import default_registry

_TAG = "durable_django"
#: A trap in the body of a workflow.
BODY_LINT = "durable_django.W022"


def list_messages(databases: Sequence[str] = ()) -> list[CheckMessage]:
    """Return the warnings and errors that are not silenced, with what these databases say."""
    return [
        message
        for message in checks.run_checks(tags=[_TAG], databases=databases)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]


def list_setup_messages() -> Sequence[CheckMessage]:
    """Return the messages that need no database; made once, because they read source files."""
    return _list_once(tuple(default_registry.list_definitions()))


@lru_cache(maxsize=1)
def _list_once(definitions: tuple[WorkflowDefinition, ...]) -> tuple[CheckMessage, ...]:  # noqa: ARG001 -- the cache's key
    return tuple(list_messages())


def _forget(**_: Any) -> None:
    _list_once.cache_clear()


setting_changed.connect(_forget, dispatch_uid="durable_django.control.setup_messages")
