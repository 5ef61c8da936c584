from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import override_settings

from durable_django.control.permissions import Permission
from durable_django.models import ExecutionEvent, WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import ALL, FAIL, HIDDEN, NAP, ORDER, WAIT, ApiClient, begin

ACTS = ["cancel", "pause", "resume", "retry", "fork", "timers/rest/fire"]


@pytest.fixture
def bob(db: None) -> ApiClient:
    return ApiClient(*ALL, name="bob")


def status_of(execution_id: UUID) -> str:
    return str(WorkflowExecution.objects.get(pk=execution_id).status)


class TestCancel:
    def test_it_is_accepted_and_done_by_a_worker(self, durable: DurableDriver, alice: ApiClient):
        execution_id = begin(durable, WAIT)

        answer = alice.post(f"executions/{execution_id}/cancel/", {"reason": "not needed"})
        durable.drain()

        assert answer.status_code == 202
        assert answer.json()["status"] == "suspended"
        assert answer.json()["cancel"]["reason"] == "not needed"
        assert answer.json()["cancel"]["requested_by"]["name"] == "alice"
        assert status_of(execution_id) == "cancelled"

    def test_it_is_audited_with_the_reason(self, durable: DurableDriver, alice: ApiClient):
        execution_id = begin(durable, WAIT)

        alice.post(f"executions/{execution_id}/cancel/", {"reason": "not needed"})

        event = ExecutionEvent.objects.get()
        assert (event.type, event.actor_name) == ("cancel_requested", "alice")
        assert event.reason == "not needed"

    def test_of_two_one_wins_and_the_other_is_told_who_and_when(
        self, durable: DurableDriver, alice: ApiClient, bob: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        first = alice.post(f"executions/{execution_id}/cancel/", {"reason": "mine"})
        second = bob.post(f"executions/{execution_id}/cancel/", {"reason": "no, mine"})

        assert (first.status_code, second.status_code) == (202, 200)
        assert second.json()["cancel"] == first.json()["cancel"]
        assert second.json()["cancel"]["requested_by"]["name"] == "alice"
        assert ExecutionEvent.objects.count() == 1

    def test_who_comes_when_it_is_over_is_told_too(
        self, durable: DurableDriver, alice: ApiClient, bob: ApiClient
    ):
        execution_id = begin(durable, WAIT)
        first = alice.post(f"executions/{execution_id}/cancel/", {})
        durable.drain()

        late = bob.post(f"executions/{execution_id}/cancel/", {})

        problem = late.json()
        assert (late.status_code, problem["code"]) == (409, "invalid-state")
        assert problem["current_status"] == "cancelled"
        assert "pending" in problem["allowed_statuses"]
        assert problem["cancel"] == first.json()["cancel"]

    def test_without_undoing_it_needs_one_more_permission(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, WAIT)
        lesser = ApiClient(Permission.VIEW, Permission.CANCEL)
        body = {"compensate": False}

        refused = lesser.post(f"executions/{execution_id}/cancel/", body)
        accepted = alice.post(f"executions/{execution_id}/cancel/", body)

        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "terminate_execution" in refused.json()["detail"]
        assert accepted.status_code == 202
        assert accepted.json()["cancel"]["compensate"] is False


class TestOtherActs:
    def test_a_paused_execution_goes_on_when_resumed(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        paused = alice.post(f"executions/{execution_id}/pause/", {"reason": "look"})
        again = alice.post(f"executions/{execution_id}/pause/")
        resumed = alice.post(f"executions/{execution_id}/resume/")

        assert (paused.status_code, paused.json()["status"]) == (202, "paused")
        assert again.status_code == 200
        assert (resumed.status_code, resumed.json()["status"]) == (202, "suspended")

    def test_a_failed_execution_runs_again_when_retried(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, FAIL)

        answer = alice.post(f"executions/{execution_id}/retry/", {"reason": "new card"})

        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        assert answer.json()["epoch"] == 1

    def test_a_timer_is_fired_now(self, durable: DurableDriver, alice: ApiClient):
        execution_id = begin(durable, NAP)

        answer = alice.post(f"executions/{execution_id}/timers/rest/fire/", {"reason": "hurry"})
        durable.drain()

        assert answer.status_code == 202
        assert status_of(execution_id) == "completed"

    @pytest.mark.parametrize("key", ["none", "~undo/rest", "a/b%232", "%2F", "rest/fire"])
    def test_a_timer_that_is_not_there_is_not_found(
        self, durable: DurableDriver, alice: ApiClient, key: str
    ):
        execution_id = begin(durable, NAP)

        answer = alice.post(f"executions/{execution_id}/timers/{key}/fire/")

        assert (answer.status_code, answer.json()["code"]) == (404, "timer-not-found")

    @pytest.mark.parametrize("act", ["cancel", "pause", "resume", "retry", "timers/rest/fire"])
    def test_what_the_status_does_not_allow_is_refused(
        self, durable: DurableDriver, alice: ApiClient, act: str
    ):
        execution_id = begin(durable, ORDER, order_id=1)

        answer = alice.post(f"executions/{execution_id}/{act}/")

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "invalid-state")
        assert problem["current_status"] == "completed"
        assert not ExecutionEvent.objects.exists()

    @pytest.mark.parametrize("act", ACTS)
    @pytest.mark.parametrize("where", ["absent", "out of scope", "no id"])
    def test_what_cannot_be_seen_is_not_found(
        self, durable: DurableDriver, alice: ApiClient, act: str, where: str
    ):
        known = begin(durable, NAP)
        scope = "tests.api.doors.see_nothing" if where == "out of scope" else ""
        execution_id = {"absent": uuid4(), "out of scope": known, "no id": "x"}[where]

        with override_settings(DURABLE={"SCOPE": scope}):
            answer = alice.post(f"executions/{execution_id}/{act}/")

        assert (answer.status_code, answer.json()["code"]) == (404, "execution-not-found")

    @pytest.mark.parametrize("act", ACTS)
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"status": "completed"}, "/status"),
            ({"reason": "r" * 501}, "/reason"),
            ({"reason": 5}, "/reason"),
            ({"reason": None}, "/reason"),
        ],
        ids=["mass assignment", "long", "number", "null"],
    )
    def test_a_body_that_does_not_fit_is_refused(
        self, durable: DurableDriver, alice: ApiClient, act: str, body: Any, pointer: str
    ):
        execution_id = begin(durable, NAP)
        before = WorkflowExecution.objects.values().get()

        answer = alice.post(f"executions/{execution_id}/{act}/", body)

        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert WorkflowExecution.objects.values().get() == before

    @pytest.mark.parametrize("act", ACTS)
    def test_getting_it_acts_on_nothing(self, durable: DurableDriver, alice: ApiClient, act: str):
        execution_id = begin(durable, NAP)

        answer = alice.get(f"executions/{execution_id}/{act}/")

        assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
        assert not ExecutionEvent.objects.exists()


