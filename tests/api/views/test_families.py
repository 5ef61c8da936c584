"""Children, groups and maps over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.testing.driver import DurableDriver
from tests.api.doors import durable_settings
from tests.api.families import CHILD, GROUP, MAPPED, PARENT, PAYING, registered_families
from tests.api.stories import ApiClient, begin, ids


@pytest.fixture(autouse=True)
def families() -> Iterator[None]:
    with registered_families():
        yield


def no_children(user: Any, executions: Any) -> Any:
    """Be a `DURABLE["SCOPE"]` that hides them."""
    return executions.exclude(workflow_name=CHILD)


def children_of(execution_id: UUID) -> list[WorkflowExecution]:
    return list(WorkflowExecution.objects.filter(parent_id=execution_id).order_by("pk"))


class TestChildren:
    def test_they_are_listed_oldest_first_with_who_started_them(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, PARENT, count=3)

        answer = viewer.get(f"executions/{execution_id}/children/")

        assert ids(answer) == [str(one.pk) for one in children_of(execution_id)]
        [beside] = [c for c in answer.json()["results"] if c["parent_call"] == "beside"]
        assert (beside["parent"], beside["depth"]) == (str(execution_id), 1)
        assert beside["on_parent_close"] == "abandon"
        others = {c["on_parent_close"] for c in answer.json()["results"]} - {"abandon"}
        assert others == {"cancel"}

    def test_a_root_has_none_of_that(self, durable: DurableDriver, viewer: ApiClient):
        body = viewer.get(f"executions/{begin(durable, PAYING)}/").json()

        found = (body["parent"], body["parent_call"], body["depth"], body["on_parent_close"])
        assert found == (None, "", 0, None)

    def test_they_come_in_pages(self, durable: DurableDriver, viewer: ApiClient):
        execution_id = begin(durable, PARENT, count=6)

        first = viewer.get(f"executions/{execution_id}/children/?page_size=4")
        second = viewer.get(first.json()["next"])

        assert ids(first) + ids(second) == [str(one.pk) for one in children_of(execution_id)]
        assert second.json()["next"] is None

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("call=each", 6),
            ("call=beside", 1),
            ("call=BESIDE", 0),
            ("status=failed", 2),
            ("status=failed&status=completed", 3),
            ("call=each&status=suspended", 3),
        ],
    )
    def test_they_can_be_narrowed(
        self, durable: DurableDriver, viewer: ApiClient, query: str, count: int
    ):
        execution_id = begin(durable, PARENT, count=6)

        assert len(ids(viewer.get(f"executions/{execution_id}/children/?{query}"))) == count

    @pytest.mark.parametrize("query", ["status=nonsense", "call=%00", "parent=x", "cursor=x"])
    def test_what_cannot_be_asked_is_refused(
        self, durable: DurableDriver, viewer: ApiClient, query: str
    ):
        execution_id = begin(durable, PAYING)

        answer = viewer.get(f"executions/{execution_id}/children/?{query}")

        assert answer.status_code == 400

    def test_of_an_unknown_execution_there_is_no_list(self, viewer: ApiClient):
        assert viewer.get(f"executions/{UUID(int=7)}/children/").status_code == 404

    def test_who_is_out_of_scope_is_not_among_them(self, durable: DurableDriver, viewer: ApiClient):
        execution_id = begin(durable, PARENT, count=3)

        with durable_settings(SCOPE=f"{__name__}.no_children"):
            answer = viewer.get(f"executions/{execution_id}/children/")
            whole = viewer.get(f"executions/{execution_id}/?include=children").json()
            child = viewer.get(f"executions/{children_of(execution_id)[0].pk}/children/")

        assert ids(answer) == []
        assert whole["children"]["results"] == []
        assert child.status_code == 404

    def test_they_can_be_included_and_change_the_tag(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, PARENT, count=3)
        path = f"executions/{execution_id}/?include=children"
        before = viewer.get(path)
        WorkflowExecution.objects.filter(parent_key="beside").update(status="paused")

        after = viewer.get(path, **{"If-None-Match": before["ETag"]})
        alone = viewer.get(f"executions/{execution_id}/")

        assert len(before.json()["children"]["results"]) == 4
        assert after.status_code == 200
        assert viewer.get(path, **{"If-None-Match": after["ETag"]}).status_code == 304
        # Without them their changes are none of the execution's.
        assert "children" not in alone.json()

    @pytest.mark.parametrize("count", [1, 150])
    def test_any_number_takes_the_same_queries(
        self, durable: DurableDriver, viewer: ApiClient, count: int
    ):
        execution_id = begin(durable, PARENT, count=count)

        with CaptureQueriesContext(connection) as queries:
            viewer.get(f"executions/{execution_id}/children/?page_size=200")

        # Session, user, two for the permissions, execution, children.
        assert len(queries) == 6


class TestFinding:
    def test_children_of_one_and_roots_are_found(self, durable: DurableDriver, viewer: ApiClient):
        parent, other = begin(durable, PARENT, count=3), begin(durable, PAYING)

        of_parent = viewer.get(f"executions/?parent={parent}")
        roots = viewer.get("executions/?root=true")
        children = viewer.get("executions/?root=false")

        assert set(ids(of_parent)) == {str(one.pk) for one in children_of(parent)}
        assert set(ids(roots)) == {str(parent), str(other)}
        assert len(ids(children)) == 5

    @pytest.mark.parametrize("query", ["parent=x", "root=yes", "root=", "parent="])
    def test_what_cannot_be_asked_is_refused(self, viewer: ApiClient, query: str):
        answer = viewer.get(f"executions/?{query}")

        assert answer.json()["code"] == "invalid-parameter"


class TestSteps:
    def test_a_group_says_how_it_ended_and_nothing_of_how_it_is_stored(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, GROUP)
        alice.post(f"executions/{execution_id}/signals/", {"name": "paid"})
        durable.drain()

        answer = alice.get(f"executions/{execution_id}/steps/")

        groups = {one["key"]: one["group"] for one in answer.json()["results"] if one["group"]}
        assert groups["prepare"]["branches"] == {"stock": "done", "pack": "done"}
        assert groups["end"]["decided_by"] == "paid"
        assert groups["end"]["timed_out"] is False
        assert "failed_calls" not in answer.text

    def test_a_child_s_attempt_says_which_execution_it_is(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, PAYING)
        [pay] = children_of(execution_id)

        [step] = viewer.get(f"executions/{execution_id}/steps/").json()["results"]

        assert (step["kind"], step["child_id"]) == ("child", str(pay.pk))

    def test_items_are_counted_with_their_map_and_listed_apart(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, MAPPED, count=9)

        [step] = alice.get(f"executions/{execution_id}/steps/").json()["results"]
        items = alice.get(f"executions/{execution_id}/steps/?map=load&page_size=5")
        rest = alice.get(items.json()["next"])

        assert (step["key"], step["kind"]) == ("load", "map")
        assert step["items"] == {
            "total": 9,
            "completed": 6,
            "failed": 3,
            "undone": 0,
            "open": 0,
            "are_children": False,
        }
        listed = items.json()["results"] + rest.json()["results"]
        assert [one["key"] for one in listed] == [f"load/{number}" for number in range(9)]
        assert {one["kind"] for one in listed} == {"item"}
        assert "hunter2" not in items.text

    def test_the_undos_of_items_are_listed_with_them(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, MAPPED, count=2)
        made = {"execution_id": execution_id, "status": "completed", "position": 1}
        StepCheckpoint.objects.create(key="~undo/load/1", name="load", kind="undo", **made)

        steps = viewer.get(f"executions/{execution_id}/steps/").json()["results"]
        items = viewer.get(f"executions/{execution_id}/steps/?map=load").json()["results"]

        assert [one["key"] for one in steps] == ["load"]
        assert [one["key"] for one in items] == ["load/0", "load/1", "~undo/load/1"]

    @pytest.mark.parametrize("key", ["LOAD", "loa", "load/1", "%25", "nothing"])
    def test_what_is_no_map_has_no_items(self, durable: DurableDriver, viewer: ApiClient, key: str):
        execution_id = begin(durable, MAPPED, count=3)

        answer = viewer.get(f"executions/{execution_id}/steps/?map={key}")

        assert answer.json()["results"] == []

    @pytest.mark.parametrize("key", ["", "%00", "x" * 600])
    def test_what_can_be_no_key_is_refused_or_finds_nothing(
        self, durable: DurableDriver, viewer: ApiClient, key: str
    ):
        execution_id = begin(durable, MAPPED, count=3)

        answer = viewer.get(f"executions/{execution_id}/steps/?map={key}")

        assert answer.status_code in (200, 400)
        assert answer.json().get("results", []) == []

    @pytest.mark.parametrize("count", [1, 150])
    def test_any_number_of_items_takes_the_same_queries(
        self, durable: DurableDriver, viewer: ApiClient, count: int
    ):
        execution_id = begin(durable, MAPPED, count=count)

        with CaptureQueriesContext(connection) as steps:
            viewer.get(f"executions/{execution_id}/steps/?page_size=200")
        with CaptureQueriesContext(connection) as items:
            viewer.get(f"executions/{execution_id}/steps/?map=load&page_size=200")

        # Session, user, two for the permissions, execution, steps; and the items are counted.
        assert (len(steps), len(items)) == (7, 6)


class TestReports:
    @pytest.mark.parametrize("report", ["timeline", "graph", "history"])
    @pytest.mark.parametrize("count", [1, 150])
    def test_any_number_of_items_takes_the_same_queries(
        self, durable: DurableDriver, viewer: ApiClient, count: int, report: str
    ):
        execution_id = begin(durable, MAPPED, count=count)

        with CaptureQueriesContext(connection) as queries:
            answer = viewer.get(f"executions/{execution_id}/{report}/")

        assert answer.status_code == 200
        # Session, user, two for the permissions; the row twice, calls, timers, and the count; the
        # timeline and the history read signals and events too.
        assert len(queries) == (9 if report == "graph" else 11)

    def test_a_child_is_led_to_if_it_may_be_seen(self, durable: DurableDriver, viewer: ApiClient):
        execution_id = begin(durable, PAYING)
        [pay] = children_of(execution_id)

        seen = viewer.get(f"executions/{execution_id}/timeline/").json()
        with durable_settings(SCOPE=f"{__name__}.no_children"):
            timeline = viewer.get(f"executions/{execution_id}/timeline/").json()
            graph = viewer.get(f"executions/{execution_id}/graph/").json()

        assert seen["rows"][0]["execution_id"] == str(pay.pk)
        assert timeline["rows"][0]["execution_id"] is None
        assert graph["nodes"][1]["execution_id"] is None

    def test_the_history_names_the_child_and_the_parent_that_cancelled_it(
        self, durable: DurableDriver, viewer: ApiClient
    ):
        execution_id = begin(durable, PAYING)
        [pay] = children_of(execution_id)
        durable.cancel(execution_id)

        of_parent = viewer.get(f"executions/{execution_id}/history/").json()["results"]
        of_child = viewer.get(f"executions/{pay.pk}/history/").json()["results"]
        cancel = viewer.get(f"executions/{pay.pk}/").json()["cancel"]

        [started] = [one for one in of_parent if one["type"] == "child_started"]
        assert (started["key"], started["child_id"]) == ("pay", str(pay.pk))
        [act] = [one for one in of_child if one["type"] == "act"]
        assert (act["actor_kind"], act["actor_id"]) == ("workflow", str(execution_id))
        assert cancel["requested_by"]["id"] == str(execution_id)


class TestForking:
    def test_the_plan_names_the_group_that_is_made_again_as_a_whole(
        self, durable: DurableDriver, alice: ApiClient
    ):
        execution_id = begin(durable, GROUP)

        answer = alice.post(
            f"executions/{execution_id}/fork/", {"from_step": "prepare/stock", "dry_run": True}
        )

        assert answer.json()["group"] == "prepare"
        assert set(answer.json()["again"]) >= {"prepare", "prepare/stock", "prepare/pack/box"}
