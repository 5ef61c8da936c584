from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from durable_django import Recurrence, schedules, workflow
from durable_django.control.permissions import Permission
from durable_django.engine.registry import default_registry
from durable_django.models import Schedule, WorkflowExecution
from durable_django.models import ScheduleTick as TickRow
from durable_django.testing import DurableDriver
from tests.api.doors import durable_settings
from tests.api.stories import HIDDEN, NAP, ORDER, ApiClient

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
DAILY: dict[str, Any] = {
    "name": "daily",
    "workflow": ORDER,
    "input": {"order_id": 7, "due": "2026-02-03"},
    "cron": "30 2 * * *",
    "timezone": "Europe/Berlin",
}


@pytest.fixture(autouse=True)
def clock(durable: DurableDriver) -> DurableDriver:
    return durable


@pytest.fixture
def of_code(durable: DurableDriver) -> Iterator[str]:
    @workflow(name="api.by_code", schedule=Recurrence("0 4 * * *"), expose=True)
    def by_code(ctx: Any) -> None: ...

    durable.schedules.sync()
    # Those of the example's workflows.
    Schedule.objects.filter(source="code").exclude(name="api.by_code").delete()
    yield "api.by_code"
    default_registry.forget("api.by_code")


def patch(who: ApiClient, path: str, body: Any, **headers: str) -> Any:
    return who.client.patch(
        f"/api/durable/v1/{path}", json.dumps(body), "application/json", headers=headers
    )


def delete(who: ApiClient, path: str) -> Any:
    return who.client.delete(f"/api/durable/v1/{path}")


def add(who: ApiClient, **fields: Any) -> Any:
    return who.post("schedules/", DAILY | fields)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def pointers(answer: Any) -> list[str]:
    return [one["pointer"] for one in answer.json()["errors"]]


def test_no_schedule_has_a_name_that_no_database_takes(alice: ApiClient):
    there = "schedules/a%00b/"

    answers = [
        alice.get(there),
        patch(alice, there, {"priority": 1}),
        alice.post(f"{there}run/"),
        alice.post(f"{there}pause/"),
        delete(alice, there),
    ]

    assert {code_of(answer) for answer in answers} == {(404, "schedule-not-found")}


