"""Workflows that the tests of the API start, and clients that are logged in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.test import Client

from durable_django.control.permissions import Permission
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from durable_django.testing.factories import make_new_execution
from tests.api.doors import V1, client_of, make_user

ALL = tuple(Permission)
ORDER, WAIT, NAP, FAIL, HIDDEN = "api.order", "api.wait", "api.nap", "api.fail", "api.hidden"


class CardDeclinedError(Exception):
    """A business error."""


def decline() -> None:
    raise CardDeclinedError("card declined, token=hunter2")


@contextmanager
def registered_stories() -> Iterator[None]:
    """Register the workflows, and forget them at the end."""

    @workflow(name=ORDER, expose=True, tags=["shop"])
    def order(
        ctx: Any, order_id: int, due: date | None = None, price: Decimal = Decimal(1)
    ) -> dict[str, Any]:
        """Reserve, and say what was ordered.

        Second paragraph.
        """
        ctx.step("reserve", lambda: {"reserved": order_id, "password": "hunter2"})
        return {"order_id": order_id, "due": due, "price": price}

    @workflow(name=WAIT, expose=True)
    def wait(ctx: Any) -> Any:
        ctx.step("prepare", lambda: "ready")
        return ctx.wait_signal("approved")

    @workflow(name=NAP, expose=True)
    def nap(ctx: Any) -> str:
        ctx.sleep("rest", timedelta(days=3))
        return "rested"

    @workflow(name=FAIL, expose=True)
    def fail(ctx: Any) -> None:
        ctx.step("charge", decline)

    @workflow(name=HIDDEN)
    def hidden(ctx: Any, count: int = 1) -> int:
        return count

    try:
        yield
    finally:
        for name in (ORDER, WAIT, NAP, FAIL, HIDDEN):
            default_registry.forget(name)


class ApiClient:
    """Speaks JSON with our API as one user."""

    def __init__(self, *permissions: Permission, name: str = "") -> None:
        self.user = make_user(*permissions, name=name)
        self.client: Client = client_of(user=self.user)

    def get(self, path: str, **headers: str) -> Any:
        """GET a path below v1, or a whole link."""
        return self.client.get(_whole(path), headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST a JSON body."""
        text = body if isinstance(body, (str, bytes)) else json.dumps(body or {})
        return self.client.post(_whole(path), text, "application/json", headers=headers)


def _whole(path: str) -> str:
    return path if path.startswith(("http", "/api")) else f"{V1}/{path}"


def begin(durable: DurableDriver, workflow: str, **given: Any) -> UUID:
    """Start a workflow, past the API, and advance it as far as it goes."""
    handle = engine().start_by_name(workflow, given)
    durable.drain()
    return handle.id


def insert(count: int = 1, **fields: Any) -> list[str]:
    """Insert executions that nobody advances; return their ids, oldest first."""
    rows = engine().store.insert_executions([make_new_execution(**fields) for _ in range(count)])
    return [str(execution.id) for execution, _ in rows]


def ids(answer: Any) -> list[str]:
    """Return the ids in a page."""
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["results"]]
