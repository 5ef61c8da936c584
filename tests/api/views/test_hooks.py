from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.urls import resolve

from durable_django import runtime
from durable_django.api.views.hooks import MAX_HOOK_BYTES
from durable_django.control.hooks import Hook, hook_url, mint_hook, revoke_hook
from durable_django.engine.durable_engine import EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.models import ExecutionEvent, SignalHook, WorkflowSignal
from durable_django.testing.driver import DurableDriver
from tests.api.doors import V1, durable_settings, waiting_workflow
from tests.stores.orm.threads import at_once

HOUR = timedelta(hours=1)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(autouse=True)
def no_throttles_spent() -> None:
    cache.clear()


@pytest.fixture
def execution(durable: DurableDriver) -> Iterator[ExecutionHandle[Any]]:
    with waiting_workflow("api.hooks") as waiting:
        yield durable.start(waiting)


@pytest.fixture
def hook(execution: ExecutionHandle[Any]) -> Hook:
    return mint_hook(execution.id, "approved", expires_in=HOUR)


@pytest.fixture
def client() -> Client:
    return Client()


def url(token: str) -> str:
    return f"{V1}/hooks/{token}/"


def post(client: Client, token: str, payload: Any = None, **headers: str) -> Any:
    return client.post(url(token), json.dumps(payload), "application/json", headers=headers)


def flipped(token: str) -> str:
    return token[:-1] + ("A" if token[-1] != "A" else "B")


def gone_used(durable: DurableDriver, execution: Any, hook: Hook) -> None:
    post(Client(), hook.token)


def gone_expired(durable: DurableDriver, execution: Any, hook: Hook) -> None:
    durable.advance(HOUR)


def gone_revoked(durable: DurableDriver, execution: Any, hook: Hook) -> None:
    revoke_hook(hook.id)


def gone_cancelled(durable: DurableDriver, execution: Any, hook: Hook) -> None:
    durable.cancel(execution)


GONE = [gone_used, gone_expired, gone_revoked, gone_cancelled]


class TestPosting:
    def test_the_body_becomes_the_signals_payload(
        self, durable: DurableDriver, execution: ExecutionHandle[Any], hook: Hook, client: Client
    ) -> None:
        answer = post(client, hook.token, {"by": "Eva"})
        durable.drain()

        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
        assert durable.result(execution.refresh()) == {"by": "Eva"}

    @pytest.mark.parametrize("content_type", ["", "application/json"])
    def test_no_body_is_null(self, hook: Hook, client: Client, content_type: str) -> None:
        answer = client.generic("POST", url(hook.token), b"", content_type)

        assert answer.status_code == 202
        assert WorkflowSignal.objects.get().payload == "null"

    def test_the_audit_names_the_link(self, hook: Hook, client: Client) -> None:
        post(client, hook.token)

        [event] = ExecutionEvent.objects.values("type", "actor_kind", "actor_id")
        assert event == {"type": "signalled", "actor_kind": "hook", "actor_id": str(hook.id)}

    def test_a_session_that_is_open_does_not_matter(self, hook: Hook, admin_client: Client) -> None:
        post(admin_client, hook.token)

        assert ExecutionEvent.objects.get().actor_kind == "hook"

    def test_csrf_is_not_asked_for(self, hook: Hook) -> None:
        answer = post(Client(enforce_csrf_checks=True), hook.token)

        assert answer.status_code == 202

    @pytest.mark.parametrize("become_gone", GONE)
    def test_a_link_that_is_gone_is_410(
        self,
        durable: DurableDriver,
        execution: ExecutionHandle[Any],
        hook: Hook,
        client: Client,
        become_gone: Any,
    ) -> None:
        become_gone(durable, execution, hook)
        before = WorkflowSignal.objects.count()

        answer = post(client, hook.token)

        assert (answer.status_code, answer.json()["code"]) == (410, "hook-gone")
        assert WorkflowSignal.objects.count() == before

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param("x", id="short"),
            pytest.param("a" * 5000, id="long"),
            pytest.param("a/b/c", id="slashes"),
            pytest.param("%00", id="NUL"),
            pytest.param("%ED%A0%80", id="surrogate"),
            pytest.param("%3Cscript%3E", id="script"),
            pytest.param("..%2F..%2Fadmin", id="dots"),
            pytest.param(f"{'0' * 32}.{'a' * 22}.1.{'a' * 43}", id="forged"),
            pytest.param("%E2%80%AE", id="right to left"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("accept", ["*/*", BROWSER], ids=["program", "browser"])
    def test_wrong_tokens_of_any_form_get_the_same_answer(
        self, hook: Hook, client: Client, token: str, method: str, accept: str
    ) -> None:
        known = client.generic(method, url(flipped(hook.token)), headers={"accept": accept})

        answer = client.generic(method, url(token), headers={"accept": accept})

        assert answer.status_code == known.status_code == 404
        assert answer.content == known.content
        assert answer.headers == known.headers

    def test_too_large_is_413(self, hook: Hook, client: Client) -> None:
        answer = post(client, hook.token, "x" * MAX_HOOK_BYTES)

        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
        assert SignalHook.objects.get().used_at is None

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", ""])
    def test_another_type_is_415(self, hook: Hook, client: Client, content_type: str) -> None:
        answer = client.generic("POST", url(hook.token), "1", content_type)

        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
        assert SignalHook.objects.get().used_at is None

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"{", id="broken"),
            pytest.param(b"NaN", id="NaN"),
            pytest.param(b'{"a": 1, "a": 2}', id="key twice"),
            pytest.param(b"[" * 5000 + b"]" * 5000, id="deep"),
            pytest.param(b'"\\ud800"', id="surrogate"),
            pytest.param(b'"\\u0000"', id="NUL"),
            pytest.param(b"\xff", id="not UTF-8"),
            pytest.param(b"\x1f\x8b\x08\x00", id="gzip"),
            pytest.param(b"9" * 5000, id="long number"),
        ],
    )
    def test_a_hostile_payload_is_refused_and_leaves_the_link_unused(
        self, hook: Hook, client: Client, body: bytes
    ) -> None:
        answer = client.generic("POST", url(hook.token), body, "application/json")

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert SignalHook.objects.get().used_at is None

    def test_the_answer_to_a_refusal_does_not_hold_the_token(
        self, hook: Hook, client: Client
    ) -> None:
        post(client, hook.token)

        answer = post(client, hook.token)

        assert hook.token not in answer.content.decode()
        assert answer.json()["instance"] == f"{V1}/hooks/"


