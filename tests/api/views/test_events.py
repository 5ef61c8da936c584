"""Broadcasts over HTTP: to whoever waits now, as far as the user may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from durable_django.control.permissions import Permission
from durable_django.models import ExecutionEvent, WorkflowExecution
from durable_django.testing.driver import DurableDriver
from tests.api.doors import durable_settings
from tests.api.families import LISTENER, registered_families
from tests.api.stories import ApiClient, begin


@pytest.fixture(autouse=True)
def families() -> Iterator[None]:
    with registered_families():
        yield


def only_vips(user: Any, executions: Any) -> Any:
    """Be a `DURABLE["SCOPE"]` that shows those."""
    return executions.filter(correlation_id="vip")


def test_everybody_who_waits_is_told(durable: DurableDriver, alice: ApiClient):
    waiting = [begin(durable, LISTENER, key="A-1") for _ in range(3)]
    other = begin(durable, LISTENER, key="B-2")

    answer = alice.post("events/", {"name": "price-changed", "key": "A-1", "payload": {"to": 3}})
    durable.drain()

    assert answer.status_code == 202
    assert answer.json() == {"name": "price-changed", "key": "A-1", "reached": 3}
    statuses = dict(WorkflowExecution.objects.values_list("pk", "status"))
    assert {statuses[one] for one in waiting} == {"completed"}
    assert statuses[other] == "suspended"


def test_nobody_who_waits_is_no_error(alice: ApiClient):
    answer = alice.post("events/", {"name": "price-changed"})

    assert (answer.status_code, answer.json()["reached"]) == (202, 0)


def test_it_is_audited_without_its_payload(durable: DurableDriver, alice: ApiClient):
    execution_id = begin(durable, LISTENER, key="")

    body = {"name": "price-changed", "payload": {"secret": "s3cr3t"}, "reason": "the market"}
    alice.post("events/", body)

    event = ExecutionEvent.objects.get(execution_id=execution_id)
    assert (event.type, event.actor_name, event.reason) == ("signalled", "alice", "the market")
    assert event.details == {"event": "price-changed", "key": ""}


def test_who_is_out_of_scope_is_not_told(durable: DurableDriver, alice: ApiClient):
    mine, others = begin(durable, LISTENER, key=""), begin(durable, LISTENER, key="")
    WorkflowExecution.objects.filter(pk=mine).update(correlation_id="vip")

    with durable_settings(SCOPE=f"{__name__}.only_vips"):
        answer = alice.post("events/", {"name": "price-changed"})

    assert answer.json()["reached"] == 1
    assert WorkflowExecution.objects.get(pk=others).signals.count() == 0
    assert WorkflowExecution.objects.get(pk=mine).signals.count() == 1


@pytest.mark.parametrize(
    "permissions", [(Permission.VIEW,), (Permission.SIGNAL,), ()], ids=["view", "signal", "none"]
)
def test_it_needs_both_permissions(durable: DurableDriver, permissions: tuple[Permission, ...]):
    execution_id = begin(durable, LISTENER, key="")

    answer = ApiClient(*permissions).post("events/", {"name": "price-changed"})

    assert answer.status_code == 403
    assert WorkflowExecution.objects.get(pk=execution_id).signals.count() == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "a/b"}, "/name"),
        ({"name": "~event"}, "/name"),
        ({"name": "x" * 151}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "x", "key": ""}, "/key"),
        ({"name": "x", "key": " "}, "/key"),
        ({"name": "x", "key": "\t"}, "/key"),
        ({"name": "x", "to": "everybody"}, "/to"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(alice: ApiClient, body: Any, pointer: str):
    answer = alice.post("events/", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_same_request_twice_is_one_broadcast(durable: DurableDriver, alice: ApiClient):
    execution_id = begin(durable, LISTENER, key="")
    body, key = {"name": "price-changed"}, {"Idempotency-Key": "once-1"}

    first, second = (alice.post("events/", body, **key) for _ in range(2))

    assert first.json() == second.json()
    assert WorkflowExecution.objects.get(pk=execution_id).signals.count() == 1