class TestFork:
    def test_a_dry_run_says_what_would_be_done_and_does_nothing(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        answer = alice.post(
            f"executions/{execution_id}/fork/", {"from_step": "prepare", "dry_run": True}
        )

        assert answer.status_code == 200
        assert answer.json() == {
            "execution_id": str(execution_id),
            "workflow": WAIT,
            "from_version": 1,
            "version": 1,
            "from_step": "prepare",
            "reused": [],
            "again": ["prepare"],
            "group": "",
        }
        assert WorkflowExecution.objects.count() == 1

    def test_another_input_is_for_exposed_workflows_only(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, HIDDEN)

        other = alice.post(f"executions/{execution_id}/fork/", {"input": {"count": 2}})
        same = alice.post(f"executions/{execution_id}/fork/")

        assert (other.status_code, other.json()["code"]) == (403, "not-exposed")
        assert same.status_code == 201

    def test_a_fork_is_an_execution_of_its_own(self, durable: DurableDriver, alice: ApiClient):
        execution_id = begin(durable, ORDER, order_id=1)

        answer = alice.post(
            f"executions/{execution_id}/fork/", {"input": {"order_id": 2}, "reason": "again"}
        )
        durable.drain()

        fork = answer.json()
        assert answer.status_code == 201
        assert answer.headers["Location"] == fork["links"]["self"]
        assert fork["forked_from"] == str(execution_id)
        result = alice.get(f"executions/{fork['id']}/result/").json()["result"]
        assert result["order_id"] == 2

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"from_step": "no such"}, 400, "unknown-step"),
            ({"version": 9}, 404, "unknown-workflow"),
            ({"input": {"order_id": "x"}}, 400, "invalid-input"),
            ({"input": {}}, 400, "invalid-input"),
            ({"dry_run": 1}, 400, "invalid-input"),
        ],
    )
    def test_what_cannot_be_forked_is_refused(
        self, durable: DurableDriver, alice: ApiClient, body: Any, status: int, code: str
    ):
        execution_id = begin(durable, ORDER, order_id=1)

        answer = alice.post(f"executions/{execution_id}/fork/", body)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert WorkflowExecution.objects.count() == 1


class TestIfMatch:
    def test_the_version_that_is_meant_is_acted_on(self, durable: DurableDriver, alice: ApiClient):
        execution_id = begin(durable, WAIT)
        tag = alice.get(f"executions/{execution_id}/").headers["ETag"]

        answer = alice.post(f"executions/{execution_id}/pause/", If_Match=tag)

        assert answer.status_code == 202

    @pytest.mark.parametrize("act", [*ACTS, "signals"])
    def test_another_version_is_not(self, durable: DurableDriver, alice: ApiClient, act: str):
        execution_id = begin(durable, NAP)
        tag = alice.get(f"executions/{execution_id}/").headers["ETag"]
        engine().send_signal(execution_id, "other", 1)
        before = WorkflowExecution.objects.values().get()
        body = {"name": "approved"} if act == "signals" else {}

        answer = alice.post(f"executions/{execution_id}/{act}/", body, If_Match=tag)

        assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
        assert WorkflowExecution.objects.values().get() == before

    def test_the_tag_of_an_answer_to_an_act_can_be_used_for_the_next(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, WAIT)

        paused = alice.post(f"executions/{execution_id}/pause/")
        resumed = alice.post(f"executions/{execution_id}/resume/", If_Match=paused["ETag"])

        assert resumed.status_code == 202


def test_a_timer_that_no_database_could_hold_is_none(durable: DurableDriver, alice: ApiClient):
    execution_id = begin(durable, NAP)

    answer = alice.post(f"executions/{execution_id}/timers/re%00st/fire/")

    assert (answer.status_code, answer.json()["code"]) == (404, "timer-not-found")