class TestAdding:
    def test_it_tells_when_it_runs_next_in_both_zones(self, alice: ApiClient):
        answer = add(alice)

        told = answer.json()
        assert answer.status_code == 201
        assert answer.headers["Location"] == told["links"]["self"]
        assert len(told["next_runs"]) == 5
        assert told["next_runs"][0] == {
            "at": "2026-01-01T01:30:00Z",
            "local": "2026-01-01T02:30:00+01:00",
        }
        assert told["in_words"] == "At 02:30 every day (Europe/Berlin)"
        assert told["changed_by"].endswith("alice")
        assert alice.get(told["links"]["self"]).json() == told

    def test_input_is_what_the_signature_says(self, alice: ApiClient, durable: DurableDriver):
        add(alice)

        durable.advance(days=1)

        [execution] = WorkflowExecution.objects.all()
        assert durable.engine.get(execution.pk).status == "completed"
        assert '"$date"' in execution.input

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"input": {"order_id": "x"}}, "/input/order_id"),
            ({"input": {"order_id": 1, "due": 7}}, "/input/due"),
            ({"input": {}}, "/input/order_id"),
            ({"timezone": "Mars/Olympus"}, "/timezone"),
            ({"every_seconds": 60}, "/every_seconds"),
            ({"misfire_grace_seconds": 3_000_000_000}, "/misfire_grace_seconds"),
            ({"overlap": "maybe"}, "/overlap"),
            ({"name": "no/slash"}, "/name"),
            ({"surprise": 1}, "/surprise"),
            ({"tick_argument": "order_id"}, "/tick_argument"),
        ],
    )
    def test_what_is_wrong_is_pointed_at(
        self, alice: ApiClient, wrong: dict[str, Any], pointer: str
    ):
        answer = add(alice, **wrong)

        assert code_of(answer) == (400, "invalid-input")
        assert pointers(answer)[0].startswith(pointer.rpartition("/")[0] or pointer)
        assert not Schedule.objects.exists()

    @pytest.mark.parametrize("cron", ["61 * * * *", "* * *", "@daily", "0 0 30 2 *", ""])
    def test_bad_cron_is_called_so(self, alice: ApiClient, cron: str):
        answer = add(alice, cron=cron)

        assert code_of(answer) == (400, "invalid-cron")
        assert pointers(answer) == ["/cron"]

    def test_argument_of_the_tick_is_left_out_of_the_input(self, alice: ApiClient):
        answer = add(alice, input={}, tick_argument="order_id")

        assert answer.status_code == 201

    def test_name_is_taken_once(self, alice: ApiClient):
        add(alice)

        assert code_of(add(alice)) == (409, "already-exists")

    def test_workflow_must_be_exposed(self, alice: ApiClient):
        answer = add(alice, workflow=HIDDEN, input={})

        assert code_of(answer) == (403, "not-exposed")
        assert code_of(add(alice, workflow="no.such")) == (404, "unknown-workflow")
        assert code_of(add(alice, workflow="durable.bulk", input={})) == (403, "not-exposed")

    def test_same_key_gives_the_same_answer(self, alice: ApiClient):
        first = alice.post("schedules/", DAILY, **{"Idempotency-Key": "k"})
        again = alice.post("schedules/", DAILY, **{"Idempotency-Key": "k"})

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert Schedule.objects.count() == 1

    def test_name_with_odd_characters_has_its_address(self, alice: ApiClient):
        name = "Tägliche Post: 9.30-x_y"
        there = add(alice, name=name).headers["Location"]

        assert quote(name, safe=":") in there or quote(name) in there
        assert alice.get(there).json()["name"] == name
        assert alice.post(f"schedules/{quote(name)}/pause/").status_code == 200


class TestLooking:
    def test_pages_follow_one_another(self, alice: ApiClient):
        for number in range(5):
            add(alice, name=f"daily-{number}")

        first = alice.get("schedules/?page_size=2").json()
        second = alice.get(first["next"]).json()

        names = [one["name"] for one in first["results"] + second["results"]]
        assert names == ["daily-0", "daily-1", "daily-2", "daily-3"]
        assert alice.get(second["previous"]).json()["results"] == first["results"]

    def test_filters_narrow_the_list(self, alice: ApiClient, of_code: str):
        add(alice)
        alice.post("schedules/daily/pause/", {"reason": "holidays"})

        def names(query: str) -> list[str]:
            return [one["name"] for one in alice.get(f"schedules/?{query}").json()["results"]]

        assert names("is_enabled=false") == ["daily"]
        assert names("is_enabled=true") == names("source=code") == [of_code]
        assert names(f"workflow={ORDER}") == ["daily"]

    @pytest.mark.parametrize("count", [1, 40])
    def test_queries_do_not_grow(
        self, alice: ApiClient, durable: DurableDriver, django_assert_num_queries: Any, count: int
    ):
        for number in range(count):
            schedules.create(f"s-{number}", ORDER, every=timedelta(hours=1), input={"order_id": 1})
        durable.advance(hours=1, minutes=1)
        alice.get("schedules/")

        with django_assert_num_queries(7):
            answer = alice.get("schedules/")

        told = answer.json()["results"]
        assert len(told) == count
        assert all(one["last_tick"]["execution"]["status"] == "completed" for one in told)

    def test_input_is_for_who_may_see_payloads(self, alice: ApiClient):
        add(alice)
        viewer = ApiClient(Permission.VIEW_SCHEDULES, name="viewer")

        assert viewer.get("schedules/daily/").json()["input"] == {"hidden": True}
        assert viewer.get("schedules/daily/").json()["actions"] == []
        assert alice.get("schedules/daily/").json()["input"]["order_id"] == 7

    def test_nobody_learns_of_executions_that_are_not_theirs(
        self, alice: ApiClient, durable: DurableDriver
    ):
        add(alice)
        durable.advance(days=1)

        with durable_settings(SCOPE="tests.api.doors.see_nothing"):
            told = alice.get("schedules/daily/").json()

        assert told["last_tick"]["outcome"] == "started"
        assert told["last_tick"]["execution"] is None

    def test_ticks_say_what_became_of_them(self, alice: ApiClient, durable: DurableDriver):
        add(alice, cron="", every_seconds=3600, workflow=NAP, input={}, name="hourly")
        durable.advance(hours=3)

        first = alice.get("schedules/hourly/ticks/?page_size=1").json()
        rest = alice.get(first["next"].replace("page_size=1", "page_size=9")).json()["results"]

        outcomes = [one["outcome"] for one in first["results"] + rest]
        assert outcomes == ["skipped", "skipped", "started"]
        assert rest[-1]["execution"]["status"] == "suspended"

    def test_there_is_none_of_that_name(self, alice: ApiClient):
        for path in ("schedules/none/", "schedules/none/ticks/", "schedules/a%00b/"):
            assert code_of(alice.get(path)) == (404, "schedule-not-found")
        for act in ("pause", "resume", "run"):
            assert code_of(alice.post(f"schedules/none/{act}/")) == (404, "schedule-not-found")
        assert code_of(patch(alice, "schedules/none/", {})) == (404, "schedule-not-found")
        assert code_of(delete(alice, "schedules/none/")) == (404, "schedule-not-found")

    def test_one_that_cannot_tick_here_says_why(self, alice: ApiClient):
        add(alice)
        Schedule.objects.update(timezone="Mars/Olympus")

        told = alice.get("schedules/daily/").json()

        assert "Mars/Olympus" in told["problem"]
        assert told["next_runs"] == []


