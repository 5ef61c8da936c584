from __future__ import annotations

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from durable_django.control.permissions import Permission
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import NAP, ORDER, WAIT, ApiClient, begin

VIEW, PAYLOADS = Permission.VIEW, Permission.PAYLOADS


def test_a_known_version_is_not_sent_again(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)
    seen = viewer.get(f"executions/{execution_id}/")

    again = viewer.get(f"executions/{execution_id}/", If_None_Match=seen.headers["ETag"])

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["ETag"] == seen.headers["ETag"]


def test_a_change_is_sent(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)
    seen = viewer.get(f"executions/{execution_id}/")
    engine().send_signal(WorkflowExecution.objects.get().pk, "other", 1)

    again = viewer.get(f"executions/{execution_id}/", If_None_Match=seen.headers["ETag"])

    assert again.status_code == 200


def test_a_user_who_sees_more_has_another_version(
    durable: DurableDriver, viewer: ApiClient, alice: ApiClient
):
    execution_id = begin(durable, WAIT)
    seen = viewer.get(f"executions/{execution_id}/")

    other = alice.get(f"executions/{execution_id}/", If_None_Match=seen.headers["ETag"])

    assert other.status_code == 200


@pytest.mark.parametrize(
    ("workflow", "expected"), [(WAIT, "2"), (NAP, "60"), (ORDER, None)], ids=str
)
def test_the_client_is_told_when_to_look_again(
    durable: DurableDriver, viewer: ApiClient, workflow: str, expected: str | None
):
    given = {"order_id": 1} if workflow == ORDER else {}
    execution_id = begin(durable, workflow, **given)

    answer = viewer.get(f"executions/{execution_id}/")

    assert answer.headers.get("Durable-Poll-After") == expected


def test_waiting_is_refused_unless_the_project_allows_it(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)

    answer = viewer.get(f"executions/{execution_id}/?wait=10")

    assert answer.status_code == 400
    assert "If-None-Match" in answer.json()["detail"]


def test_waiting_longer_than_allowed_is_refused(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)

    with override_settings(DURABLE={"REST_MAX_WAIT_SECONDS": 5}):
        answer = viewer.get(f"executions/{execution_id}/?wait=6")

    assert "at most 5 seconds" in answer.json()["detail"]


def test_what_has_ended_is_not_waited_for(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, ORDER, order_id=1)

    with override_settings(DURABLE={"REST_MAX_WAIT_SECONDS": 3600}):
        answer = viewer.get(f"executions/{execution_id}/?wait=3600")

    assert answer.status_code == 200


def test_an_old_version_is_not_waited_for(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)

    with override_settings(DURABLE={"REST_MAX_WAIT_SECONDS": 3600}):
        answer = viewer.get(f"executions/{execution_id}/?wait=3600", If_None_Match='"old"')

    assert answer.status_code == 200


def test_a_wait_without_news_ends(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)
    seen = viewer.get(f"executions/{execution_id}/")

    with override_settings(DURABLE={"REST_MAX_WAIT_SECONDS": 1}):
        answer = viewer.get(
            f"executions/{execution_id}/?wait=0.05", If_None_Match=seen.headers["ETag"]
        )

    assert answer.status_code == 304


@pytest.mark.parametrize("act", ["cancel", "pause", "fork", "timers/rest/fire"])
def test_a_row_out_of_scope_is_not_locked_for_its_version(
    durable: DurableDriver, alice: ApiClient, act: str
):
    execution_id = begin(durable, NAP)

    with (
        override_settings(DURABLE={"SCOPE": "tests.api.doors.see_nothing"}),
        CaptureQueriesContext(connection) as queries,
    ):
        answer = alice.post(f"executions/{execution_id}/{act}/", If_Match="*")

    written = [one["sql"] for one in queries if "UPDATE" in one["sql"]]
    assert answer.status_code == 404
    assert not any("durable_django_workflowexecution" in sql for sql in written)
