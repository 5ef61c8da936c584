from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.permissions import Permission
from durable_django.models import ExecutionEvent, HumanTask, HumanTaskCandidate, HumanTaskLink
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.doors import durable_settings, see_nothing
from tests.api.stories import ApiClient, ids
from tests.control.human_tasks import sample_forms
from tests.control.human_tasks.desk import execution, fresh, over, task

DO, SEE, STEER = Permission.COMPLETE_TASKS, Permission.VIEW_TASKS, Permission.REASSIGN_TASKS
YES = {"data": {"approved": True}}
REFUND = f"{sample_forms.__name__}.RefundForm"


@pytest.fixture(autouse=True)
def store(durable: DurableDriver) -> DurableDriver:
    return durable


@pytest.fixture
def eva(store: Any) -> ApiClient:
    return ApiClient(DO, name="eva")


@pytest.fixture
def bob(store: Any) -> ApiClient:
    return ApiClient(DO, name="bob")


@pytest.fixture
def boss(store: Any) -> ApiClient:
    return ApiClient(SEE, STEER, name="boss")


def code_of(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class TestFinding:
    def test_newest_first_what_waits_and_concerns_one(
        self, eva: ApiClient, boss: ApiClient
    ) -> None:
        mine, offered, hrs = task(assignee="eva"), task("eva"), task("group:hr")
        over(task("eva"))

        assert ids(eva.get("tasks/")) == [str(offered.pk), str(mine.pk)]
        assert ids(boss.get("tasks/")) == [str(hrs.pk), str(offered.pk), str(mine.pk)]

    def test_by_who_has_it_state_time_workflow_and_execution(self, eva: ApiClient) -> None:
        now = engine().store.now()
        own = execution(workflow_name="shop.refund")
        mine = task(assignee="eva", due_at=now, of=own)
        other = task()
        done = task("eva")
        over(done)

        def found(query: str) -> list[str]:
            return ids(eva.get(f"tasks/?{query}"))

        assert found("assignee=me") == [str(mine.pk)]
        assert found("assignee=eva") == [str(mine.pk)]
        assert found("state=open") == [str(other.pk)]
        assert found("state=claimed") == [str(mine.pk)]
        assert found("state=done") == [str(done.pk)]
        assert found("state=all") == [str(done.pk), str(other.pk), str(mine.pk)]
        assert found("due_before=2026-01-01T00:00:01Z") == [str(mine.pk)]
        assert found("workflow=shop.refund") == [str(mine.pk)]
        assert found(f"execution={own.pk}") == [str(mine.pk)]

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("stat=open", "unknown-parameter"),
            ("state=waiting", "invalid-parameter"),
            ("assignee=", "invalid-parameter"),
            ("assignee=%00", "invalid-parameter"),
            ("due_before=tomorrow", "invalid-parameter"),
            ("due_before=2026-01-01T00:00:00", "invalid-parameter"),
            ("due_before=9999-12-31T23:59:59Z", "invalid-parameter"),
            ("execution=7", "invalid-parameter"),
            ("workflow=" + "x" * 300, "invalid-parameter"),
            ("cursor=x", "invalid-cursor"),
            ("page_size=1000", "invalid-parameter"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, eva: ApiClient, query: str, code: str) -> None:
        assert code_of(eva.get(f"tasks/?{query}")) == (400, code)

    def test_any_offset_is_an_offset(self, eva: ApiClient) -> None:
        # PostgreSQL itself takes none of 16 hours or more.
        assert ids(eva.get("tasks/?due_before=2026-01-01T00:00:00%2B23:59")) == []

    def test_it_comes_in_pages(self, eva: ApiClient) -> None:
        made = [str(task().pk) for _ in range(3)]

        first = eva.get("tasks/?page_size=2").json()
        second = eva.get(first["next"]).json()

        assert [one["id"] for one in first["results"] + second["results"]] == made[::-1]
        assert second["next"] is None

    @pytest.mark.parametrize("count", [1, 200])
    def test_a_page_costs_the_same_however_many_tasks_it_has(
        self, boss: ApiClient, count: int
    ) -> None:
        one, now = execution(), engine().store.now()
        made = HumanTask.objects.bulk_create(
            HumanTask(execution=one, key=f"k{n}", name="n", created_at=now, updated_at=now)
            for n in range(count)
        )
        HumanTaskCandidate.objects.bulk_create(
            HumanTaskCandidate(task=row, kind="group", name="finance") for row in made
        )

        with CaptureQueriesContext(connection) as queries:
            answer = boss.get("tasks/?page_size=200")

        # Session, user, two for the permissions, groups, tasks, candidates.
        assert (len(ids(answer)), len(queries)) == (count, 7)

    def test_out_of_scope_nothing_is_there(self, boss: ApiClient) -> None:
        row = task()
        with durable_settings(SCOPE=f"{see_nothing.__module__}.see_nothing"):
            assert ids(boss.get("tasks/")) == []
            assert code_of(boss.get(f"tasks/{row.pk}/")) == (404, "task-not-found")
            assert code_of(boss.post(f"tasks/{row.pk}/cancel/")) == (404, "task-not-found")


class TestLooking:
    def test_whom_it_is_for_sees_what_they_decide_on_and_the_form(self, eva: ApiClient) -> None:
        display = engine().payloads.encode({"amount": 77, "token": "hunter2"}, "It")
        row = task("eva", form=REFUND, fields=[], display=display)

        told = eva.get(f"tasks/{row.pk}/").json()

        assert told["display"] == {"amount": 77, "token": "•••"}
        assert [field["name"] for field in told["form"]][:3] == ["amount", "reason", "pay_at"]
        assert told["actions"] == ["claim", "complete"]
        assert told["candidates"] == [{"kind": "user", "name": "eva"}]
        assert told["execution"]["workflow"] == "shop.order"
        assert set(told["links"]) == {"self"}

    def test_who_only_looks_does_not_see_what_is_decided_on(self, boss: ApiClient) -> None:
        row = task("eva", display=engine().payloads.encode({"amount": 77}, "It"))

        told = boss.get(f"tasks/{row.pk}/").json()

        assert told["display"] == {"hidden": True}
        assert told["actions"] == ["reassign", "cancel"]

    def test_a_form_that_is_not_loaded_is_said(self, eva: ApiClient) -> None:
        row = task(form="shop.forms.RefundForm")

        told = eva.get(f"tasks/{row.pk}/").json()

        assert told["form"] is None
        assert "not known in this process" in told["form_problem"]

    @pytest.mark.parametrize("task_id", [str(UUID(int=7)), "x", "%00", "%ED%A0%80"])
    def test_what_is_not_there_or_not_theirs_gets_one_answer(
        self, eva: ApiClient, task_id: str
    ) -> None:
        others = eva.get(f"tasks/{task('bob').pk}/").json()

        answer = eva.get(f"tasks/{task_id}/")

        assert code_of(answer) == (404, "task-not-found")
        assert answer.json()["detail"] == others["detail"]

    def test_secrets_in_words_are_hidden(self, eva: ApiClient) -> None:
        row = task(title="password=hunter2", description="token=hunter2")

        assert "hunter2" not in eva.get(f"tasks/{row.pk}/").content.decode()


class TestActing:
    def test_a_task_goes_its_way(self, eva: ApiClient, bob: ApiClient) -> None:
        row = task(["eva", "bob"])

        claimed = eva.post(f"tasks/{row.pk}/claim/").json()
        delegated = eva.post(f"tasks/{row.pk}/delegate/", {"user": "bob"}).json()
        released = bob.post(f"tasks/{row.pk}/release/", {"reason": "busy"}).json()
        completed = eva.post(f"tasks/{row.pk}/complete/", YES | {"comment": "ok"}).json()

        assert (claimed["status"], claimed["assignee"]) == ("claimed", "eva")
        assert (delegated["assignee"], delegated["owner"]) == ("bob", "eva")
        assert (released["status"], released["assignee"]) == ("open", None)
        assert completed["status"] == "completed"
        assert (completed["data"], completed["comment"]) == ({"approved": True}, "ok")
        assert completed["ended_by"]["name"] == "eva"
        assert completed["form"] is None

    def test_who_steers_reassigns_and_cancels(self, boss: ApiClient, eva: ApiClient) -> None:
        row = task("group:hr")

        given = boss.post(f"tasks/{row.pk}/reassign/", {"user": "eva", "reason": "hers"})
        gone = boss.post(f"tasks/{row.pk}/cancel/", {"reason": "no need"})

        assert (given.status_code, given.json()["assignee"]) == (200, "eva")
        assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
        assert list(ExecutionEvent.objects.values_list("reason", flat=True)) == ["hers", "no need"]

    def test_a_group_is_offered_it(self, boss: ApiClient) -> None:
        ApiClient(DO, name="hanna").user.groups.create(name="hr")
        row = task("eva")

        told = boss.post(f"tasks/{row.pk}/reassign/", {"group": "hr"}).json()

        assert told["candidates"] == [{"kind": "group", "name": "hr"}]

    def test_what_somebody_has_is_409_and_says_who(self, eva: ApiClient, bob: ApiClient) -> None:
        row = task()
        bob.post(f"tasks/{row.pk}/claim/")

        for act in ("claim/", "complete/"):
            answer = eva.post(f"tasks/{row.pk}/{act}", YES if act == "complete/" else None)
            assert code_of(answer) == (409, "already-claimed")
            assert answer.json()["claimed_by"] == "bob"
            assert answer.json()["claimed_at"] == "2026-01-01T00:00:00Z"

    def test_what_is_done_is_409_and_says_by_whom(self, eva: ApiClient, bob: ApiClient) -> None:
        row = task()
        bob.post(f"tasks/{row.pk}/complete/", YES)

        answer = eva.post(f"tasks/{row.pk}/complete/", YES)

        assert code_of(answer) == (409, "already-completed")
        assert (answer.json()["by"], answer.json()["at"]) == ("bob", "2026-01-01T00:00:00Z")

    def test_what_was_cancelled_is_over(self, eva: ApiClient, boss: ApiClient) -> None:
        row = task()
        boss.post(f"tasks/{row.pk}/cancel/")

        answer = eva.post(f"tasks/{row.pk}/complete/", YES)

        assert code_of(answer) == (409, "task-over")
        assert (answer.json()["current_status"], answer.json()["by"]) == ("cancelled", "boss")

    def test_errors_point_at_the_fields(self, eva: ApiClient) -> None:
        row = task(form=REFUND)

        answer = eva.post(
            f"tasks/{row.pk}/complete/", {"data": {"amount": "x", "reason": "late", "a/b": 1}}
        )

        assert code_of(answer) == (400, "invalid-input")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/data/a~1b"]
        answer = eva.post(f"tasks/{row.pk}/complete/", {"data": {"amount": "x"}})
        assert [one["pointer"] for one in answer.json()["errors"]] == [
            "/data/amount",
            "/data/reason",
        ]
        answer = eva.post(f"tasks/{row.pk}/complete/", {"data": {"amount": 5000, "reason": "late"}})
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/data"]
        assert fresh(row).status == "open"

    def test_whom_it_is_not_for_is_403(self, store: Any) -> None:
        vic = ApiClient(SEE, DO, name="vic")
        others, barred, open_one = task("bob"), task("vic", not_by=["vic"]), task("vic")

        for act in ("claim/", "complete/"):
            body = YES if act == "complete/" else None
            assert code_of(vic.post(f"tasks/{others.pk}/{act}", body)) == (403, "not-candidate")
            assert code_of(vic.post(f"tasks/{barred.pk}/{act}", body)) == (403, "four-eyes")
        assert code_of(vic.post(f"tasks/{open_one.pk}/release/")) == (403, "not-assignee")
        assert code_of(vic.post(f"tasks/{open_one.pk}/delegate/", {"user": "vic"})) == (
            403,
            "not-assignee",
        )

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/user"),
            ({"user": "a", "group": "b"}, "/user"),
            ({"user": 7}, "/user"),
            ({"user": "nobody"}, "/user"),
            ({"user": "boss"}, "/user"),
            ({"group": "nothing"}, "/user"),
            ({"user": "boss", "owner": "x"}, "/owner"),
            ({"user": "x" * 300}, "/user"),
        ],
    )
    def test_nobody_is_given_a_task(self, boss: ApiClient, body: Any, pointer: str) -> None:
        answer = boss.post(f"tasks/{task().pk}/reassign/", body)

        assert code_of(answer) == (400, "invalid-input")
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]

    @pytest.mark.parametrize(
        "body",
        [
            {"data": []},
            {"data": {"approved": True}, "by": "boss"},
            {"data": {"approved": True}, "comment": 5},
            {"comment": "x" * 10_001},
            [],
            "{",
        ],
    )
    def test_a_body_says_nothing_else(self, eva: ApiClient, body: Any) -> None:
        row = task()

        answer = eva.post(f"tasks/{row.pk}/complete/", body)

        assert answer.status_code == 400
        assert fresh(row).status == "open"

    def test_a_claim_has_no_body(self, eva: ApiClient) -> None:
        assert eva.post(f"tasks/{task().pk}/claim/", {"user": "bob"}).status_code == 400

    def test_a_form_that_is_not_loaded_is_409(self, eva: ApiClient) -> None:
        row = task(form="shop.forms.RefundForm")

        assert code_of(eva.post(f"tasks/{row.pk}/complete/", YES)) == (409, "unknown-form")

    def test_an_answer_that_is_too_large_is_400(self, eva: ApiClient) -> None:
        row = task(form=REFUND)
        data = {"amount": 1, "reason": "late", "note": "\u20ac" * 87_000}

        answer = eva.post(f"tasks/{row.pk}/complete/", {"data": data})

        assert answer.status_code in (400, 413)
        assert fresh(row).status == "open"

    def test_a_request_that_is_sent_again_gets_its_first_answer(self, eva: ApiClient) -> None:
        row = task()
        key = {"Idempotency-Key": "abc"}

        first = eva.post(f"tasks/{row.pk}/complete/", YES, **key)
        again = eva.post(f"tasks/{row.pk}/complete/", YES, **key)

        assert (first.status_code, again.status_code) == (200, 200)
        assert again["Idempotent-Replayed"] == "true"
        assert again.content == first.content