class TestChanging:
    def test_only_what_is_said_changes(self, alice: ApiClient):
        before = add(alice).json()

        told = patch(alice, "schedules/daily/", {"every_seconds": 600, "priority": 5}).json()

        assert (told["cron"], told["every_seconds"], told["priority"]) == (None, 600, 5)
        assert told["input"] == before["input"]

    def test_new_input_fits_the_workflow_too(self, alice: ApiClient):
        add(alice)

        wrong = patch(alice, "schedules/daily/", {"input": {"order_id": []}})

        assert code_of(wrong) == (400, "invalid-input")
        assert pointers(wrong) == ["/input/order_id"]
        assert code_of(patch(alice, "schedules/daily/", {"workflow": HIDDEN}))[1] == "not-exposed"

    def test_bad_cron_changes_nothing(self, alice: ApiClient):
        before = add(alice).json()

        assert code_of(patch(alice, "schedules/daily/", {"cron": "x"})) == (400, "invalid-cron")
        assert alice.get("schedules/daily/").json() == before

    def test_what_the_code_defines_is_changed_there(self, alice: ApiClient, of_code: str):
        for answer in (
            patch(alice, f"schedules/{of_code}/", {"cron": "0 5 * * *"}),
            patch(alice, f"schedules/{of_code}/", {"input": {"x": 1}}),
            delete(alice, f"schedules/{of_code}/"),
        ):
            assert code_of(answer) == (409, "defined-in-code")
        assert alice.get(f"schedules/{of_code}/").json()["actions"] == [
            "enable",
            "disable",
            "trigger",
            "backfill",
        ]
        assert alice.post(f"schedules/{of_code}/pause/").status_code == 200

    def test_deleted_is_gone(self, alice: ApiClient):
        add(alice)

        assert delete(alice, "schedules/daily/").status_code == 204
        assert not Schedule.objects.exists()


