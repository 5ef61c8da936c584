from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from durable_django.control.permissions import Permission
from durable_django.engine.start_request import StartOptions
from durable_django.models import ExecutionEvent, WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import FAIL, HIDDEN, ORDER, WAIT, ApiClient

KEYED = {"workflow": WAIT, "key": "order-1"}


def only() -> WorkflowExecution:
    return WorkflowExecution.objects.get()


def test_a_start_makes_an_execution_and_says_where_it_is(durable: DurableDriver, alice: ApiClient):
    answer = alice.post("executions/", {"workflow": ORDER, "input": {"order_id": 991}})

    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == body["links"]["self"]
    assert answer.headers["ETag"]
    assert (body["status"], body["workflow"], body["version"]) == ("pending", ORDER, 1)
    assert alice.get(answer.headers["Location"]).json()["id"] == body["id"]


def test_a_start_is_audited(durable: DurableDriver, alice: ApiClient):
    alice.post("executions/", {"workflow": WAIT})

    event = ExecutionEvent.objects.get()
    assert (event.type, event.actor_kind, event.actor_name) == ("started", "user", "alice")
    assert event.actor_id == str(alice.user.pk)


def test_every_option_is_taken(durable: DurableDriver, alice: ApiClient):
    answer = alice.post(
        "executions/",
        {
            "workflow": WAIT,
            "version": 1,
            "input": {},
            "key": "order-991",
            "queue": "slow",
            "priority": 7,
            "tags": ["eu", "vip"],
            "subject": "shop.order:991",
            "correlation_id": "c-1",
            "start_at": "2031-01-01T01:00:00+01:00",
            "ttl_seconds": 60,
        },
    )

    row = only()
    assert answer.status_code == 201
    assert (row.key, row.queue, row.priority) == ("order-991", "slow", 7)
    assert (row.tags, row.subject) == (["eu", "vip"], "shop.order:991")
    assert row.correlation_id == "c-1"
    assert row.wake_at == datetime(2031, 1, 1, tzinfo=UTC)
    assert row.expires_at == datetime(2031, 1, 1, 0, 1, tzinfo=UTC)
    assert answer.json()["wake_at"] == "2031-01-01T00:00:00Z"


def test_a_delay_counts_from_now(durable: DurableDriver, alice: ApiClient):
    alice.post("executions/", {"workflow": WAIT, "delay_seconds": 90})

    wait = only().wake_at - only().created_at  # type: ignore[operator]
    assert wait.total_seconds() == 90


def test_the_input_becomes_what_the_signature_asks_for(durable: DurableDriver, alice: ApiClient):
    given = {"order_id": 1, "due": "2026-01-31", "price": "9.90"}
    started = alice.post("executions/", {"workflow": ORDER, "input": given}).json()
    durable.drain()

    result = alice.get(f"executions/{started['id']}/result/").json()["result"]
    assert result == {"order_id": 1, "due": "2026-01-31", "price": "9.90"}


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({}, 400, "invalid-input", "/workflow"),
        ({"workflow": 7}, 400, "invalid-input", "/workflow"),
        ({"workflow": "/etc"}, 400, "invalid-input", "/workflow"),
        ({"workflow": ORDER, "input": {}}, 400, "invalid-input", "/input/order_id"),
        ({"workflow": ORDER, "input": {"order_id": "x"}}, 400, "invalid-input", "/input/order_id"),
        ({"workflow": WAIT, "input": {"a": 1}}, 400, "invalid-input", "/input/a"),
        ({"workflow": WAIT, "input": []}, 400, "invalid-input", "/input"),
        ({"workflow": WAIT, "input": None}, 400, "invalid-input", "/input"),
        ({"workflow": WAIT, "version": "1"}, 400, "invalid-input", "/version"),
        ({"workflow": WAIT, "version": 0}, 400, "invalid-input", "/version"),
        ({"workflow": WAIT, "version": True}, 400, "invalid-input", "/version"),
        ({"workflow": WAIT, "key": ""}, 400, "invalid-input", "/key"),
        ({"workflow": WAIT, "key": " a"}, 400, "invalid-input", "/key"),
        ({"workflow": WAIT, "key": "k" * 256}, 400, "invalid-input", "/key"),
        ({"workflow": WAIT, "key": 1}, 400, "invalid-input", "/key"),
        ({"workflow": WAIT, "tags": ["a", "\n"]}, 400, "invalid-input", "/tags/1"),
        ({"workflow": WAIT, "tags": ["a"] * 51}, 400, "invalid-input", "/tags"),
        ({"workflow": WAIT, "tags": "a"}, 400, "invalid-input", "/tags"),
        ({"workflow": WAIT, "priority": 1001}, 400, "invalid-input", "/priority"),
        ({"workflow": WAIT, "priority": 10**400}, 400, "invalid-input", "/priority"),
        ({"workflow": WAIT, "priority": 1.5}, 400, "invalid-input", "/priority"),
        (
            {"workflow": WAIT, "on_conflict": "terminate_existing"},
            400,
            "invalid-input",
            "/on_conflict",
        ),
        ({"workflow": WAIT, "delay_seconds": -1}, 400, "invalid-input", "/delay_seconds"),
        ({"workflow": WAIT, "delay_seconds": 1e300}, 400, "invalid-input", "/delay_seconds"),
        ({"workflow": WAIT, "delay_seconds": "1"}, 400, "invalid-input", "/delay_seconds"),
        ({"workflow": WAIT, "ttl_seconds": 0}, 400, "invalid-input", "/ttl_seconds"),
        ({"workflow": WAIT, "start_at": "soon"}, 400, "invalid-input", "/start_at"),
        ({"workflow": WAIT, "start_at": "2031-01-01T00:00:00"}, 400, "invalid-input", "/start_at"),
        (
            {"workflow": WAIT, "start_at": "9999-12-31T23:59:59-14:00"},
            400,
            "invalid-input",
            "/start_at",
        ),
        (
            {"workflow": WAIT, "start_at": "0001-01-01T00:00:00+14:00"},
            400,
            "invalid-input",
            "/start_at",
        ),
        (
            {"workflow": WAIT, "start_at": "2031-01-01T00:00:00Z", "delay_seconds": 1},
            400,
            "invalid-input",
            "/delay_seconds",
        ),
        ({"workflow": HIDDEN}, 403, "not-exposed", None),
        ({"workflow": "no.such"}, 404, "unknown-workflow", None),
        ({"workflow": WAIT, "version": 9}, 404, "unknown-workflow", None),
    ],
)
def test_what_cannot_be_started_is_refused_and_nothing_is_written(
    durable: DurableDriver, alice: ApiClient, body: Any, status: int, code: str, pointer: str | None
):
    answer = alice.post("executions/", json.dumps(body))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]]
    assert not WorkflowExecution.objects.exists()


