from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.visibility import (
    find_visible_task,
    is_barred,
    is_for,
    visible_tasks,
)
from durable_django.exceptions import TaskNotFoundError
from durable_django.models import HumanTask
from tests.api.doors import durable_settings, see_nothing
from tests.control.human_tasks.desk import DO, SEE, STEER, over, person, task


def shop_only(user: Any, executions: Any) -> Any:
    """Be a scope that joins, so that an execution comes more than once."""
    return executions.filter(workflow_name="shop.order", events__isnull=True)


def seen_by(user: User) -> set[HumanTask]:
    found = list(visible_tasks(user))
    assert len(found) == len(set(found))
    return set(found)


def claimed_by(name: str) -> HumanTask:
    row = task()
    HumanTask.objects.filter(pk=row.pk).update(assignee=name, status="claimed")
    return row


@pytest.fixture
def tasks(store: Any) -> dict[str, HumanTask]:
    return {
        "evas": task(assignee="eva"),
        "for eva": task(["eva", "bob"]),
        "for finance": task("group:finance"),
        "for hr": task("group:hr"),
        "bobs of finance": task("group:finance", assignee="bob"),
        "bobs": task(assignee="bob"),
        "delegated": task(assignee="bob", owner="eva"),
        "for all": task(),
        "for all, and bob has it": claimed_by("bob"),
        # A user and a group may be called alike.
        "for a group called eva": task("group:eva"),
        "for a user called finance": task("finance"),
    }


def test_who_completes_tasks_sees_those_that_concern_them(tasks: dict[str, HumanTask]) -> None:
    eva = person("eva", DO, groups=["finance"])

    names = {
        "evas",
        "for eva",
        "for finance",
        "bobs of finance",
        "delegated",
        "for all",
        "for all, and bob has it",
    }
    assert seen_by(eva) == {tasks[name] for name in names}


def test_who_views_tasks_sees_all(tasks: dict[str, HumanTask]) -> None:
    assert seen_by(person("vic", SEE)) == set(tasks.values())


@pytest.mark.parametrize("permission", [STEER, None])
def test_without_a_permission_to_look_there_is_nothing(
    tasks: dict[str, HumanTask], permission: Any
) -> None:
    eva = person("eva", STEER, groups=["finance"])
    if permission is None:
        eva.user_permissions.clear()

    assert not seen_by(eva)


def test_who_is_not_active_sees_nothing(tasks: dict[str, HumanTask]) -> None:
    assert not seen_by(person("eva", DO, SEE, is_active=False))


def test_who_completed_a_task_still_sees_it(store: Any) -> None:
    row = task(assignee="bob", actor_kind="hook", actor_name="eva")
    over(row)

    assert seen_by(person("eva")) == {row}


def test_out_of_scope_nothing_is_there(tasks: dict[str, HumanTask]) -> None:
    vic = person("vic", SEE, DO, STEER)
    with durable_settings(SCOPE=f"{see_nothing.__module__}.see_nothing"):
        assert not seen_by(vic)
        with pytest.raises(TaskNotFoundError):
            find_visible_task(vic, tasks["for all"].pk)


def test_a_scope_that_joins_shows_each_task_once(tasks: dict[str, HumanTask]) -> None:
    vic = person("vic", SEE)
    with durable_settings(SCOPE=f"{__name__}.shop_only"):
        assert seen_by(vic) == set(tasks.values())


def test_what_a_person_sees_of_their_own_is_what_is_for_them(tasks: dict[str, HumanTask]) -> None:
    """The query and the look at one row agree; who delegated a task has handed it on."""
    eva = person("eva", DO, groups=["finance"])
    who = person_of(eva)
    seen = seen_by(eva)

    for name, row in tasks.items():
        assert is_for(row, who) == (row in seen and name != "delegated"), name


def test_four_eyes_hold_by_the_very_name(store: Any) -> None:
    row = task(not_by=["eva"])

    assert is_barred(row, person_of(person("eva")))
    assert not is_barred(row, person_of(person("Eva2")))