class TestOfAnExecution:
    def test_it_lists_those_that_the_user_sees(self, store: Any) -> None:
        own = execution()
        first, second = task("eva", of=own, key="a"), task("bob", of=own, key="b")
        task()
        looking = ApiClient(Permission.VIEW, SEE)
        doing = ApiClient(Permission.VIEW, DO, name="eva")
        viewing = ApiClient(Permission.VIEW)
        path = f"executions/{own.pk}/tasks/"

        assert ids(looking.get(path)) == [str(first.pk), str(second.pk)]
        assert ids(doing.get(path)) == [str(first.pk)]
        assert ids(viewing.get(path)) == []

    def test_they_can_be_included(self, store: Any) -> None:
        own = execution()
        row = task(of=own)

        answer = ApiClient(Permission.VIEW, SEE).get(f"executions/{own.pk}/?include=tasks,steps")

        assert [one["id"] for one in answer.json()["tasks"]["results"]] == [str(row.pk)]

    @pytest.mark.parametrize("count", [1, 50])
    def test_they_cost_the_same_however_many(self, store: Any, count: int) -> None:
        own = execution()
        for number in range(count):
            task("eva", of=own, key=f"k{number}")
        client = ApiClient(Permission.VIEW, SEE)

        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"executions/{own.pk}/tasks/")

        assert (len(ids(answer)), len(queries)) == (count, 9)


