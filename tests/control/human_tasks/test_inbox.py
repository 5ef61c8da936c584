from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.human_tasks.inbox import (
    MAX_COUNTED,
    Inbox,
    State,
    Tab,
    TaskFilter,
    filter_tasks,
)
from durable_django.control.human_tasks.rows import build_row
from durable_django.control.human_tasks.visibility import all_tasks
from durable_django.domain.status import TaskStatus
from durable_django.models import HumanTask, HumanTaskCandidate
from durable_django.runtime import engine
from tests.api.doors import durable_settings
from tests.control.human_tasks.desk import DO, HOUR, SEE, execution, over, person, task


@pytest.fixture
def eva(store: Any) -> User:
    return person("eva", DO, groups=["finance"])


def names(rows: Any) -> list[str]:
    return [row.name for row in rows]


def everything(user: Any, executions: Any) -> Any:
    return executions.filter(workflow_name__gt="")


class TestTabs:
    def test_each_part_has_its_own(self, eva: User) -> None:
        task(assignee="eva", name="mine")
        task("group:finance", name="offered")
        task("group:finance", assignee="bob", name="bobs")
        task("group:hr", name="hrs")
        over(task("eva", name="done"))

        inbox = Inbox(eva)

        assert names(inbox.list(Tab.MINE)) == ["mine"]
        assert names(inbox.list(Tab.GROUPS)) == ["offered"]
        assert names(inbox.list(Tab.ALL)) == ["mine", "offered", "bobs"]
        assert names(inbox.list(Tab.DONE)) == ["done"]
        assert inbox.count() == {Tab.MINE: 1, Tab.GROUPS: 1, Tab.ALL: 3, Tab.DONE: 1}

    def test_who_views_all_has_the_same_first_two(self, store: Any) -> None:
        task("group:hr", name="hrs")
        task(assignee="bob", name="bobs")

        inbox = Inbox(person("vic", SEE, DO))

        assert inbox.count() == {Tab.MINE: 0, Tab.GROUPS: 0, Tab.ALL: 2, Tab.DONE: 0}

    @pytest.mark.parametrize("name", ["eva", "Zoë", 'o"neil\\', "%_"])
    def test_what_four_eyes_keep_from_them_is_not_theirs_to_claim(
        self, store: Any, name: str
    ) -> None:
        task("group:finance", name="barred", not_by=["bob", name])
        task("group:finance", name="free", not_by=["bob", f"a{name}", f"{name}x"])

        inbox = Inbox(person(name, DO, groups=["finance"]))

        assert names(inbox.list(Tab.GROUPS)) == ["free"]
        assert inbox.count()[Tab.GROUPS] == 1
        assert names(inbox.list(Tab.ALL)) == ["barred", "free"]

    def test_four_eyes_tell_upper_and_lower_case_apart(self, eva: User) -> None:
        task("group:finance", name="Eva's", not_by=["EVA", "Eva"])

        assert names(Inbox(eva).list(Tab.GROUPS)) == ["Eva's"]

    def test_counting_ends_somewhere(self, eva: User, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(4):
            task(of=execution())
        monkeypatch.setattr("durable_django.control.human_tasks.inbox.MAX_COUNTED", 2)

        assert Inbox(eva).count()[Tab.ALL] == 3
        assert MAX_COUNTED == 1000


class TestOrder:
    def test_most_urgent_first(self, eva: User) -> None:
        now = engine().store.now()
        task(name="no due, old")
        task(name="no due, urgent", priority=9)
        task(name="late", due_at=now + 2 * HOUR)
        task(name="soon", due_at=now + HOUR)
        task(name="soon, urgent", due_at=now + HOUR, priority=1)
        task(name="no due, new")

        assert names(Inbox(eva).list(Tab.ALL)) == [
            "soon, urgent",
            "soon",
            "late",
            "no due, urgent",
            "no due, old",
            "no due, new",
        ]

    def test_what_is_over_is_newest_first(self, eva: User) -> None:
        now = engine().store.now()
        for hours in (2, 3, 1):
            row = task(name=str(hours))
            over(row, TaskStatus.EXPIRED, now + hours * HOUR)

        assert names(Inbox(eva).list(Tab.DONE)) == ["3", "2", "1"]


class TestFilters:
    @pytest.fixture
    def rows(self, store: Any) -> dict[str, HumanTask]:
        now = engine().store.now()
        refund = execution(workflow_name="shop.refund", key="order-77")
        rows = {
            "a": task(name="a", assignee="eva", of=refund, title="Approve refund #42"),
            "b": task(name="b", due_at=now + HOUR),
            "c": task(name="c", due_at=now + 2 * HOUR),
            "d": task(name="d"),
            "e": task(name="e"),
        }
        over(rows["d"])
        over(rows["e"], TaskStatus.CANCELLED)
        return rows

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({}, "abcde"),
            ({"state": State.OPEN}, "bc"),
            ({"state": State.CLAIMED}, "a"),
            ({"state": State.ACTIVE}, "abc"),
            ({"state": State.DONE}, "de"),
            ({"assignee": "eva"}, "a"),
            ({"assignee": "EVA"}, ""),
            ({"workflow": "shop.refund"}, "a"),
            ({"search": "REFUND #4"}, "a"),
            ({"search": "order-7"}, "a"),
            ({"search": " shop.ref "}, "a"),
            ({"search": "\0"}, ""),
            ({"search": "%"}, ""),
            ({"search": "'; DROP TABLE x; --"}, ""),
        ],
    )
    def test_only_what_is_asked_for(
        self, rows: dict[str, HumanTask], asked: dict[str, Any], found: str
    ) -> None:
        got = filter_tasks(all_tasks(), TaskFilter(**asked)).order_by("name")

        assert "".join(names(got)) == found

    def test_by_time_execution_and_id(self, rows: dict[str, HumanTask]) -> None:
        due = TaskFilter(due_before=engine().store.now() + 2 * HOUR)
        of = TaskFilter(execution_id=rows["a"].execution_id)
        by_id = TaskFilter(search=str(rows["b"].pk))
        by_execution = TaskFilter(search=str(rows["a"].execution_id))

        found = [names(filter_tasks(all_tasks(), one)) for one in (due, of, by_id, by_execution)]

        assert found == [["b"], ["a"], ["b"], ["a"]]


