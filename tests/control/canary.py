"""A secret planted wherever an execution holds data, to be found nowhere that anybody looks.

from tests.control.canary import assert_absent, planted  # noqa: F401 -- a fixture

def test_page_hides_secrets(client, planted):
    for execution_id in planted:
        assert_absent(client.get(page_of(execution_id)).content)
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

import pytest

from durable_django import RetryPolicy, Terminal, client
from durable_django.engine.registry import default_registry
from durable_django.engine.start_request import StartOptions
from durable_django.engine.workflow_function import workflow
from durable_django.testing.driver import DurableDriver

CANARY = "SECRET-CANARY-7f3a"
COMPLETED, FAILED, RETRYING = "canary.completed", "canary.failed", "canary.retrying"
FAMILY, CHILD = "canary.family", "canary.child"
CARD_NUMBER = "4242 4242 4242 4242"


@dataclass(frozen=True)
class Credentials:
    """As workflow code writes them: the codec stores it by its class."""

    user: str
    password: str


def fetch(order_id: int, api_key: str) -> dict[str, object]:
    return {"accessToken": api_key, "order_id": order_id, "expires_in": 60}


def connect() -> None:
    raise Terminal(
        f"401 for https://ann:{CANARY}@bank.example/pay?token={CANARY} (Authorization: Bearer "
        f'{CANARY}, body {{"apiKey": "{CANARY}", "card": {{"number": "{CARD_NUMBER}"}}}})'
    )


def fall_over() -> None:
    raise ConnectionError(f"postgres://ann:{CANARY}@db/shop is down, password={CANARY!r}")


def load(number: int) -> dict[str, object]:
    if number == 2:
        connect()
    return {"row": number, "apiKey": CANARY}


@contextmanager
def canary_workflows() -> Iterator[None]:
    """Register the workflows that plant it, for the time of the block."""

    @workflow(name=COMPLETED)
    def completed(ctx, order_id, api_key, options, **more):
        ctx.progress(1, 2, f"token={CANARY}")
        ctx.step("fetch", fetch, order_id, api_key)
        ctx.step("log_in", lambda: Credentials("ann", CANARY))
        answer = ctx.wait_signal("approved")
        return {"order_id": order_id, "answer": answer, "note": f"password={CANARY}"}

    @workflow(name=FAILED)
    def failed(ctx, password):
        ctx.step("connect", connect)

    @workflow(name=RETRYING)
    def retrying(ctx, password):
        ctx.step("fall_over", fall_over, retry=RetryPolicy.fixed(3, timedelta(hours=1)))

    @workflow(name=CHILD)
    def child(ctx, number, password=CANARY):
        if number == 2:
            connect()
        ctx.wait_signal("go")
        return {"password": password}

    @workflow(name=FAMILY)
    def family(ctx, password):
        ctx.map("load", load, [1, 2, 3], tolerate=1)
        ctx.wait_event("login", "ann")
        with ctx.parallel("both") as p:
            p.step("fetch", fetch, 991, password)
            p.step("again", lambda: Credentials("ann", password))
        ctx.start_child("beside", child, 1, kwargs={"password": password})
        ctx.map("each", child, [1, 2, 3], tolerate=1)

    try:
        yield
    finally:
        for name in (COMPLETED, FAILED, RETRYING, FAMILY, CHILD):
            default_registry.forget(name)


def plant(durable: DurableDriver) -> dict[str, UUID]:
    """Start and advance an execution of each; return their ids by workflow.

    Planted are: input (also nested, and a dataclass), progress, step results, signal payload,
    result, errors of attempts and of executions; and the same in branches, items, children and
    a broadcast. Needs `canary_workflows()`.
    """
    completed = client.start(
        COMPLETED,
        {
            "order_id": 991,
            "api_key": CANARY,
            "options": {"card": {"number": CARD_NUMBER, "cvv": CANARY}, "list": [{"pwd": CANARY}]},
            "login": Credentials("ann", CANARY),
        },
        options=StartOptions(key="canary"),
    )
    names = (FAILED, RETRYING, FAMILY)
    others = {name: client.start(name, {"password": CANARY}).id for name in names}
    durable.drain()
    client.broadcast("login", {"credentials": [CANARY]}, key="ann")
    client.signal(completed.id, "approved", {"by": "ann", "credentials": [CANARY]})
    durable.drain()
    children = client.list_children(others[FAMILY])
    failed = next(one.id for one in children if one.status == "failed")
    return {COMPLETED: completed.id, **others, CHILD: failed}


@pytest.fixture
def planted(durable: DurableDriver) -> Iterator[list[UUID]]:
    """The ids of executions that hold the secret: completed, failed, retrying, and a family."""
    with canary_workflows():
        yield list(plant(durable).values())


def assert_absent(response: str | bytes) -> None:
    """Fail if the secret, or the card's number, is in what somebody gets to see."""
    text = response.decode("utf-8") if isinstance(response, bytes) else response
    forms = {CANARY, CARD_NUMBER, CARD_NUMBER.replace(" ", ""), quote(CARD_NUMBER)}
    # Base64 shifts with what is before it: without what depends on that, at all three places.
    forms |= {base64.b64encode(b"x" * shift + CANARY.encode()).decode()[4:-4] for shift in range(3)}
    for form in sorted(forms):
        at = text.find(form)
        assert at < 0, f"The secret is shown: …{text[max(0, at - 100) : at + 40]!r}…"