class TestPage:
    def test_looking_never_acts(self, hook: Hook, client: Client) -> None:
        for _ in range(3):
            assert client.get(url(hook.token)).status_code == 200
        assert client.head(url(hook.token)).status_code == 200
        client.options(url(hook.token))
        client.put(url(hook.token), b"{}", "application/json")
        client.delete(url(hook.token))

        assert SignalHook.objects.get().used_at is None
        assert not WorkflowSignal.objects.exists()

    @pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
    def test_other_methods_are_405(self, hook: Hook, client: Client, method: str) -> None:
        answer = client.generic(method, url(hook.token))

        assert answer.status_code == 405

    def test_the_button_sends_the_signal(
        self, durable: DurableDriver, execution: ExecutionHandle[Any], hook: Hook, client: Client
    ) -> None:
        answer = client.post(
            url(hook.token),
            urlencode({"payload": '{"approved": true}'}),
            "application/x-www-form-urlencoded",
            headers={"accept": BROWSER},
        )
        durable.drain()

        assert answer.status_code == 202
        assert "Thank you" in answer.content.decode()
        assert durable.result(execution.refresh()) == {"approved": True}

    def test_an_empty_form_sends_null(self, hook: Hook, client: Client) -> None:
        answer = client.post(url(hook.token), "", "application/x-www-form-urlencoded")

        assert answer.status_code == 202
        assert WorkflowSignal.objects.get().payload == "null"

    def test_a_payload_in_the_address_is_shown_and_in_the_form(
        self, hook: Hook, client: Client
    ) -> None:
        page = client.get(url(hook.token), {"payload": '{"approved": true}'}).content.decode()

        shown = "{&quot;approved&quot;: true}"
        assert f"<pre>{shown}</pre>" in page
        assert f'name="payload" value="{shown}"' in page
        assert f'action="{url(hook.token)}"' in page

    def test_a_payload_that_is_no_json_is_refused(self, hook: Hook, client: Client) -> None:
        answer = client.get(url(hook.token), {"payload": "{"})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-parameter")

    def test_nothing_of_the_address_is_taken_for_markup(self, hook: Hook, client: Client) -> None:
        attack = json.dumps('"><script>alert(1)</script>')

        page = client.get(url(hook.token), {"payload": attack}).content.decode()

        assert "<script" not in page

    def test_it_needs_nothing_from_elsewhere_and_runs_nothing(
        self, hook: Hook, client: Client
    ) -> None:
        page = client.get(url(hook.token)).content.decode()

        assert not any(
            word in page for word in ("<script", "<link", "<img", "style=", "url(", "http:", "//")
        )

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("alter", [str, flipped], ids=["known", "unknown"])
    def test_nobody_keeps_indexes_frames_or_is_referred(
        self, hook: Hook, client: Client, method: str, alter: Any
    ) -> None:
        answer = client.generic(method, url(alter(hook.token)), b"1", "application/json")

        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["X-Frame-Options"] == "DENY"

    def test_its_own_policy_allows_nothing_but_the_form(self, hook: Hook) -> None:
        address = url(hook.token)

        answer = resolve(address).func(RequestFactory().get(address), token=hook.token)

        assert answer["Content-Security-Policy"].startswith(
            "default-src 'none'; form-action 'self'"
        )

    @pytest.mark.parametrize("become_gone", GONE)
    def test_a_browser_is_told_in_a_page_that_it_is_gone(
        self,
        durable: DurableDriver,
        execution: ExecutionHandle[Any],
        hook: Hook,
        client: Client,
        become_gone: Any,
    ) -> None:
        become_gone(durable, execution, hook)

        answer = client.get(url(hook.token), headers={"accept": BROWSER})

        assert answer.status_code == 410
        assert answer["Content-Type"].startswith("text/html")
        assert "cannot be used any more" in answer.content.decode()

    def test_an_unknown_parameter_is_refused(self, hook: Hook, client: Client) -> None:
        assert client.get(url(hook.token), {"confirm": "1"}).status_code == 400