@pytest.mark.parametrize(
    "extra",
    [
        {"status": "completed"},
        {"id": "00000000-0000-7000-8000-000000000000"},
        {"fence": 5},
        {"lease_owner": "me"},
        {"output": 1},
        {"created_at": "2026-01-01T00:00:00Z"},
        {"workflow_version": 1},
        {"guarantee": "foreground"},
        {"epoch": 1},
        {"forked_from": None},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_nothing_but_what_is_offered_can_be_set(
    durable: DurableDriver, alice: ApiClient, extra: dict[str, Any]
):
    answer = alice.post("executions/", {"workflow": WAIT} | extra)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{next(iter(extra))}"]
    assert not WorkflowExecution.objects.exists()


def test_an_unknown_workflow_does_not_name_those_that_are_known(
    durable: DurableDriver, alice: ApiClient
):
    answer = alice.post("executions/", {"workflow": "no.such"})

    assert HIDDEN not in answer.content.decode()


def test_a_workflow_that_runs_in_the_foreground_is_left_to_workers(
    durable: DurableDriver, alice: ApiClient
):
    alice.post("executions/", {"workflow": FAIL})

    assert only().guarantee == "background"


class TestKeys:
    def test_a_key_that_is_taken_is_refused_and_names_its_execution(
        self, durable: DurableDriver, alice: ApiClient
    ):
        first = alice.post("executions/", KEYED).json()

        answer = alice.post("executions/", KEYED)

        assert answer.status_code == 409
        assert answer.json()["code"] == "key-conflict"
        assert answer.json()["execution_id"] == first["id"]
        assert answer.json()["execution"] == first["links"]["self"]

    def test_the_execution_of_the_key_is_used_if_that_is_asked_for(
        self, durable: DurableDriver, alice: ApiClient
    ):
        first = alice.post("executions/", KEYED).json()

        answer = alice.post("executions/", KEYED | {"on_conflict": "use_existing"})

        assert answer.status_code == 200
        assert answer.json()["id"] == first["id"]
        assert answer.headers["Location"] == first["links"]["self"]
        assert ExecutionEvent.objects.count() == 1

    def test_it_is_not_used_for_another_input(self, durable: DurableDriver, alice: ApiClient):
        body = {"workflow": ORDER, "key": "k", "on_conflict": "use_existing"}
        first = alice.post("executions/", body | {"input": {"order_id": 1}}).json()

        answer = alice.post("executions/", body | {"input": {"order_id": 2}})

        assert answer.status_code == 409
        assert answer.json()["execution_id"] == first["id"]

    @pytest.mark.parametrize("on_conflict", ["reject", "use_existing"])
    def test_somebody_elses_execution_is_not_named(
        self, durable: DurableDriver, alice: ApiClient, on_conflict: str
    ):
        engine().start_by_name(WAIT, {}, options=StartOptions(key="order-1"))

        with override_settings(DURABLE={"SCOPE": "tests.api.doors.see_nothing"}):
            answer = alice.post("executions/", KEYED | {"on_conflict": on_conflict})

        assert answer.status_code == 409
        assert "execution_id" not in answer.json()
        assert "execution" not in answer.json()

    def test_who_may_start_and_not_view_is_not_told_either(
        self, durable: DurableDriver, alice: ApiClient
    ):
        alice.post("executions/", KEYED)
        starter = ApiClient(Permission.START, name="starter")

        answer = starter.post("executions/", KEYED | {"on_conflict": "use_existing"})

        assert answer.status_code == 409
        assert "execution_id" not in answer.json()


class TestTakingAKeyOver:
    REPLACE, QUEUE = KEYED | {"on_conflict": "replace"}, KEYED | {"on_conflict": "queue"}

    def test_a_replaced_execution_is_cancelled_and_the_key_is_the_new_ones(
        self, durable: DurableDriver, alice: ApiClient
    ):
        first = alice.post("executions/", KEYED).json()

        answer = alice.post("executions/", self.REPLACE)
        durable.drain()

        assert answer.status_code == 201
        assert answer.json()["id"] != first["id"]
        assert alice.get(f"executions/{first['id']}/").json()["status"] == "cancelled"
        assert str(WorkflowExecution.objects.get(holds_key=True).pk) == answer.json()["id"]

    def test_a_queued_start_begins_when_the_earlier_one_has_ended(
        self, durable: DurableDriver, alice: ApiClient
    ):
        first = alice.post("executions/", KEYED).json()
        durable.drain()

        second = alice.post("executions/", self.QUEUE)
        durable.drain()
        held = alice.get(f"executions/{second.json()['id']}/").json()["status"]
        alice.post(f"executions/{first['id']}/signals/", {"name": "approved"})
        durable.drain()

        assert second.status_code == 201
        assert held == "pending"
        assert alice.get(f"executions/{second.json()['id']}/").json()["status"] == "suspended"

    @pytest.mark.parametrize("on_conflict", ["replace", "queue"])
    def test_a_key_that_is_free_is_just_taken(
        self, durable: DurableDriver, alice: ApiClient, on_conflict: str
    ):
        answer = alice.post("executions/", KEYED | {"on_conflict": on_conflict})
        durable.drain()

        assert answer.status_code == 201
        assert only().status == "suspended"

    @pytest.mark.parametrize("on_conflict", ["replace", "queue"])
    def test_a_key_is_needed(self, durable: DurableDriver, alice: ApiClient, on_conflict: str):
        answer = alice.post("executions/", {"workflow": WAIT, "on_conflict": on_conflict})

        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/on_conflict"]
        assert not WorkflowExecution.objects.exists()

    def test_who_may_not_cancel_replaces_nothing(self, durable: DurableDriver, alice: ApiClient):
        first = alice.post("executions/", KEYED).json()
        starter = ApiClient(Permission.START, Permission.VIEW, name="starter")

        answer = starter.post("executions/", self.REPLACE)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert str(only().pk) == first["id"]
        assert only().cancel_requested_at is None

    def test_who_may_not_cancel_may_queue(self, durable: DurableDriver, alice: ApiClient):
        alice.post("executions/", KEYED)
        starter = ApiClient(Permission.START, Permission.VIEW, name="starter")

        assert starter.post("executions/", self.QUEUE).status_code == 201

    @pytest.mark.parametrize("on_conflict", ["replace", "queue"])
    def test_what_one_may_not_see_keeps_its_key_and_is_not_named(
        self, durable: DurableDriver, alice: ApiClient, on_conflict: str
    ):
        engine().start_by_name(WAIT, {}, options=StartOptions(key="order-1", subject="theirs"))
        body = KEYED | {"on_conflict": on_conflict, "subject": "own"}

        with override_settings(DURABLE={"SCOPE": f"{__name__}.see_own"}):
            answer = alice.post("executions/", body)

        assert (answer.status_code, answer.json()["code"]) == (409, "key-conflict")
        assert "execution_id" not in answer.json()
        assert only().holds_key
        assert only().cancel_requested_at is None


class TestScope:
    OWN, THEIRS = {"subject": "own"}, {"subject": "theirs"}

    @pytest.mark.parametrize("about", [THEIRS, {}], ids=["theirs", "nobodys"])
    @pytest.mark.parametrize("key", [None, "k-1"])
    def test_nothing_is_started_in_somebody_elses_scope(
        self, durable: DurableDriver, alice: ApiClient, about: dict[str, str], key: str | None
    ):
        headers = {} if key is None else {"Idempotency-Key": key}

        with override_settings(DURABLE={"SCOPE": f"{__name__}.see_own"}):
            answer = alice.post("executions/", {"workflow": WAIT, **about}, **headers)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert not WorkflowExecution.objects.exists()
        assert not ExecutionEvent.objects.exists()

    def test_ones_own_is_started(self, durable: DurableDriver, alice: ApiClient):
        with override_settings(DURABLE={"SCOPE": f"{__name__}.see_own"}):
            answer = alice.post("executions/", {"workflow": WAIT, **self.OWN})

        assert answer.status_code == 201


def see_own(user: Any, executions: Any) -> Any:
    return executions.filter(subject="own")
