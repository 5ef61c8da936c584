from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from durable_django.control.hooks import LONGEST_LIFE, mint_hook, use_hook
from durable_django.control.permissions import Permission
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.models import ExecutionEvent, IdempotencyRecord, SignalHook
from durable_django.testing.driver import DurableDriver
from tests.api.doors import client_of, durable_settings, make_user, path_of, waiting_workflow

HOUR = timedelta(hours=1)
MAY_SIGNAL = (Permission.VIEW, Permission.SIGNAL)
ASKED = {"signal": "approved", "expires_in_seconds": 3600}


@pytest.fixture(autouse=True)
def no_throttles_spent() -> None:
    cache.clear()


@pytest.fixture
def execution(durable: DurableDriver) -> Iterator[ExecutionHandle[Any]]:
    with waiting_workflow("api.execution_hooks") as waiting:
        yield durable.start(waiting)


@pytest.fixture
def client(db: None) -> Client:
    return client_of(*MAY_SIGNAL)


def post(client: Client, execution_id: Any, body: Any, **headers: str) -> Any:
    path = path_of(execution_id, "hooks")
    return client.post(path, json.dumps(body), "application/json", headers=headers)


class TestMinting:
    def test_the_link_works_and_is_told_once(
        self, durable: DurableDriver, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        answer = post(client, execution.id, ASKED)

        minted = answer.json()
        assert answer.status_code == 201
        assert minted["url"].endswith(f"/api/durable/v1/hooks/{minted['token']}/")
        assert minted["expires_at"] == "2026-01-01T01:00:00Z"
        assert answer["Cache-Control"] == "no-store"
        assert Client().post(minted["url"], "1", "application/json").status_code == 202
        assert minted["token"] not in client.get(path_of(execution.id, "hooks")).content.decode()

    def test_the_audit_names_who_made_it(self, execution: ExecutionHandle[Any]) -> None:
        user = make_user(*MAY_SIGNAL)

        minted = post(client_of(user=user), execution.id, ASKED).json()

        event = ExecutionEvent.objects.get()
        assert (event.type, event.actor_id) == ("hook_minted", str(user.pk))
        assert event.details["hook"] == minted["id"]
        assert minted["token"] not in str(event.details)

    def test_an_idempotency_key_does_not_store_the_token(
        self, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        answer = post(client, execution.id, ASKED, **{"idempotency-key": "k"})

        assert answer.status_code == 201
        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({}, id="nothing"),
            pytest.param({"signal": "approved"}, id="no end"),
            pytest.param({**ASKED, "expires_in_seconds": 0}, id="ends at once"),
            pytest.param({**ASKED, "expires_in_seconds": True}, id="a truth value"),
            pytest.param({**ASKED, "expires_in_seconds": "60"}, id="a text"),
            pytest.param(
                {**ASKED, "expires_in_seconds": LONGEST_LIFE.total_seconds() + 1}, id="too long"
            ),
            pytest.param({**ASKED, "signal": "~undo"}, id="illegal name"),
            pytest.param({**ASKED, "signal": 7}, id="a number"),
            pytest.param({**ASKED, "by": "eva"}, id="unknown member"),
            pytest.param([], id="a list"),
        ],
    )
    def test_a_body_that_is_not_right_is_400(
        self, execution: ExecutionHandle[Any], client: Client, body: Any
    ) -> None:
        answer = post(client, execution.id, body)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
        assert not SignalHook.objects.exists()

    def test_an_ended_execution_is_409(
        self, durable: DurableDriver, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        durable.cancel(execution)

        answer = post(client, execution.id, ASKED)

        assert (answer.status_code, answer.json()["code"]) == (409, "invalid-state")

    @pytest.mark.parametrize("execution_id", ["00000000-0000-7000-8000-000000000000", "x", "%00"])
    def test_an_unknown_execution_is_404(self, client: Client, execution_id: str) -> None:
        answer = post(client, execution_id, ASKED)

        assert (answer.status_code, answer.json()["code"]) == (404, "execution-not-found")

    def test_what_is_out_of_scope_is_404(
        self, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        with durable_settings(SCOPE="tests.api.doors.see_nothing"):
            answer = post(client, execution.id, ASKED)

        assert answer.status_code == 404
        assert not SignalHook.objects.exists()

    @pytest.mark.parametrize("held", [(), (Permission.VIEW,), (Permission.SIGNAL,)], ids=str)
    def test_it_needs_the_permissions_to_view_and_to_signal(
        self, execution: ExecutionHandle[Any], held: tuple[Permission, ...]
    ) -> None:
        answer = post(client_of(*held), execution.id, ASKED)

        assert answer.status_code == 403
        assert not SignalHook.objects.exists()


class TestListing:
    def test_links_are_told_with_what_became_of_them(
        self, durable: DurableDriver, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        hooks = [mint_hook(execution.id, "approved", expires_in=HOUR) for _ in range(2)]
        use_hook(hooks[0].token)

        answer = client.get(path_of(execution.id, "hooks")).json()

        told = [(one["id"], one["state"]) for one in answer["results"]]
        assert told == [(str(hooks[1].id), "open"), (str(hooks[0].id), "used")]
        assert answer["results"][1]["used_at"] == "2026-01-01T00:00:00Z"

    def test_a_page_leads_to_the_next(
        self, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        for _ in range(3):
            mint_hook(execution.id, "approved", expires_in=HOUR)

        first = client.get(path_of(execution.id, "hooks"), {"page_size": 2}).json()
        second = client.get(first["next"]).json()

        assert (len(first["results"]), len(second["results"]), second["next"]) == (2, 1, None)


class TestRevoking:
    def revoke(self, client: Client, execution_id: Any, hook_id: Any) -> Any:
        return client.delete(path_of(execution_id, "hooks", str(hook_id)))

    def test_a_revoked_link_is_gone(self, execution: ExecutionHandle[Any], client: Client) -> None:
        minted = post(client, execution.id, ASKED).json()

        answer = self.revoke(client, execution.id, minted["id"])

        assert answer.status_code == 204
        assert Client().post(minted["url"], "1", "application/json").status_code == 410
        types = list(ExecutionEvent.objects.order_by("id").values_list("type", flat=True))
        assert types == ["hook_minted", "hook_revoked"]

    def test_twice_is_as_once(self, execution: ExecutionHandle[Any], client: Client) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)

        answers = [self.revoke(client, execution.id, hook.id).status_code for _ in range(2)]

        assert answers == [204, 204]
        assert ExecutionEvent.objects.count() == 1

    def test_a_used_link_is_409(self, execution: ExecutionHandle[Any], client: Client) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        use_hook(hook.token)

        answer = self.revoke(client, execution.id, hook.id)

        assert (answer.status_code, answer.json()["code"]) == (409, "hook-used")

    @pytest.mark.parametrize("hook_id", ["00000000-0000-7000-8000-000000000000", "x"])
    def test_an_unknown_link_is_404(
        self, execution: ExecutionHandle[Any], client: Client, hook_id: str
    ) -> None:
        answer = self.revoke(client, execution.id, hook_id)

        assert (answer.status_code, answer.json()["code"]) == (404, "hook-not-found")

    def test_the_link_of_another_execution_is_404(
        self, durable: DurableDriver, execution: ExecutionHandle[Any], client: Client
    ) -> None:
        hook = mint_hook(execution.id, "approved", expires_in=HOUR)
        with waiting_workflow("api.other") as other:
            elsewhere = durable.start(other)

            answer = self.revoke(client, elsewhere.id, hook.id)

        assert answer.status_code == 404
        assert SignalHook.objects.get().revoked_at is None
