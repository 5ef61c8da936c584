from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings

from durable_django.api.http.idempotency import HEADER
from durable_django.models import ExecutionEvent, IdempotencyRecord, WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import ALL, FAIL, ORDER, WAIT, ApiClient
from tests.stores.orm.threads import at_once

BODY = {"workflow": WAIT}


def send(client: ApiClient, key: str = "k-1", body: Any = None, path: str = "executions/") -> Any:
    return client.post(path, BODY if body is None else body, **{HEADER: key})


def test_a_request_that_is_sent_again_gets_its_first_answer(alice: ApiClient):
    first = send(alice)
    second = send(alice)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert WorkflowExecution.objects.count() == 1
    assert ExecutionEvent.objects.count() == 1


def test_an_act_is_done_once(durable: DurableDriver, alice: ApiClient):
    handle = engine().start_by_name(FAIL, {})
    durable.drain()

    first = send(alice, path=f"executions/{handle.id}/retry/", body={})
    second = send(alice, path=f"executions/{handle.id}/retry/", body={})

    assert (first.status_code, second.status_code) == (202, 202)
    assert WorkflowExecution.objects.get().epoch == 1


def test_another_body_under_the_key_is_refused(alice: ApiClient):
    send(alice)

    answer = send(alice, body={"workflow": ORDER, "input": {"order_id": 1}})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
    assert WorkflowExecution.objects.count() == 1


def test_the_same_body_written_otherwise_is_the_same(alice: ApiClient):
    send(alice, body='{"workflow": "api.wait", "priority": 1}')

    answer = send(alice, body='{ "priority":1,"workflow":"api.wait"}')

    assert answer.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("other", ["user", "key", "path"])
def test_a_key_is_known_for_one_user_and_path_only(
    durable: DurableDriver, alice: ApiClient, other: str
):
    started = send(alice).json()
    client = ApiClient(*ALL, name="bob") if other == "user" else alice
    path = f"executions/{started['id']}/pause/" if other == "path" else "executions/"

    answer = send(
        client,
        key="k-2" if other == "key" else "k-1",
        path=path,
        body={} if other == "path" else BODY,
    )

    assert answer.status_code in (201, 202)
    assert "Idempotent-Replayed" not in answer.headers


class Program:
    """Somebody whom the project logs in, and who is no row."""

    pk, is_active, is_authenticated = None, True, True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_username(self) -> str:
        return self.name

    def has_perm(self, _: str) -> bool:
        return True


class ByName:
    """Logs in whoever says a name."""

    def authenticate(self, request: Any) -> Any:
        return Program(request.headers["X-Name"]), None


def test_programs_without_a_row_do_not_share_their_keys(alice: ApiClient):
    with override_settings(
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.ByName"]}
    ):
        answers = [
            alice.post("executions/", BODY, **{HEADER: "k", "X-Name": name})
            for name in ("one", "two", "one")
        ]

    first, second, again = (answer.json()["id"] for answer in answers)
    assert (first == again, first == second) == (True, False)


def test_a_refused_request_may_be_tried_again_under_its_key(alice: ApiClient):
    refused = send(alice, body={"workflow": ORDER, "input": {}})
    again = send(alice)

    assert refused.status_code == 400
    assert again.status_code == 201
    assert IdempotencyRecord.objects.count() == 1


def test_with_a_key_or_without_a_client_is_told_when_to_look_again(alice: ApiClient):
    told = [send(alice), send(alice), alice.post("executions/", BODY)]

    assert len({answer.headers["Durable-Poll-After"] for answer in told}) == 1


def test_what_has_no_key_leaves_no_record(alice: ApiClient):
    alice.post("executions/", BODY)

    assert not IdempotencyRecord.objects.exists()


def test_a_key_may_be_demanded(alice: ApiClient):
    with override_settings(DURABLE={"REST_REQUIRE_IDEMPOTENCY_KEY": True}):
        missing = alice.post("executions/", BODY)
        given = send(alice)

    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency-key-required")
    assert given.status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "é", "a\tb", "a b"])
def test_a_key_that_is_none_is_refused(alice: ApiClient, key: str):
    answer = send(alice, key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-idempotency-key")
    assert not WorkflowExecution.objects.exists()


def test_a_record_holds_no_payload(alice: ApiClient):
    send(alice, body={"workflow": ORDER, "input": {"order_id": 4242424242}})

    assert "4242424242" not in IdempotencyRecord.objects.get().response_body


@pytest.mark.usefixtures("stories")
@pytest.mark.django_db(transaction=True)
class TestRaces:
    THREADS = 8

    def test_at_once_they_start_one_execution_and_get_one_answer(self):
        clients = self._clients()

        answers = at_once(*(partial(send, client) for client in clients))

        # SQLite has one writer at a time, and gives up waiting for it.
        won = [answer for answer in answers if answer.status_code == 201]
        assert WorkflowExecution.objects.count() == 1
        assert ExecutionEvent.objects.count() == 1
        assert len({answer.content for answer in won}) == 1
        assert len(won) == self.THREADS or connection.vendor != "postgresql"
        assert {answer.status_code for answer in answers} <= {201, 409, 503}
        assert sum("Idempotent-Replayed" not in answer.headers for answer in won) == 1

    def test_at_once_with_a_key_of_the_execution_they_start_one(self):
        clients = self._clients()
        body = {"workflow": WAIT, "key": "order-1"}

        answers = at_once(*(partial(client.post, "executions/", body) for client in clients))

        codes = sorted(answer.status_code for answer in answers)
        assert WorkflowExecution.objects.count() == 1
        assert codes.count(201) == 1
        assert set(codes) <= {201, 409, 503}

    def test_of_cancellers_at_once_one_wins_and_the_others_are_told_who(self):
        execution_id = engine().start_by_name(WAIT, {}).id
        clients = [ApiClient(*ALL, name=f"user-{n}") for n in range(self.THREADS)]
        path = f"executions/{execution_id}/cancel/"

        answers = at_once(*(partial(client.post, path, {}) for client in clients))

        told = [answer for answer in answers if answer.status_code in (200, 202)]
        assert [answer.status_code for answer in told].count(202) == 1
        assert ExecutionEvent.objects.count() == 1
        assert {answer.json()["cancel"]["requested_by"]["name"] for answer in told} == {
            ExecutionEvent.objects.get().actor_name
        }

    def test_while_the_first_is_on_its_way_the_second_is_told_to_come_again(self):
        if connection.vendor == "sqlite":
            pytest.skip("SQLite waits for its one writer before a request can begin")
        alice, twin = self._clients()[:2]
        with transaction.atomic():
            first = send(alice)

            [second] = at_once(partial(self._send_impatiently, twin))

        third = send(alice)
        assert (first.status_code, third.status_code) == (201, 201)
        assert (second.status_code, second.json()["code"]) == (409, "idempotency-in-flight")
        assert second.headers["Retry-After"] == "1"

    def _clients(self) -> list[ApiClient]:
        first = ApiClient(*ALL, name="alice")
        others = [ApiClient.__new__(ApiClient) for _ in range(self.THREADS - 1)]
        for other in others:
            other.user = first.user
            other.client = type(first.client)()
            other.client.force_login(first.user)
        return [first, *others]

    def _send_impatiently(self, client: ApiClient) -> Any:
        patience = {
            "postgresql": "SET lock_timeout = '300ms'",
            "mysql": "SET SESSION innodb_lock_wait_timeout = 1",
        }
        with connection.cursor() as cursor:
            cursor.execute(patience[connection.vendor])
        return send(client)
