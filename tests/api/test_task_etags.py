from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control import human_tasks
from durable_django.control.permissions import Permission
from durable_django.models import ExecutionEvent, HumanTask
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.doors import durable_settings
from tests.api.stories import ApiClient
from tests.control.human_tasks.desk import DO, SEE, STEER, execution, fresh, person, task
from tests.control.human_tasks.sample_forms import RefundForm

pytestmark = pytest.mark.django_db
FORM = f"{RefundForm.__module__}.{RefundForm.__qualname__}"
ACTS: dict[str, Any] = {
    "claim": {},
    "release": {"reason": "ill"},
    "delegate": {"user": "bob"},
    "reassign": {"user": "bob"},
    "complete": {"data": {"approved": True}},
    "cancel": {},
}


@pytest.fixture(autouse=True)
def store(durable: DurableDriver) -> DurableDriver:
    return durable


@pytest.fixture
def eva(store: Any) -> ApiClient:
    return ApiClient(DO, SEE, STEER, name="eva")


def tag_of(client: ApiClient, row: HumanTask) -> str:
    tag: str = client.get(f"tasks/{row.pk}/").headers["ETag"]
    return tag


class TestIfNoneMatch:
    def test_what_one_has_is_not_told_again(self, eva: ApiClient) -> None:
        row = task("eva")
        tag = tag_of(eva, row)

        answer = eva.get(f"tasks/{row.pk}/", If_None_Match=tag)

        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)

    @pytest.mark.parametrize(
        "change",
        [
            {"assignee": "bob", "status": "claimed"},
            {"reminders": 1},
            {"title": "Other"},
            {"due_at": timedelta(0)},
        ],
        ids=["assignee", "reminders", "title", "overdue"],
    )
    def test_news_are_told(self, eva: ApiClient, change: dict[str, Any]) -> None:
        row = task("eva")
        tag = tag_of(eva, row)
        now = engine().store.now()
        fields = {name: now if name == "due_at" else value for name, value in change.items()}
        HumanTask.objects.filter(pk=row.pk).update(**fields)

        assert eva.get(f"tasks/{row.pk}/", If_None_Match=tag).status_code == 200

    def test_what_one_may_do_is_part_of_it(self, eva: ApiClient) -> None:
        row = task("eva")

        assert tag_of(eva, row) != tag_of(ApiClient(SEE, name="vic"), row)

    def test_what_a_form_begins_with_is_not(
        self, eva: ApiClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = task("eva", form=FORM, fields=[])
        moments = iter(["1", "2"])
        monkeypatch.setattr(RefundForm.base_fields["note"], "initial", lambda: next(moments))

        assert tag_of(eva, row) == tag_of(eva, row)


class TestIfMatch:
    @pytest.mark.parametrize("act", ACTS)
    def test_the_version_that_is_meant_is_acted_on(self, eva: ApiClient, act: str) -> None:
        person("bob", DO)
        row = task() if act == "claim" else task(assignee="eva")

        answer = eva.post(f"tasks/{row.pk}/{act}/", ACTS[act], If_Match=tag_of(eva, row))

        assert answer.status_code == 200, answer.content
        assert answer.headers["ETag"] == tag_of(eva, row)

    @pytest.mark.parametrize("act", ACTS)
    def test_another_version_is_not(self, eva: ApiClient, act: str) -> None:
        person("bob", DO)
        row = task() if act == "claim" else task(assignee="eva")
        tag = tag_of(eva, row)
        HumanTask.objects.filter(pk=row.pk).update(priority=7)
        before = HumanTask.objects.values().get()

        answer = eva.post(f"tasks/{row.pk}/{act}/", ACTS[act], If_Match=tag)

        assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
        assert HumanTask.objects.values().get() == before
        assert not ExecutionEvent.objects.exists()

    def test_the_tag_of_an_act_is_good_for_the_next(self, eva: ApiClient) -> None:
        row = task()

        claimed = eva.post(f"tasks/{row.pk}/claim/")
        released = eva.post(f"tasks/{row.pk}/release/", {}, If_Match=claimed.headers["ETag"])

        assert released.status_code == 200
        assert fresh(row).assignee == ""

    def test_who_was_first_is_told_to_who_wants_any_version(self, eva: ApiClient) -> None:
        row = task()
        human_tasks.claim(row.pk, user=person("bob", DO))

        answer = eva.post(f"tasks/{row.pk}/claim/", If_Match="*")

        assert (answer.status_code, answer.json()["code"]) == (409, "already-claimed")

    def test_what_is_out_of_sight_is_not_locked(self, eva: ApiClient) -> None:
        row = task()

        with (
            durable_settings(SCOPE="tests.api.doors.see_nothing"),
            CaptureQueriesContext(connection) as queries,
        ):
            answer = eva.post(f"tasks/{row.pk}/claim/", If_Match='"any"')

        assert answer.status_code == 404
        assert not [query for query in queries if query["sql"].startswith("UPDATE")]


class TestOfTheExecution:
    def test_its_tag_tells_of_its_tasks_if_they_are_told(self, store: Any) -> None:
        viewer = ApiClient(SEE, Permission.VIEW, name="vic")
        row = task(of=execution(), due_at=engine().store.now() + timedelta(hours=1))
        path = f"executions/{row.execution_id}/?include=tasks"
        tag = viewer.get(path).headers["ETag"]
        same = viewer.get(path, If_None_Match=tag)
        HumanTask.objects.filter(pk=row.pk).update(due_at=engine().store.now())

        late = viewer.get(path, If_None_Match=tag)

        assert same.status_code == 304
        assert late.json()["tasks"]["results"][0]["is_overdue"] is True