class TestLinks:
    def test_one_makes_lists_and_revokes_ones_own(self, eva: ApiClient) -> None:
        row = task("eva")

        made = eva.post(f"tasks/{row.pk}/links/", {"expires_in_seconds": 3600})
        token = made.json()["token"]
        listed = eva.get(f"tasks/{row.pk}/links/")
        gone = eva.client.delete(f"/api/durable/v1/tasks/{row.pk}/links/{made.json()['id']}/")

        assert made.status_code == 201
        assert made["Cache-Control"] == "no-store"
        assert made.json()["url"].endswith(f"/v1/task-links/{token}/")
        assert listed.json()["results"][0]["state"] == "open"
        assert token not in listed.content.decode()
        assert gone.status_code == 204
        assert HumanTaskLink.objects.get().revoked_at is not None

    def test_a_used_one_cannot_be_revoked(self, eva: ApiClient) -> None:
        row = task("eva")
        made = eva.post(f"tasks/{row.pk}/links/", {"expires_in_seconds": 3600}).json()
        assert eva.post(made["url"], YES).status_code == 200

        gone = eva.client.delete(f"/api/durable/v1/tasks/{row.pk}/links/{made['id']}/")

        assert code_of(gone) == (409, "task-link-used")

    def test_nobody_makes_one_for_another(self, boss: ApiClient, eva: ApiClient) -> None:
        """They would hold it first, and could answer as whom it is for."""
        row = task(["eva", "bob"])
        body = {"expires_in_seconds": 60}

        assert code_of(eva.post(f"tasks/{row.pk}/links/", body | {"user": "bob"}))[0] == 400
        assert code_of(boss.post(f"tasks/{row.pk}/links/", body)) == (403, "forbidden")
        assert eva.post(f"tasks/{row.pk}/links/", body).json()["user"] == "eva"

    @pytest.mark.parametrize("seconds", [0, -1, 10**12, "60", 1.5, None])
    def test_its_life_has_bounds(self, eva: ApiClient, seconds: Any) -> None:
        answer = eva.post(f"tasks/{task().pk}/links/", {"expires_in_seconds": seconds})

        assert code_of(answer) == (400, "invalid-input")

    @pytest.mark.parametrize("link_id", ["x", str(UUID(int=7))])
    def test_one_that_is_not_there_is_404(self, eva: ApiClient, link_id: str) -> None:
        gone = eva.client.delete(f"/api/durable/v1/tasks/{task().pk}/links/{link_id}/")

        assert code_of(gone) == (404, "task-link-not-found")


def test_writing_is_throttled(eva: ApiClient) -> None:
    row = task()
    with durable_settings(REST_WRITE_RATE="2/min"):
        statuses = [eva.post(f"tasks/{row.pk}/claim/").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_an_overdue_task_says_so(eva: ApiClient) -> None:
    row = task(due_at=engine().store.now() - timedelta(hours=2))

    assert eva.get(f"tasks/{row.pk}/").json()["is_overdue"]
