"""Users and clients for tests of the API, and a workflow that waits to be told something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission as DjangoPermission
from django.contrib.auth.models import User
from django.test import Client, override_settings

from durable_django import runtime
from durable_django.control.permissions import Permission
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import WorkflowFunction, workflow
from durable_django.models import WorkflowExecution

V1 = "/api/durable/v1"


def make_user(*permissions: Permission, name: str = "") -> User:
    """Return a new active user with these permissions and no others."""
    user = User.objects.create_user(name or f"user-{User.objects.count()}")
    codenames = [str(permission) for permission in permissions]
    # django-q2 has schedules of its own, with permissions of the same names.
    ours = DjangoPermission.objects.filter(content_type__app_label="durable_django")
    user.user_permissions.set(ours.filter(codename__in=codenames))
    assert user.user_permissions.count() == len(codenames)
    return user


def client_of(*permissions: Permission, user: User | None = None) -> Client:
    """Return a client that is logged in as a user with these permissions."""
    client = Client(raise_request_exception=True)
    client.force_login(user or make_user(*permissions))
    return client


@contextmanager
def durable_settings(**keys: Any) -> Iterator[None]:
    """Change DURABLE, and leave the engine of the test in place, which else would be disposed."""
    engine = runtime.use_engine(None)
    try:
        with override_settings(DURABLE=keys):
            runtime.use_engine(engine)
            try:
                yield
            finally:
                runtime.use_engine(None)
    finally:
        runtime.use_engine(engine)


@contextmanager
def waiting_workflow(name: str) -> Iterator[WorkflowFunction[Any, Any]]:
    """Register a workflow that waits for `approved` and returns its payload."""

    @workflow(name=name)
    def waiting(ctx: Any) -> Any:
        return ctx.wait_signal("approved")

    try:
        yield waiting
    finally:
        default_registry.forget(name)


def see_nothing(user: Any, executions: Any) -> Any:
    """Be a `DURABLE["SCOPE"]` in which nobody sees anything."""
    return executions.none()


def path_of(execution_id: UUID, *parts: str) -> str:
    """Return a path below an execution's."""
    return "/".join([V1, "executions", str(execution_id), *parts, ""])


def row(execution_id: UUID) -> WorkflowExecution:
    """Return an execution's row as it is now."""
    return WorkflowExecution.objects.get(pk=execution_id)
