from __future__ import annotations

from contextlib import nullcontext
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.core.handlers.asgi import ASGIRequest

from durable_django.api.http.parsing import MAX_BODY_BYTES, check_length
from durable_django.api.http.problems import ProblemError
from durable_django.models import WorkflowExecution, WorkflowSignal
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import WAIT, ApiClient
from tests.control.hostile import (
    FORGED_TAGS,
    HOSTILE_BYTES,
    HOSTILE_TEXTS,
    MARKUP,
    ODD_TEXTS,
    params,
)


@pytest.fixture
def waiting(durable: DurableDriver) -> UUID:
    handle = engine().start_by_name(WAIT, {})
    durable.drain()
    return handle.id


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def assert_refused(answer: Any) -> None:
    assert answer.status_code in (400, 413), answer.content[:300]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not WorkflowSignal.objects.exists()


@pytest.mark.parametrize(("text", "problem"), params(HOSTILE_TEXTS))
def test_a_hostile_body_is_refused(alice: ApiClient, waiting: UUID, text: str, problem: str):
    assert_refused(alice.post(f"executions/{waiting}/signals/", encoded(text)))


@pytest.mark.parametrize(("text", "problem"), params(HOSTILE_TEXTS))
def test_a_hostile_payload_is_refused(alice: ApiClient, waiting: UUID, text: str, problem: str):
    body = encoded('{"name": "approved", "payload": ' + text + "}")

    assert_refused(alice.post(f"executions/{waiting}/signals/", body))


@pytest.mark.parametrize(("text", "problem"), params(HOSTILE_TEXTS))
def test_a_hostile_input_starts_nothing(db: None, alice: ApiClient, text: str, problem: str):
    body = encoded('{"workflow": "api.order", "input": {"order_id": ' + text + "}}")

    answer = alice.post("executions/", body)

    assert_refused(answer)
    assert not WorkflowExecution.objects.exists()


@pytest.mark.parametrize("body", params(HOSTILE_BYTES))
def test_what_is_no_text_is_refused(alice: ApiClient, waiting: UUID, body: bytes):
    assert_refused(alice.post(f"executions/{waiting}/signals/", body))


@pytest.mark.parametrize("text", params(ODD_TEXTS))
def test_what_is_odd_and_legal_is_taken(alice: ApiClient, waiting: UUID, text: str):
    if text.startswith("[" * 20) or text.count(",") > 9_000:
        text = text[1:-1] if text.startswith("[[") else text.replace("1,", "", 10)

    answer = alice.post(
        f"executions/{waiting}/signals/", f'{{"name": "approved", "payload": {text}}}'
    )

    assert answer.status_code == 202
    assert alice.get(f"executions/{waiting}/signals/").status_code == 200


@pytest.mark.parametrize("value", params(FORGED_TAGS))
def test_a_forged_tag_stays_plain_data(
    durable: DurableDriver, alice: ApiClient, waiting: UUID, value: Any
):
    answer = alice.post(f"executions/{waiting}/signals/", {"name": "approved", "payload": value})
    durable.drain()

    assert answer.status_code == 202
    assert engine().get(waiting).result() == value


@pytest.mark.parametrize("text", params(MARKUP))
def test_markup_is_text_in_json_wherever_it_stands(alice: ApiClient, waiting: UUID, text: str):
    answers = [
        alice.post(f"executions/{waiting}/signals/", {"name": text}),
        alice.post(f"executions/{waiting}/signals/", {"name": "approved", text: 1}),
        alice.post("executions/", {"workflow": text}),
        alice.post(f"executions/{waiting}/fork/", {"from_step": text}),
        alice.post(f"executions/{waiting}/pause/", {"reason": text}),
    ]

    assert [answer.status_code for answer in answers[:-1]] == [400, 400, 400, 400]
    for answer in answers:
        assert answer.headers["Content-Type"] in ("application/problem+json", "application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("body", ["[]", "1", '"text"', "null", "true", "0", '""'])
def test_a_body_that_is_no_object_is_refused(alice: ApiClient, waiting: UUID, body: str):
    answer = alice.post(f"executions/{waiting}/pause/", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert answer.json()["errors"][0]["pointer"] == ""


def test_no_body_at_all_is_an_empty_object(alice: ApiClient, waiting: UUID):
    answer = alice.client.generic("POST", f"/api/durable/v1/executions/{waiting}/pause/")

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json; charset=utf-16",
        "application/xml",
        "x" * 300,
        "application/json/json",
    ],
)
def test_another_media_type_is_refused(alice: ApiClient, waiting: UUID, content_type: str):
    answer = alice.client.post(
        f"/api/durable/v1/executions/{waiting}/pause/", '{"reason": ""}', content_type
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


def test_a_compressed_body_is_refused(alice: ApiClient, waiting: UUID):
    answer = alice.post(f"executions/{waiting}/pause/", b"\x1f\x8b", Content_Encoding="gzip")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_that_is_too_large_is_not_read_to_its_end(
    alice: ApiClient, waiting: UUID, content_type: str
):
    body = '{"reason": "' + "x" * (20 * MAX_BODY_BYTES) + '"}'

    answer = alice.client.post(f"/api/durable/v1/executions/{waiting}/pause/", body, content_type)

    assert answer.status_code in (413, 415)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "a/b;q=x"])
def test_an_answer_that_is_no_json_is_not_given(alice: ApiClient, accept: str):
    answer = alice.get("", Accept=accept)

    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, */*;q=0.1"])
def test_json_is_given_to_who_accepts_it(alice: ApiClient, accept: str):
    assert alice.get("", Accept=accept).status_code == 200


@pytest.mark.parametrize("path", ["pause/", "fork/", "signals/"])
def test_a_body_in_chunks_is_refused_and_not_taken_for_none(
    alice: ApiClient, waiting: UUID, path: str
):
    where = f"/api/durable/v1/executions/{waiting}/{path}"

    # As a server gives them on: the body is in the stream, and no length says so.
    answer = alice.client.generic(
        "POST", where, b"", "application/json", headers={"Transfer-Encoding": "chunked"}
    )

    assert (answer.status_code, answer.json()["code"]) == (411, "length-required")
    assert WorkflowExecution.objects.get().pause_requested_at is None


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "2, 2", "٢"])
def test_a_length_that_is_none_is_refused(alice: ApiClient, waiting: UUID, length: str):
    where = f"/api/durable/v1/executions/{waiting}/pause/"

    answer = alice.client.generic("POST", where, CONTENT_LENGTH=length)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-body")


@pytest.mark.parametrize(("body", "is_taken"), [(b"", True), (b'{"dry_run": true}', False)])
def test_a_body_over_http_2_says_how_long_it_is(body: bytes, is_taken: bool):  # noqa: FBT001
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    request = ASGIRequest(scope, BytesIO(body))

    with nullcontext() if is_taken else pytest.raises(ProblemError) as refused:
        check_length(request)

    assert is_taken or refused.value.status_code == 411
