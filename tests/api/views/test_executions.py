from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from durable_django.control.permissions import Permission
from durable_django.domain.error_record import ErrorRecord
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from durable_django.testing.factories import make_outcome
from tests.api.stories import FAIL, ORDER, WAIT, ApiClient, begin, insert

VIEW, PAYLOADS = Permission.VIEW, Permission.PAYLOADS


class TestRetrieve:
    def test_it_says_where_an_execution_stands_and_what_may_be_done(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        answer = viewer.get(f"executions/{execution_id}/")

        body = answer.json()
        assert answer.status_code == 200
        assert body["status"] == "suspended"
        assert body["waiting"] == {"kind": "signal", "name": "approved", "until": None}
        assert body["actions"] == []
        assert body["error"] is None
        assert body["links"]["self"].endswith(f"/api/durable/v1/executions/{execution_id}/")
        assert answer.headers["ETag"]

    def test_it_names_the_acts_that_the_user_may_do_now(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        body = alice.get(f"executions/{execution_id}/").json()

        assert set(body["actions"]) == {
            "signal",
            "fire_timer",
            "cancel",
            "terminate",
            "pause",
            "fork",
        }

    def test_payloads_need_a_permission_and_are_redacted_even_then(
        self, durable: DurableDriver, alice: ApiClient, viewer: ApiClient
    ):
        execution_id = begin(durable, ORDER, order_id=991)

        told = alice.get(f"executions/{execution_id}/?include=steps").json()
        hidden = viewer.get(f"executions/{execution_id}/?include=steps").json()

        assert told["output"]["order_id"] == 991
        assert told["steps"]["results"][0]["output"] == {"reserved": 991, "password": "•••"}
        assert hidden["input"] == hidden["output"] == {"hidden": True}
        assert hidden["steps"]["results"][0]["output"] == {"hidden": True}

    def test_an_error_is_told_redacted_and_without_its_traceback(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, FAIL)
        for rows in (WorkflowExecution.objects.all(), StepCheckpoint.objects.all()):
            error = ErrorRecord.from_text(rows.get().error or "")
            rows.update(error=replace(error, traceback="Traceback: token=hunter2").to_text())

        answer = viewer.get(f"executions/{execution_id}/?include=steps")

        assert answer.json()["status"] == "failed"
        assert "card declined" in answer.json()["error"]["message"]
        assert b"hunter2" not in answer.content
        assert b"Traceback" not in answer.content
        assert b"traceback" not in answer.content

    def test_included_parts_are_first_pages(self, durable: DurableDriver, viewer: ApiClient):
        [execution_id] = insert()
        claim = engine().store.claim_one(
            WorkflowExecution.objects.get().pk, timedelta(minutes=1), "w"
        )
        assert claim is not None
        for number in range(201):
            engine().store.record_outcome(
                claim, make_outcome(claim.execution_id, f"s{number}", position=number + 1)
            )

        body = viewer.get(f"executions/{execution_id}/?include=steps,timers,signals").json()
        rest = viewer.get(body["steps"]["next"]).json()

        assert len(body["steps"]["results"]) == 200
        assert [one["key"] for one in rest["results"]] == ["s200"]
        assert body["timers"] == body["signals"] == {"results": [], "next": None, "previous": None}

    @pytest.mark.parametrize(
        "execution_id",
        ["00000000-0000-7000-8000-000000000000", "1", "no-uuid", "%00", "' OR 1=1", "é"],
    )
    def test_what_is_not_there_is_not_found_with_the_same_words(
        self, viewer: ApiClient, execution_id: str
    ):
        answer = viewer.get(f"executions/{execution_id}/")

        body = answer.json()
        del body["instance"]
        assert answer.status_code == 404
        assert body == {
            "type": "urn:durable-django:problem:execution-not-found",
            "title": "No such execution",
            "status": 404,
            "detail": "There is no such execution that you may see.",
            "code": "execution-not-found",
        }

    @pytest.mark.parametrize("part", ["", "steps/", "signals/", "timers/", "result/"])
    def test_what_is_out_of_scope_is_not_found_either(
        self, durable: DurableDriver, alice: ApiClient, part: str
    ):
        execution_id = begin(durable, WAIT)

        with override_settings(DURABLE={"SCOPE": "tests.api.doors.see_nothing"}):
            hidden = alice.get(f"executions/{execution_id}/{part}")
            absent = alice.get(f"executions/{uuid4()}/{part}")

        assert hidden.status_code == absent.status_code == 404
        assert hidden.json() | {"instance": ""} == absent.json() | {"instance": ""}

    @pytest.mark.parametrize("steps", [1, 200])
    def test_it_costs_as_many_queries_with_many_steps_as_with_one(
        self, durable: DurableDriver, alice: ApiClient, steps: int
    ):
        [execution_id] = insert()
        StepCheckpoint.objects.bulk_create(
            StepCheckpoint(
                execution_id=execution_id,
                key=f"s{number}",
                name=f"s{number}",
                position=number,
                kind="step",
                status="completed",
            )
            for number in range(steps)
        )

        with CaptureQueriesContext(connection) as queries:
            body = alice.get(f"executions/{execution_id}/?include=steps,signals,timers").json()

        assert len(body["steps"]["results"]) == steps
        # Session, user, two for the permissions, execution, version, and three parts.
        assert len(queries) == 9

    @pytest.mark.parametrize("include", ["parents", "steps,", "", "steps;timers"])
    def test_an_unknown_part_is_refused(
        self, durable: DurableDriver, viewer: ApiClient, include: str
    ):
        execution_id = begin(durable, WAIT)

        answer = viewer.get(f"executions/{execution_id}/?include={include}")

        assert answer.json()["code"] == "invalid-parameter"


class TestResult:
    def test_it_is_given_once_the_execution_has_completed(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, ORDER, order_id=7)

        answer = alice.get(f"executions/{execution_id}/result/")

        assert answer.status_code == 200
        assert answer.json() == {
            "status": "completed",
            "result": {"order_id": 7, "due": None, "price": "1"},
        }

    def test_before_that_the_answer_is_that_it_is_not_there_yet(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        answer = alice.get(f"executions/{execution_id}/result/")

        assert answer.status_code == 202
        assert answer.json() == {"status": "suspended", "result": None}
        assert answer.headers["Durable-Poll-After"] == "2"

    def test_of_what_failed_there_is_the_error(self, durable: DurableDriver, alice: ApiClient):
        execution_id = begin(durable, FAIL)

        answer = alice.get(f"executions/{execution_id}/result/")

        assert answer.status_code == 409
        assert answer.json()["code"] == "execution-failed"
        assert answer.json()["current_status"] == "failed"
        assert "card declined" in answer.json()["error"]["message"]
        assert b"hunter2" not in answer.content

    def test_it_needs_the_permission_for_payloads(self, durable: DurableDriver, viewer: ApiClient):
        execution_id = begin(durable, ORDER, order_id=7)

        assert viewer.get(f"executions/{execution_id}/result/").status_code == 403