class TestRunning:
    def test_paused_and_resumed(self, alice: ApiClient):
        add(alice)

        paused = alice.post("schedules/daily/pause/", {"reason": "token=hunter2"}).json()
        resumed = alice.post("schedules/daily/resume/").json()

        assert (paused["is_enabled"], paused["next_tick_at"]) == (False, None)
        assert "hunter2" not in paused["disabled_reason"]
        assert (resumed["is_enabled"], resumed["next_tick_at"]) == (True, "2026-01-01T01:30:00Z")

    def test_run_starts_it_now(self, alice: ApiClient):
        add(alice)

        answer = alice.post("schedules/daily/run/", {"reason": "to see"})

        assert answer.status_code == 201
        assert alice.get(answer.headers["Location"]).json()["id"] == answer.json()["execution_id"]
        tick = TickRow.objects.get()
        assert (tick.kind, str(tick.execution_id)) == ("manual", answer.json()["execution_id"])

    def test_backfill_counts_first_and_starts_then(self, alice: ApiClient, durable: DurableDriver):
        add(alice)
        alice.post("schedules/daily/pause/")
        durable.advance(days=3)
        asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00+01:00"}

        plan = alice.post("schedules/daily/backfill/", asked | {"dry_run": True})
        none = WorkflowExecution.objects.count()
        done = alice.post("schedules/daily/backfill/", asked)
        again = alice.post("schedules/daily/backfill/", asked)

        assert (plan.status_code, none) == (200, 0)
        assert plan.json()["ticks"] == ["2026-01-01T01:30:00Z", "2026-01-02T01:30:00Z"]
        assert (done.status_code, done.json()["count"]) == (202, 2)
        assert again.json()["count"] == 0
        started = {UUID(one) for one in done.json()["execution_ids"]}
        assert set(WorkflowExecution.objects.values_list("pk", flat=True)) == started

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"to": "2031-01-01T00:00:00Z"}, "/to"),
            ({"to": "2025-01-01T00:00:00Z"}, "/to"),
            ({"from": "2025-06-01"}, "/from"),
            ({"until": "2025-06-01"}, "/until"),
        ],
    )
    def test_range_that_is_none_is_pointed_at(
        self, alice: ApiClient, wrong: dict[str, Any], pointer: str
    ):
        add(alice)
        asked = {"from": "2025-12-30T00:00:00Z", "to": "2026-01-01T00:00:00Z"} | wrong

        answer = alice.post("schedules/daily/backfill/", asked)

        assert code_of(answer) == (400, "invalid-input")
        assert pointers(answer) == [pointer]

    def test_too_many_at_once_are_refused(self, alice: ApiClient):
        add(alice, cron="", every_seconds=60, name="minutely", anchor_at="2025-12-01T00:00:00Z")
        asked = {"from": "2025-12-30T00:00:00Z", "to": "2026-01-01T00:00:00Z"}

        dry = alice.post("schedules/minutely/backfill/", asked | {"dry_run": True})
        answer = alice.post("schedules/minutely/backfill/", asked)

        assert (dry.json()["count"], len(dry.json()["ticks"])) == (2880, 1000)
        assert code_of(answer) == (400, "invalid-input")
        assert not WorkflowExecution.objects.exists()

    def test_who_would_not_see_it_starts_nothing(self, alice: ApiClient, durable: DurableDriver):
        add(alice)
        alice.post("schedules/daily/pause/")
        durable.advance(days=3)
        asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z"}

        with durable_settings(SCOPE="tests.api.doors.see_nothing"):
            ran = alice.post("schedules/daily/run/")
            filled = alice.post("schedules/daily/backfill/", asked)

        assert code_of(ran) == code_of(filled) == (403, "forbidden")
        assert not WorkflowExecution.objects.exists()
        assert not TickRow.objects.exists()

    def test_operators_run_and_do_not_edit(self, alice: ApiClient):
        add(alice)
        runner = ApiClient(Permission.VIEW_SCHEDULES, Permission.RUN_SCHEDULES, name="runner")

        assert runner.post("schedules/daily/pause/").status_code == 200
        assert runner.post("schedules/daily/run/").status_code == 201
        assert code_of(patch(runner, "schedules/daily/", {"priority": 1})) == (403, "forbidden")
        assert code_of(delete(runner, "schedules/daily/")) == (403, "forbidden")
        assert code_of(add(runner, name="new")) == (403, "forbidden")