class TestQueries:
    @pytest.mark.parametrize("scope", ["", f"{__name__}.everything"])
    @pytest.mark.parametrize("count", [1, 200])
    def test_an_inbox_costs_the_same_however_much_is_in_it(
        self, eva: User, count: int, scope: str
    ) -> None:
        one = execution()
        now = engine().store.now()
        made = HumanTask.objects.bulk_create(
            HumanTask(execution=one, key=f"k{n}", name="n", created_at=now, updated_at=now)
            for n in range(count)
        )
        HumanTaskCandidate.objects.bulk_create(
            HumanTaskCandidate(task=row, kind="group", name="finance") for row in made
        )
        fresh_eva = User.objects.get(pk=eva.pk)

        with durable_settings(SCOPE=scope), counted() as queries:
            inbox = Inbox(fresh_eva)
            rows = [build_row(row, inbox.person, now) for row in inbox.list(Tab.ALL)[:200]]
            inbox.count()
            executions = {row.task.execution.workflow_name for row in rows}

        # The groups, two for the permissions, the tasks, their candidates, and the counts.
        assert (len(rows), len(executions), len(queries)) == (count, 1, 6)

    def test_a_list_reads_no_payload(self, eva: User) -> None:
        task()
        inbox = Inbox(eva)

        with counted() as queries:
            list(inbox.list(Tab.ALL))

        statement = queries[0]["sql"]
        assert not any(f'"{name}"' in statement for name in ("data", "display", "input", "output"))
        assert '"assignee"' in statement.replace("`", '"')


@contextmanager
def counted() -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as queries:
        yield queries


def test_due_before_is_not_due_at(eva: User) -> None:
    at = engine().store.now() + timedelta(minutes=5)
    task(due_at=at)

    assert not filter_tasks(all_tasks(), TaskFilter(due_before=at)).exists()