class TestThrottle:
    def test_one_link_is_limited_whatever_the_address(self, hook: Hook, client: Client) -> None:
        with durable_settings(REST_HOOK_RATE="3/min"):
            answers = [
                client.get(url(hook.token), headers={"x-forwarded-for": f"10.0.0.{n}"})
                for n in range(5)
            ]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1]["Retry-After"]) > 0

    def test_one_address_is_limited_whatever_the_link(
        self, durable: DurableDriver, client: Client
    ) -> None:
        with durable_settings(REST_HOOK_RATE="3/min"):
            answers = [client.get(url(f"guess-{n}")) for n in range(5)]

        assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]

    def test_a_browser_is_told_in_a_page(self, hook: Hook, client: Client) -> None:
        with durable_settings(REST_HOOK_RATE="1/min"):
            client.get(url(hook.token))
            answer = client.get(url(hook.token), headers={"accept": BROWSER})

        assert answer.status_code == 429
        assert "Too many requests" in answer.content.decode()
        assert int(answer["Retry-After"]) > 0

    def test_the_cache_does_not_learn_the_token(self, hook: Hook, client: Client) -> None:
        client.get(url(hook.token))

        keys = list(cache._cache)
        assert keys
        assert not any(hook.token in key for key in keys)


def test_no_log_holds_the_token(
    durable: DurableDriver,
    execution: ExecutionHandle[Any],
    hook: Hook,
    client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    client.generic("POST", url(hook.token), b"{", "application/json")
    client.generic("POST", url(hook.token), b"1", "text/plain")
    client.put(url(hook.token))
    client.get(url(hook.token))
    post(client, hook.token)
    post(client, hook.token)

    secret = hook.token.rpartition(".")[2]
    # Statements hold parameters; who logs those logs everything.
    told = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert not any(secret in str(vars(record)) for record in told)


def test_the_address_of_a_link_leads_to_it(hook: Hook) -> None:
    assert hook_url(hook.token) == url(hook.token)
    assert resolve(hook_url(hook.token)).url_name == "hook"
    assert hook_url(hook.token, RequestFactory().get("/")) == f"http://testserver{url(hook.token)}"


@pytest.mark.django_db(transaction=True)
def test_of_fifty_posts_at_once_one_is_accepted() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; the test is about two.")
    engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(engine)
    try:
        with waiting_workflow("api.hooks") as waiting, durable_settings(REST_HOOK_RATE=""):
            execution = waiting.start()
            hook = mint_hook(execution.id, "approved", expires_in=HOUR)

            answers = at_once(*[lambda: post(Client(), hook.token).status_code] * 50)

        assert sorted(answers, key=str) == [202] + [410] * 49
        assert WorkflowSignal.objects.filter(execution_id=execution.id).count() == 1
    finally:
        runtime.use_engine(former)
        engine.dispose()


def test_an_unknown_link_is_unknown_whatever_its_id(durable: DurableDriver, client: Client) -> None:
    assert post(client, str(uuid4())).status_code == 404


def test_a_link_that_lost_its_last_slash_is_the_same_link(
    client: Client, hook: Hook, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    where = url(hook.token).removesuffix("/")

    page = client.get(where, headers={"Accept": BROWSER})
    used = client.post(where, "{}", "application/json")
    again = client.post(where, "{}", "application/json")

    assert [page.status_code, used.status_code, again.status_code] == [200, 202, 410]
    assert hook.token not in caplog.text
    assert again.json()["instance"] == f"{V1}/hooks/"


def test_an_answer_in_chunks_does_not_use_the_link_up(client: Client, hook: Hook):
    in_chunks = client.generic(
        "POST", url(hook.token), b"", "application/json", headers={"Transfer-Encoding": "chunked"}
    )
    whole = post(client, hook.token, {"yes": True})

    assert (in_chunks.status_code, whole.status_code) == (411, 202)


def test_a_fault_logs_no_token_either(hook: Hook, caplog: pytest.LogCaptureFixture):
    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(fail):
        answer = post(Client(raise_request_exception=False), hook.token)

    assert (answer.status_code, answer.json()["instance"]) == (500, f"{V1}/hooks/")
    assert "A signed link failed" in caplog.text
    assert hook.token not in caplog.text
    assert hook.token not in answer.content.decode()
