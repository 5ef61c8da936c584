from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from durable_django.control.human_tasks.inbox import TaskFilter
from durable_django.control.human_tasks.people import Person, person_of
from durable_django.control.human_tasks.rows import TaskRow, build_row, list_rows, say_due
from durable_django.models import HumanTask
from durable_django.runtime import engine
from tests.control.human_tasks.desk import DO, HOUR, STEER, over, person, task

NOTHING: set[str] = set()


def row_of(row: HumanTask, who: Person) -> TaskRow:
    return build_row(row, who, engine().store.now())


def acts(row: TaskRow) -> set[str]:
    named = ("claim", "release", "complete", "delegate", "reassign", "cancel")
    return {name for name in named if getattr(row, f"can_{name}")}


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (None, ""),
        (-120, "overdue 2 h"),
        (-0.5, "overdue 30 s"),
        (0, "overdue 0 ms"),
        (245, "due in 4 h 5 min"),
        (3 * 24 * 60, "due in 3 d"),
    ],
)
def test_due_is_said_in_words(store: Any, minutes: float | None, said: str) -> None:
    now = engine().store.now()

    assert say_due(None if minutes is None else now + timedelta(minutes=minutes), now) == said


@pytest.mark.parametrize(
    ("hours", "overdue", "soon"), [(-1, True, False), (1, False, True), (30, False, False)]
)
def test_what_is_urgent_is_marked(store: Any, hours: int, overdue: bool, soon: bool) -> None:  # noqa: FBT001
    row = row_of(task(due_at=engine().store.now() + hours * HOUR), person_of(person("eva")))

    assert (row.is_overdue, row.is_soon) == (overdue, soon)


def test_who_may_do_what(store: Any) -> None:
    eva = person_of(person("eva", DO, groups=["finance"]))
    boss = person_of(person("boss", STEER))
    offered, mine, bobs = task("group:finance"), task(assignee="eva"), task("eva", assignee="bob")

    assert acts(row_of(offered, eva)) == {"claim", "complete"}
    assert acts(row_of(mine, eva)) == {"release", "complete", "delegate"}
    assert acts(row_of(bobs, eva)) == NOTHING
    assert acts(row_of(offered, boss)) == {"reassign", "cancel"}
    assert acts(row_of(bobs, boss)) == {"release", "reassign", "cancel"}


def test_nothing_may_be_done_with_what_is_over(store: Any) -> None:
    root = person_of(person("root", is_superuser=True))
    row = task(assignee="root", due_at=engine().store.now())
    over(row)
    row.refresh_from_db()

    told = row_of(row, root)

    assert acts(told) == NOTHING
    assert (told.due, told.is_overdue) == ("", False)


def test_four_eyes_leave_a_superuser_nothing_but_handing_on(store: Any) -> None:
    root = person_of(person("root", is_superuser=True))

    told = row_of(task("root", not_by=["root"]), root)

    assert told.is_barred
    assert acts(told) == {"reassign", "cancel"}


def test_who_has_it_or_may_claim_it_is_named(store: Any) -> None:
    eva = person_of(person("eva"))

    assert row_of(task(["bob", "group:hr", "group:finance"]), eva).who == "finance, hr, bob"
    assert row_of(task("group:hr", assignee="bob"), eva).who == "bob"
    assert row_of(task(), eva).who == ""


def test_the_name_stands_in_for_a_title(store: Any) -> None:
    assert row_of(task(title=""), person_of(person("eva"))).title == "approve"


def test_a_command_lists_all_and_may_do_nothing(store: Any) -> None:
    task()
    task("group:hr", due_at=engine().store.now())

    listed = list_rows(TaskFilter(), 10)

    assert [row.who for row in listed] == ["hr", ""]
    assert [acts(row) for row in listed] == [NOTHING, NOTHING]
    assert not any(row.is_mine for row in listed)
    assert len(list_rows(TaskFilter(), 1)) == 1
