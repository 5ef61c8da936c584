from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from durable_django.control.permissions import Permission
from durable_django.models import BulkOperation, WorkflowExecution
from durable_django.testing.driver import DurableDriver
from tests.api.doors import V1, client_of, make_user, row, waiting_workflow

URL = f"{V1}/bulk-operations/"
NAME = "api.bulk"
MAY = (Permission.VIEW, Permission.BULK, Permission.CANCEL, Permission.SIGNAL)
CANCEL_OURS = {"action": "cancel", "filter": {"workflow": NAME}, "reason": "over"}


@pytest.fixture(autouse=True)
def no_throttles_spent() -> None:
    cache.clear()


@pytest.fixture
def executions(durable: DurableDriver) -> Iterator[list[Any]]:
    with waiting_workflow(NAME) as waiting:
        yield [durable.start(waiting) for _ in range(3)]


@pytest.fixture
def client(db: None) -> Client:
    return client_of(*MAY)


def post(client: Client, body: Any, path: str = URL, **headers: str) -> Any:
    return client.post(path, json.dumps(body), "application/json", headers=headers)


class TestBeginning:
    def test_every_match_is_acted_on(
        self, durable: DurableDriver, executions: list[Any], client: Client
    ) -> None:
        answer = post(client, CANCEL_OURS)
        durable.advance(minutes=1)

        assert answer.status_code == 202
        assert (answer.json()["status"], answer.json()["total"]) == ("pending", 3)
        told = client.get(answer["Location"]).json()
        assert (told["status"], told["succeeded"], told["refused"]) == ("completed", 3, 0)
        assert {row(one.id).status for one in executions} == {"cancelled"}

    def test_a_signal_takes_its_arguments(
        self, durable: DurableDriver, executions: list[Any], client: Client
    ) -> None:
        body = {
            "action": "signal",
            "filter": {"execution_id": str(executions[0].id)},
            "arguments": {"name": "approved", "payload": {"by": "Eva"}},
        }

        answer = post(client, body)
        durable.advance(minutes=1)

        assert answer.status_code == 202
        assert durable.result(executions[0].refresh()) == {"by": "Eva"}
        assert row(executions[1].id).status == "suspended"

    def test_the_same_request_begins_once(self, executions: list[Any], client: Client) -> None:
        answers = [post(client, CANCEL_OURS, **{"idempotency-key": "k"}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert BulkOperation.objects.count() == 1

    def test_an_empty_filter_is_refused(self, executions: list[Any], client: Client) -> None:
        for body in ({"action": "cancel"}, {"action": "cancel", "filter": {}}):
            answer = post(client, body)

            assert (answer.status_code, answer.json()["code"]) == (400, "empty-filter")
        assert not BulkOperation.objects.exists()

    def test_all_is_said_in_so_many_words(
        self, durable: DurableDriver, executions: list[Any], client: Client
    ) -> None:
        answer = post(client, {"action": "cancel", "all": True})
        durable.advance(minutes=1)

        assert (answer.status_code, answer.json()["total"]) == (202, 3)
        assert {row(one.id).status for one in executions} == {"cancelled"}

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"action": "fork", "filter": {"workflow": NAME}}, "/action"),
            ({"action": "explode", "filter": {"workflow": NAME}}, "/action"),
            ({"filter": {"workflow": NAME}}, "/action"),
            ({"action": "cancel", "filter": {"workflwo": NAME}}, "/filter/workflwo"),
            ({"action": "cancel", "filter": {"statuses": ["gone"]}}, "/filter/statuses"),
            ({"action": "cancel", "filter": {"key": "\0"}}, None),
            ({"action": "cancel", "filter": []}, "/filter"),
            ({"action": "cancel", "filter": {"workflow": NAME}, "all": True}, "/all"),
            ({"action": "cancel", "all": "true"}, "/all"),
            ({"action": "cancel", "all": 1}, "/all"),
            ({"action": "cancel", "filter": {"workflow": NAME}, "limit": 3}, "/limit"),
            ({"action": "cancel", "filter": {"workflow": NAME}, "reason": "x" * 501}, "/reason"),
            ({"action": "cancel", "filter": {"workflow": NAME}, "dry_run": "yes"}, "/dry_run"),
            ({"action": "cancel", "filter": {"workflow": NAME}, "arguments": {"a": 1}}, None),
            ({"action": "signal", "filter": {"workflow": NAME}}, None),
            (
                {"action": "signal", "filter": {"workflow": NAME}, "arguments": {"name": "~"}},
                None,
            ),
        ],
        ids=lambda value: json.dumps(value)[:60],
    )
    def test_a_body_that_is_not_right_is_400(
        self, executions: list[Any], client: Client, body: Any, pointer: str | None
    ) -> None:
        answer = post(client, body)

        assert answer.status_code == 400
        if pointer is not None:
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert not BulkOperation.objects.exists()

    @pytest.mark.parametrize("dry_run", [True, False])
    @pytest.mark.parametrize(
        "held",
        [(Permission.VIEW, Permission.BULK), (Permission.VIEW, Permission.CANCEL)],
        ids=["bulk only", "cancel only"],
    )
    def test_it_needs_the_permission_for_bulk_and_for_the_action(
        self, executions: list[Any], held: tuple[Permission, ...], dry_run: Any
    ) -> None:
        answer = post(client_of(*held), {**CANCEL_OURS, "dry_run": dry_run})

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert not BulkOperation.objects.exists()


