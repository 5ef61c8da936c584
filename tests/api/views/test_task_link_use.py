from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.urls import resolve

from durable_django import runtime
from durable_django.api.views.signed_links import MAX_HOOK_BYTES
from durable_django.control import human_tasks
from durable_django.control.human_tasks.links import TaskLink, link_url, mint_link, revoke_link
from durable_django.domain.task_form import Choice, MultiChoice, TaskForm, Text
from durable_django.engine.durable_engine import EngineOptions
from durable_django.models import ExecutionEvent, HumanTask, HumanTaskLink
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.doors import V1, durable_settings
from tests.control.human_tasks.desk import DO, fresh, over, person, task
from tests.control.human_tasks.sample_forms import RefundForm
from tests.stores.orm.threads import at_once

HOUR = timedelta(hours=1)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
YES = {"data": {"approved": True}, "comment": "fine"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def no_throttles_spent() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def store(durable: DurableDriver) -> DurableDriver:
    return durable


@pytest.fixture
def row(store: Any) -> HumanTask:
    person("eva", DO)
    display = engine().payloads.encode({"amount": "77 EUR", "password": "hunter2"}, "It")
    return task(
        "eva",
        title="Approve <b>refund</b>",
        description="Of order 77. token=hunter2",
        display=display,
    )


@pytest.fixture
def link(row: HumanTask) -> TaskLink:
    return mint_link(row.pk, "eva", expires_in=HOUR)


@pytest.fixture
def client() -> Client:
    return Client()


def url(token: str) -> str:
    return f"{V1}/task-links/{token}/"


def post(client: Client, token: str, body: Any = None, **headers: str) -> Any:
    return client.post(url(token), json.dumps(body), "application/json", headers=headers)


def submit(client: Client, token: str, **fields: str) -> Any:
    """Send the page's form, as a browser does."""
    return client.post(url(token), urlencode(fields), FORM, headers={"accept": BROWSER})


def flipped(token: str) -> str:
    return token[:-1] + ("A" if token[-1] != "A" else "B")


def become_used(store: DurableDriver, row: HumanTask, link: TaskLink) -> None:
    post(Client(), link.token, YES)


def become_expired(store: DurableDriver, row: HumanTask, link: TaskLink) -> None:
    store.advance(HOUR)


def become_revoked(store: DurableDriver, row: HumanTask, link: TaskLink) -> None:
    revoke_link(link.id)


def become_over(store: DurableDriver, row: HumanTask, link: TaskLink) -> None:
    over(row)


def become_barred(store: DurableDriver, row: HumanTask, link: TaskLink) -> None:
    HumanTask.objects.update(not_by=["eva"])


def become_inactive(store: DurableDriver, row: HumanTask, link: TaskLink) -> None:
    User.objects.update(is_active=False)


GONE: list[Callable[..., None]] = [
    become_used,
    become_expired,
    become_revoked,
    become_over,
    become_barred,
    become_inactive,
]


class TestPosting:
    def test_json_completes_the_task_as_the_links_user(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        answer = post(client, link.token, YES)

        done = fresh(row)
        assert (answer.status_code, answer.json()) == (200, {"status": "completed"})
        assert (done.status, done.assignee, done.comment) == ("completed", "eva", "fine")
        [event] = ExecutionEvent.objects.values("type", "actor_kind", "actor_id", "actor_name")
        assert event == {
            "type": "task_completed",
            "actor_kind": "hook",
            "actor_id": str(link.id),
            "actor_name": "eva",
        }

    def test_a_session_that_is_open_does_not_matter(
        self, row: HumanTask, link: TaskLink, admin_client: Client
    ) -> None:
        post(admin_client, link.token, YES)

        assert fresh(row).assignee == "eva"

    def test_csrf_is_not_asked_for(self, link: TaskLink) -> None:
        assert post(Client(enforce_csrf_checks=True), link.token, YES).status_code == 200

    def test_what_is_not_valid_points_at_the_field_and_leaves_the_link_unused(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        answer = post(client, link.token, {"data": {"approved": "perhaps"}})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
        assert answer.json()["errors"][0]["pointer"] == "/data/approved"
        assert HumanTaskLink.objects.get().used_at is None
        assert fresh(row).status == "open"

    @pytest.mark.parametrize("become_gone", GONE, ids=lambda one: one.__name__)
    def test_a_link_that_is_gone_is_410(
        self,
        store: DurableDriver,
        row: HumanTask,
        link: TaskLink,
        client: Client,
        become_gone: Callable[..., None],
    ) -> None:
        become_gone(store, row, link)
        before = fresh(row).updated_at

        for answer in (post(client, link.token, YES), client.get(url(link.token))):
            assert (answer.status_code, answer.json()["code"]) == (410, "task-link-gone")
        assert fresh(row).updated_at == before

    def test_what_somebody_else_has_is_409_and_does_not_say_who(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        HumanTask.objects.update(assignee="secret-bob", status="claimed")

        for answer in (post(client, link.token, YES), client.get(url(link.token))):
            assert (answer.status_code, answer.json()["code"]) == (409, "already-claimed")
            assert "bob" not in answer.content.decode()
        assert HumanTaskLink.objects.get().used_at is None

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param("x", id="short"),
            pytest.param("a" * 5000, id="long"),
            pytest.param("a/b/c", id="slashes"),
            pytest.param("%00", id="NUL"),
            pytest.param("%ED%A0%80", id="surrogate"),
            pytest.param("%3Cscript%3E", id="script"),
            pytest.param(f"{'0' * 32}.{'a' * 22}.1.{'a' * 43}", id="forged"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("accept", ["*/*", BROWSER], ids=["program", "browser"])
    def test_wrong_tokens_of_any_form_get_the_same_answer(
        self, link: TaskLink, client: Client, token: str, method: str, accept: str
    ) -> None:
        known = client.generic(method, url(flipped(link.token)), headers={"accept": accept})

        answer = client.generic(method, url(token), headers={"accept": accept})

        assert answer.status_code == known.status_code == 404
        assert answer.content == known.content
        assert answer.headers == known.headers

    @pytest.mark.parametrize(
        ("body", "content_type", "status"),
        [
            (b"{", "application/json", 400),
            (b"NaN", "application/json", 400),
            (b"[]", "application/json", 400),
            (b'{"data": {}, "data": {}}', "application/json", 400),
            (b'{"user": "eva"}', "application/json", 400),
            (b'{"data": []}', "application/json", 400),
            (b"[" * 5000, "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"\xff", FORM, 400),
            (b"answer-approved=%00", FORM, 400),
            (b"a=1&" * 2000, FORM, 400),
            (b"", FORM, 400),
            (b"", "", 400),
            (b"1", "text/plain", 415),
            (b"1", "multipart/form-data; boundary=x", 415),
            (b"x" * (MAX_HOOK_BYTES + 1), "application/json", 413),
        ],
        ids=range(16),
    )
    def test_a_hostile_body_is_refused_and_leaves_the_link_unused(
        self, link: TaskLink, client: Client, body: bytes, content_type: str, status: int
    ) -> None:
        answer = client.generic("POST", url(link.token), body, content_type)

        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        assert HumanTaskLink.objects.get().used_at is None

    def test_the_answer_to_a_refusal_does_not_hold_the_token(
        self, link: TaskLink, client: Client
    ) -> None:
        post(client, link.token, YES)

        answer = post(client, link.token, YES)

        assert link.token not in answer.content.decode()
        assert answer.json()["instance"] == f"{V1}/task-links/"

    def test_a_form_that_is_not_loaded_is_409(self, link: TaskLink, client: Client) -> None:
        HumanTask.objects.update(form="shop.forms.RefundForm")

        for answer in (post(client, link.token, YES), client.get(url(link.token))):
            assert (answer.status_code, answer.json()["code"]) == (409, "unknown-form")


class TestPage:
    def test_it_shows_what_is_decided_on_and_the_form(self, link: TaskLink, client: Client) -> None:
        page = client.get(url(link.token)).content.decode()

        assert "Approve &lt;b&gt;refund&lt;/b&gt;" in page
        assert "Of order 77." in page
        assert "77 EUR" in page
        assert "hunter2" not in page
        assert 'name="answer-approved"' in page
        assert f'action="{url(link.token)}"' in page

    def test_looking_never_acts(self, row: HumanTask, link: TaskLink, client: Client) -> None:
        for _ in range(3):
            assert client.get(url(link.token)).status_code == 200
        assert client.head(url(link.token)).status_code == 200
        client.options(url(link.token))
        client.put(url(link.token), b"{}", "application/json")
        client.delete(url(link.token))

        assert HumanTaskLink.objects.get().used_at is None
        assert fresh(row).status == "open"

    def test_sending_the_form_completes_the_task(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        answer = submit(client, link.token, **{"answer-approved": "false", "comment": "too much"})

        done = fresh(row)
        assert answer.status_code == 200
        assert "Thank you" in answer.content.decode()
        assert engine().payloads.decode(done.data or "", "It") == {"approved": False}
        assert done.comment == "too much"

    def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_is_kept(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        HumanTask.objects.update(fields=list(TaskForm.of({"a": Text(max_length=3)}).to_json()))

        answer = submit(client, link.token, **{"answer-a": "<i>long</i>", "comment": "<hm>"})

        page = answer.content.decode()
        assert answer.status_code == 400
        assert "at most 3 characters" in page
        assert "&lt;i&gt;long" in page
        assert "&lt;hm&gt;" in page
        assert HumanTaskLink.objects.get().used_at is None

    def test_a_field_may_be_called_as_the_pages_own_are(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        HumanTask.objects.update(fields=list(TaskForm.of({"comment": Text()}).to_json()))

        submit(client, link.token, **{"answer-comment": "theirs", "comment": "mine"})

        done = fresh(row)
        assert engine().payloads.decode(done.data or "", "It") == {"comment": "theirs"}
        assert done.comment == "mine"

    def test_what_a_workflow_wrote_for_people_is_text_and_keeps_no_secret(
        self, row: HumanTask, link: TaskLink, client: Client
    ) -> None:
        words = {"label": "<i>Why</i> token=hunter2", "help": "<form action=//x> token=hunter2"}
        one = {"<b>k": "<i>A</i> token=hunter2"}
        asked = {"why": Text(**words), "one": Choice(one, **words), "all": MultiChoice(one)}
        HumanTask.objects.update(fields=list(TaskForm.of(asked).to_json()))

        page = client.get(url(link.token)).content.decode()

        assert page.count("&lt;i&gt;Why&lt;/i&gt; token=•••") == 2
        assert page.count("&lt;form action=//x&gt; token=•••") == 2
        assert page.count("&lt;i&gt;A&lt;/i&gt; token=•••") == 2
        assert not any(word in page for word in ("<i>", "<b>", "<form action=//", "hunter2"))

    @pytest.mark.parametrize("name", ["answer-amount", "answer-reason"])
    def test_each_field_has_its_label_help_and_error_beside_it(
        self, link: TaskLink, client: Client, name: str
    ) -> None:
        HumanTask.objects.update(form=f"{RefundForm.__module__}.RefundForm")

        page = submit(client, link.token, comment="x").content.decode()

        assert f'<label for="id_{name}">' in page
        assert page.count('id="id_answer-amount_helptext"') == 1
        assert page.count("This field is required.") == 2

    def test_it_needs_nothing_from_elsewhere_and_runs_nothing(
        self, link: TaskLink, client: Client
    ) -> None:
        page = client.get(url(link.token)).content.decode()

        assert not any(
            word in page for word in ("<script", "<link", "<img", "style=", "http:", "onclick")
        )

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("alter", [str, flipped], ids=["known", "unknown"])
    def test_nobody_keeps_indexes_frames_or_is_referred(
        self, link: TaskLink, client: Client, method: str, alter: Any
    ) -> None:
        answer = client.generic(method, url(alter(link.token)), b"{}", "application/json")

        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["X-Frame-Options"] == "DENY"

    def test_its_own_policy_allows_nothing_but_the_form_and_its_few_lines_of_style(
        self, link: TaskLink
    ) -> None:
        address = url(link.token)

        answer = resolve(address).func(RequestFactory().get(address), token=link.token)

        policy = answer["Content-Security-Policy"]
        style = answer.content.partition(b"<style>")[2].partition(b"</style>")[0]
        digest = b64encode(sha256(style).digest()).decode()
        assert policy.startswith("default-src 'none'; form-action 'self'")
        assert policy.endswith(f"; style-src 'sha256-{digest}'")
        assert style

    @pytest.mark.parametrize("become_gone", GONE, ids=lambda one: one.__name__)
    def test_a_browser_is_told_in_a_page_that_it_is_gone(
        self,
        store: DurableDriver,
        row: HumanTask,
        link: TaskLink,
        client: Client,
        become_gone: Callable[..., None],
    ) -> None:
        become_gone(store, row, link)

        for answer in (
            client.get(url(link.token), headers={"accept": BROWSER}),
            submit(client, link.token, **{"answer-approved": "true"}),
        ):
            assert answer.status_code == 410
            assert answer["Content-Type"].startswith("text/html")
            assert "cannot be used any more" in answer.content.decode()

    def test_an_unknown_parameter_is_refused(self, link: TaskLink, client: Client) -> None:
        assert client.get(url(link.token), {"confirm": "1"}).status_code == 400

    def test_it_is_shown_in_whatever_form_the_project_wrote(
        self, link: TaskLink, client: Client
    ) -> None:
        HumanTask.objects.update(form="tests.control.human_tasks.sample_forms.RefundForm")
        import tests.control.human_tasks.sample_forms  # noqa: F401, PLC0415 -- loads it

        page = client.get(url(link.token)).content.decode()

        assert 'name="answer-amount"' in page


class TestThrottle:
    def test_one_link_is_limited_whatever_the_address(self, link: TaskLink, client: Client) -> None:
        with durable_settings(REST_HOOK_RATE="3/min"):
            answers = [
                client.get(url(link.token), headers={"x-forwarded-for": f"10.0.0.{n}"})
                for n in range(5)
            ]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]

    def test_one_address_is_limited_whatever_the_link(self, client: Client) -> None:
        with durable_settings(REST_HOOK_RATE="3/min"):
            answers = [client.get(url(f"guess-{n}")) for n in range(5)]

        assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]


def test_no_log_holds_the_token(
    link: TaskLink, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    client.generic("POST", url(link.token), b"{", "application/json")
    client.generic("POST", url(link.token), b"1", "text/plain")
    client.put(url(link.token))
    client.get(url(link.token))
    submit(client, link.token, **{"answer-approved": "perhaps"})
    post(client, link.token, YES)
    post(client, link.token, YES)

    secret = link.token.rpartition(".")[2]
    # Statements hold parameters; who logs those logs everything.
    told = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert not any(secret in str(vars(record)) for record in told)


def test_a_fault_logs_no_token_either(link: TaskLink, caplog: pytest.LogCaptureFixture) -> None:
    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(fail):
        answer = post(Client(raise_request_exception=False), link.token, YES)

    assert (answer.status_code, answer.json()["instance"]) == (500, f"{V1}/task-links/")
    assert "A signed link failed" in caplog.text
    assert link.token not in caplog.text
    assert link.token not in answer.content.decode()


def test_a_link_that_lost_its_last_slash_is_the_same_link(
    client: Client, link: TaskLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    where = url(link.token).removesuffix("/")

    page = client.get(where, headers={"Accept": BROWSER})
    used = client.post(where, json.dumps(YES), "application/json")
    again = client.post(where, json.dumps(YES), "application/json")

    assert [page.status_code, used.status_code, again.status_code] == [200, 200, 410]
    assert link.token not in caplog.text


def test_an_answer_in_chunks_does_not_use_the_link_up(client: Client, link: TaskLink) -> None:
    in_chunks = client.generic(
        "POST", url(link.token), b"", "application/json", headers={"Transfer-Encoding": "chunked"}
    )
    whole = post(client, link.token, YES)

    assert (in_chunks.status_code, whole.status_code) == (411, 200)


def test_the_address_of_a_link_leads_to_it(link: TaskLink) -> None:
    assert link_url(link.token) == url(link.token)
    assert resolve(link_url(link.token)).url_name == "task-link"


def test_after_a_claim_and_a_release_it_can_be_used(
    store: Any, row: HumanTask, link: TaskLink, client: Client
) -> None:
    eva = User.objects.get()
    human_tasks.claim(row.pk, user=eva)

    assert post(client, link.token, YES).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_fifty_posts_at_once_one_is_accepted() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; the test is about two.")
    own = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(own)
    try:
        with durable_settings(REST_HOOK_RATE=""):
            person("eva", DO)
            row = task("eva")
            link = mint_link(row.pk, "eva", expires_in=HOUR)

            answers = at_once(*[lambda: post(Client(), link.token, YES).status_code] * 50)

        assert sorted(answers, key=str) == [200] + [410] * 49
        assert ExecutionEvent.objects.filter(execution=row.execution_id).count() == 1
    finally:
        runtime.use_engine(former)
        own.dispose()
