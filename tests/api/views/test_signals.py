from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings

from durable_django.api.views.signals import MAX_PENDING
from durable_django.engine.start_request import StartOptions
from durable_django.models import ExecutionEvent, WorkflowExecution, WorkflowSignal
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import ORDER, WAIT, ApiClient


@pytest.fixture
def waiting(durable: DurableDriver) -> UUID:
    handle = engine().start_by_name(WAIT, {}, options=StartOptions(key="order-1"))
    durable.drain()
    return handle.id


def keyed(**changes: Any) -> dict[str, Any]:
    return {"workflow": WAIT, "key": "order-1", "name": "approved", "payload": 7} | changes


def test_a_signal_wakes_what_waits_for_it(durable: DurableDriver, alice: ApiClient, waiting: UUID):
    answer = alice.post(
        f"executions/{waiting}/signals/", {"name": "approved", "payload": {"by": "bob"}}
    )
    durable.drain()

    assert answer.status_code == 202
    assert (answer.json()["name"], answer.json()["position"]) == ("approved", 1)
    assert answer.json()["execution_id"] == str(waiting)
    assert alice.get(f"executions/{waiting}/result/").json()["result"] == {"by": "bob"}


def test_a_signal_is_audited_without_its_payload(alice: ApiClient, waiting: UUID):
    alice.post(f"executions/{waiting}/signals/", {"name": "approved", "payload": "hush"})

    event = ExecutionEvent.objects.get()
    assert (event.type, event.actor_name) == ("signalled", "alice")
    assert "hush" not in str(event.details)


def test_a_known_dedupe_key_changes_nothing(alice: ApiClient, waiting: UUID):
    body = {"name": "approved", "payload": 1, "dedupe_key": "d-1"}

    first = alice.post(f"executions/{waiting}/signals/", body)
    second = alice.post(f"executions/{waiting}/signals/", body | {"payload": 2})

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    assert WorkflowSignal.objects.get().payload == "1"


def test_a_signal_finds_its_execution_by_workflow_and_key(
    durable: DurableDriver, alice: ApiClient, waiting: UUID
):
    answer = alice.post("signals/", keyed())
    durable.drain()

    assert answer.status_code == 202
    assert answer.json()["execution_id"] == str(waiting)
    assert alice.get(f"executions/{waiting}/result/").json()["result"] == 7


def test_the_key_is_that_of_the_execution_that_took_it_over(
    durable: DurableDriver, alice: ApiClient, waiting: UUID
):
    latest = StartOptions(key="order-1", on_conflict="replace")
    handle = engine().start_by_name(WAIT, {}, options=latest)
    durable.drain()

    answer = alice.post("signals/", keyed())

    assert answer.json()["execution_id"] == str(handle.id)


@pytest.mark.parametrize("changes", [{"key": "order-2"}, {"workflow": ORDER}, {"workflow": "no"}])
def test_no_execution_with_that_key_is_not_found(
    alice: ApiClient, waiting: UUID, changes: dict[str, Any]
):
    answer = alice.post("signals/", keyed(**changes))

    assert (answer.status_code, answer.json()["code"]) == (404, "execution-not-found")


def test_somebody_elses_execution_is_not_found_by_its_key(alice: ApiClient, waiting: UUID):
    with override_settings(DURABLE={"SCOPE": "tests.api.doors.see_nothing"}):
        answer = alice.post("signals/", keyed())

    assert (answer.status_code, answer.json()["code"]) == (404, "execution-not-found")
    assert not WorkflowSignal.objects.exists()


def test_what_has_ended_takes_no_signal(durable: DurableDriver, alice: ApiClient):
    handle = engine().start_by_name(ORDER, {"order_id": 1})
    durable.drain()

    answer = alice.post(f"executions/{handle.id}/signals/", {"name": "approved"})

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid-state")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "a/b"}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "n" * 201}, "/name"),
        ({"name": 1}, "/name"),
        ({"name": "approved", "dedupe_key": ""}, "/dedupe_key"),
        ({"name": "approved", "dedupe_key": "a\u2028b"}, "/dedupe_key"),
        ({"name": "approved", "position": 1}, "/position"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(
    alice: ApiClient, waiting: UUID, body: Any, pointer: str
):
    answer = alice.post(f"executions/{waiting}/signals/", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not WorkflowSignal.objects.exists()


def test_a_flood_is_refused(alice: ApiClient, waiting: UUID):
    now = engine().store.now()
    WorkflowSignal.objects.bulk_create(
        WorkflowSignal(execution_id=waiting, name="n", payload="1", position=number, created_at=now)
        for number in range(1, MAX_PENDING + 1)
    )
    WorkflowExecution.objects.update(signal_count=MAX_PENDING)

    answer = alice.post(f"executions/{waiting}/signals/", {"name": "approved"})

    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-signals")
    assert WorkflowSignal.objects.count() == MAX_PENDING


def test_signals_that_were_taken_do_not_count(alice: ApiClient, waiting: UUID):
    WorkflowExecution.objects.update(signal_count=MAX_PENDING)

    answer = alice.post(f"executions/{waiting}/signals/", {"name": "approved"})

    assert answer.status_code == 202