class TestDryRun:
    def test_it_counts_and_shows_and_does_nothing(
        self, durable: DurableDriver, executions: list[Any], client: Client
    ) -> None:
        answer = post(client, {**CANCEL_OURS, "dry_run": True})
        durable.advance(minutes=1)

        told = answer.json()
        assert (answer.status_code, told["count"], told["is_capped"]) == (200, 3, False)
        assert [one["id"] for one in told["samples"]] == [
            str(one.id) for one in reversed(executions)
        ]
        assert told["samples"][0]["status"] == "suspended"
        assert not BulkOperation.objects.exists()
        assert not WorkflowExecution.objects.filter(cancel_requested_at__isnull=False).exists()


class TestLooking:
    def test_ones_own_are_listed_newest_first(self, executions: list[Any], client: Client) -> None:
        ids = [post(client, CANCEL_OURS).json()["id"] for _ in range(2)]

        listed = client.get(URL).json()

        assert [one["id"] for one in listed["results"]] == ids[::-1]
        assert listed["results"][0]["filter"] == {"workflow": NAME}

    @pytest.mark.parametrize("operation_id", ["00000000-0000-7000-8000-000000000000", "x", "%00"])
    def test_an_unknown_one_is_404(self, client: Client, operation_id: str) -> None:
        for answer in (
            client.get(f"{URL}{operation_id}/"),
            post(client, {}, f"{URL}{operation_id}/cancel/"),
        ):
            assert answer.status_code == 404
            assert answer.json()["code"] == "bulk-operation-not-found"

    def test_it_says_who_asked_and_why(self, executions: list[Any]) -> None:
        user = make_user(*MAY, name="alice")

        told = post(client_of(user=user), CANCEL_OURS).json()

        assert told["requested_by"] == {"kind": "user", "id": str(user.pk), "name": "alice"}
        assert told["reason"] == "over"


class TestStopping:
    def test_a_stopped_one_does_nothing_more(
        self, durable: DurableDriver, executions: list[Any], client: Client
    ) -> None:
        begun = post(client, CANCEL_OURS).json()

        answer = post(client, {}, f"{URL}{begun['id']}/cancel/")
        durable.advance(minutes=1)

        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
        assert {row(one.id).status for one in executions} == {"suspended"}

    def test_without_a_body_it_is_stopped_as_well(
        self, executions: list[Any], client: Client
    ) -> None:
        begun = post(client, CANCEL_OURS).json()

        answer = client.generic("POST", f"{URL}{begun['id']}/cancel/")

        assert answer.status_code == 202

    def test_a_body_with_something_in_it_is_400(
        self, executions: list[Any], client: Client
    ) -> None:
        begun = post(client, CANCEL_OURS).json()

        answer = post(client, {"force": True}, f"{URL}{begun['id']}/cancel/")

        assert answer.status_code == 400
